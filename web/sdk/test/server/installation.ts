// A running server of its own: in a folder of its own, on a loopback port that
// the system picks, ended by its process id.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { inject } from 'vitest';

const run = promisify(execFile);
const startWithin = 60_000;
let made = 0;

export class Installation {
  url = '';
  private server: ChildProcess | undefined;
  private readonly invites = new Map<string, string>();

  constructor(readonly dir: string) {}

  static async start(name = 'data'): Promise<Installation> {
    const i = new Installation(join(inject('folder'), `${name}-${process.pid}-${++made}`));
    await i.start();
    return i;
  }

  /** Runs a command of the program on this folder; with --json its line, parsed. */
  async command<T = unknown>(...args: string[]): Promise<T> {
    const { stdout } = await run(inject('binary'), [...args, '--dir', this.dir]);
    return (args.includes('--json') ? JSON.parse(stdout) : stdout) as T;
  }

  start(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = spawn(inject('binary'), ['serve', '--http', `127.0.0.1:${port}`, '--dir', this.dir], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      const late = setTimeout(() => {
        server.kill('SIGKILL');
        reject(new Error(`not up within ${startWithin} ms; it said: ${said}`));
      }, startWithin);
      const line = (text: string): void => {
        said = `${said}${text}\n`.slice(-20_000);
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
        reject(new Error(`the server ended with ${code}; it said: ${said}`));
      });
      this.server = server;
    });
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Ends the server: SIGTERM in good order, SIGKILL as by a power cut. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    const late = setTimeout(() => server.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(late);
  }

  /** An invite for a kind of person; it admits many. */
  async invite(role = 'worker', organization = 'Night Outreach', ...more: string[]): Promise<string> {
    const key = [role, organization, ...more].join('|');
    let code = this.invites.get(key);
    if (!code) {
      ({ invite: code } = await this.command<{ invite: string }>('invite', 'make', '--json', '--uses', '100', '--role', role, '--organization', organization, ...more));
      this.invites.set(key, code);
    }
    return code;
  }
}
