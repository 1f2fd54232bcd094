// A server whose clock a test turns, and a mail server on loopback that keeps
// what it is given.
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server as Listener } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { folder } from './folder.ts';
import { Server } from './server.ts';

const run = promisify(execFile);
const web = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the program with the clock of testdata/turned.go, and gives its path and the file that turns it. */
async function program(): Promise<{ path: string; clock: string }> {
  const out = folder();
  const apps = process.env.FIELDPOST_E2E_APPS_DIR;
  if (!apps) throw new Error('the global set-up has built no apps');
  const replace: { [file: string]: string } = { [join(web, '../main.go')]: join(web, 'e2e/testdata/turned.go') };
  for (const f of await readdir(apps, { recursive: true, withFileTypes: true })) {
    if (f.isFile()) replace[join(web, 'dist', f.parentPath.slice(apps.length), f.name)] = join(f.parentPath, f.name);
  }
  await writeFile(join(out, 'overlay.json'), JSON.stringify({ Replace: replace }));
  await run('go', ['build', '-overlay', join(out, 'overlay.json'), '-o', join(out, 'fieldpost'), '.'], { cwd: join(web, '..') });
  return { path: join(out, 'fieldpost'), clock: join(out, 'clock') };
}

export class TurnedServer extends Server {
  #clock = '';

  /** Starts one that sends its mail to an address on loopback. */
  static async before(mail: Sink): Promise<TurnedServer> {
    const { path, clock } = await program();
    const s = new TurnedServer();
    s.#clock = clock;
    s.program = path;
    s.env = { FIELDPOST_E2E_CLOCK: clock, FIELDPOST_SMTP: mail.address };
    await s.start();
    return s;
  }

  /** Turns its clock on, by this much in all. */
  turn(minutes: number): Promise<void> {
    return writeFile(this.#clock, String(Math.round(minutes * 60)));
  }
}

/** A mail server that takes everything and passes nothing on. */
export class Sink {
  /** Each mail: whom it is to, one a line, an empty line, and its text. */
  readonly mails: string[] = [];
  private constructor(private readonly listener: Listener) {}

  static async open(): Promise<Sink> {
    const listener = createServer((socket) => {
      const say = (line: string): void => void socket.write(`${line}\r\n`);
      let to: string[] = [];
      let text: string[] | null = null;
      socket.on('error', () => socket.destroy());
      createInterface({ input: socket }).on('line', (line) => {
        if (text) {
          if (line !== '.') { text.push(line); return; }
          sink.mails.push([...to, '', ...text].join('\n'));
          text = null;
          to = [];
          return say('250 taken');
        }
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'RCPT') to.push(line.slice(line.indexOf(':') + 1));
        if (verb === 'DATA') text = [];
        say(verb === 'DATA' ? '354 go on' : verb === 'QUIT' ? '221 bye' : '250 ok');
      });
      say('220 sink');
    });
    const sink = new Sink(listener);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return sink;
  }

  get address(): string {
    return `smtp://127.0.0.1:${(this.listener.address() as AddressInfo).port}?from=alerts@example.org`;
  }

  close(): void {
    this.listener.close();
  }
}
