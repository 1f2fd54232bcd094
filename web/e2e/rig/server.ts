// A running server of its own: in a folder of its own, on a loopback port that
// the system picks, ended by its process id.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { folder } from './folder.ts';

const run = promisify(execFile);
const startWithin = 60_000;

export class Server {
  url = '';
  /** All that it has written to its output. */
  log = '';
  readonly dir = join(folder(), 'server');
  /** Another program than the one that was built first, and what it finds in its environment. */
  protected program = '';
  protected env: { [name: string]: string } = {};
  private process: ChildProcess | undefined;

  static async start(): Promise<Server> {
    const s = new Server();
    await s.start();
    return s;
  }

  /** Starts it; the second time at the address of the first. */
  start(): Promise<void> {
    const port = this.url ? new URL(this.url).port : '0';
    return new Promise((resolve, reject) => {
      const server = spawn(this.program || binary(), ['serve', '--http', `127.0.0.1:${port}`, '--admin-http', 'off', '--dir', this.dir], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.env } });
      this.process = server;
      const late = setTimeout(() => {
        server.kill('SIGKILL');
        reject(new Error(`not up within ${startWithin} ms; it said: ${this.log}`));
      }, startWithin);
      const line = (text: string): void => {
        this.log += `${text}\n`;
        const url = /^Fieldpost is up at (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
        if (!url) return;
        clearTimeout(late);
        this.url = url;
        resolve();
      };
      createInterface({ input: server.stdout }).on('line', line);
      createInterface({ input: server.stderr }).on('line', line);
      server.once('exit', (code) => {
        clearTimeout(late);
        reject(new Error(`the server ended with ${code}; it said: ${this.log}`));
      });
    });
  }

  async stop(): Promise<void> {
    const server = this.process;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    const late = setTimeout(() => server.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(late);
  }

  /** Ends it at once, as a power cut does. */
  async kill(): Promise<void> {
    const server = this.process;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await gone;
  }

  /** Runs a command of the program on this folder; what it printed. */
  async command(...args: string[]): Promise<string> {
    return (await run(this.program || binary(), [...args, '--dir', this.dir], { env: { ...process.env, ...this.env } })).stdout;
  }

  /** An invite's code, for one device. */
  async invite(role = 'worker', organization = 'Night Outreach', ...more: string[]): Promise<string> {
    const out = await this.command('invite', 'make', '--json', '--role', role, '--organization', organization, ...more);
    return (JSON.parse(out) as { invite: string }).invite;
  }
}

function binary(): string {
  const path = process.env.FIELDPOST_BINARY;
  if (!path) throw new Error('the global set-up has built no program');
  return path;
}
