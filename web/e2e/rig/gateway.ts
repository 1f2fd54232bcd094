// What stands between a phone and the server: a network that fails in the ways
// that networks do. The phone knows this address alone.
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

const types: { [extension: string]: string } = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json', '.png': 'image/png',
};

/** A request that came by. */
export interface Passed {
  method: string;
  path: string;
  body: Buffer;
  answer: Buffer;
}

export class Gateway {
  url = '';
  /** Everything that came by, both ways, while it is on. */
  readonly passed: Passed[] = [];
  /** No network. */
  down = false;
  private readonly open = new Set<() => void>();
  private still = false;
  /** Answers in the server's place, when it gives something. */
  meet: ((method: string, path: string) => { status: number; type: string; body: string } | undefined) | undefined;
  /** Alters the headers of what goes on to the server. */
  alter: ((path: string, headers: IncomingHttpHeaders) => void) | undefined;
  private readonly server: Server;

  private constructor(private readonly to: () => string, private readonly apps: string | undefined) {
    this.server = createServer((req, res) => void this.pass(req, res));
  }

  /** Before a server; with `apps`, pages are served from that folder in the place of the program's. */
  static async before(to: () => string, apps?: string): Promise<Gateway> {
    const g = new Gateway(to, apps);
    await new Promise<void>((resolve) => g.server.listen(0, '127.0.0.1', resolve));
    g.url = `http://127.0.0.1:${(g.server.address() as AddressInfo).port}`;
    return g;
  }

  /** What went to the server's endpoints, one after another. */
  get calls(): string[] {
    return this.passed.filter((p) => p.path.startsWith('/api/')).map((p) => `${p.method} ${p.path}`);
  }

  /** Forwards nothing any more and ends nothing, as a tunnel whose other side has gone. What was open then stays dead. */
  hang(): void {
    this.still = true;
    for (const deafen of this.open) deafen();
    this.open.clear();
  }

  /** What begins from now on goes through. */
  mend(): void {
    this.still = false;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url ?? '/';
    const parts: Buffer[] = [];
    req.on('error', () => undefined);
    for await (const part of req) parts.push(part as Buffer);
    if (this.down) return void req.socket.destroy();
    if (this.still) return;
    const method = req.method ?? 'GET';
    const seen: Passed = { method, path, body: Buffer.concat(parts), answer: Buffer.alloc(0) };
    this.passed.push(seen);
    const met = this.meet?.(method, path);
    if (met) return void res.writeHead(met.status, { 'content-type': met.type }).end(met.body);
    const file = this.apps && join(this.apps, path === '/' ? 'field/index.html' : (path.split('?')[0] ?? ''));
    if (file && !path.startsWith('/api/') && existsSync(file)) {
      return void res.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file));
    }
    const url = new URL(path, this.to());
    const headers: IncomingHttpHeaders = { ...req.headers, 'accept-encoding': 'identity' };
    this.alter?.(path, headers);
    const on = request(url, { method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('data', (d: Buffer) => { seen.answer = Buffer.concat([seen.answer, d]); });
      answer.on('error', () => res.destroy());
      if (this.still) return void answer.resume();
      const deafen = (): void => void answer.unpipe(res).resume();
      this.open.add(deafen);
      res.on('close', () => this.open.delete(deafen));
      answer.pipe(res);
    });
    on.on('error', () => res.destroy());
    res.on('close', () => on.destroy());
    on.end(seen.body);
  }
}
