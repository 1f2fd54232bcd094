// A browser on a profile of its own on the disk, as a process that this file
// starts and ends: Playwright's own launcher would not let it die as a phone
// does, in the middle of a tap.
import { chromium, type Browser as Connection, type Page } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { folder } from './folder.ts';

const program = process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium';
const startWithin = 60_000;

export class Browser {
  readonly profile: string;
  private process: ChildProcess | undefined;
  private connection: Connection | undefined;
  /** Where its debugging interface listens while it runs. */
  port = 0;

  /** Flags of this one alone. */
  readonly flags: string[] = [];
  /** Whether it promises to keep what pages store. */
  keeps = true;

  constructor(profile = join(folder(), 'profile')) {
    this.profile = profile;
  }

  /** Starts it on its profile, and gives its page. */
  async start(): Promise<Page> {
    const args = [
      '--headless=new', '--remote-debugging-port=0', `--user-data-dir=${this.profile}`, '--window-size=390,844', '--lang=en-US',
      '--no-first-run', '--no-default-browser-check', '--disable-gpu', '--hide-scrollbars', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--disable-default-apps', '--disable-extensions', '--password-store=basic', '--mute-audio',
      // Nothing leaves this machine, whatever a page asks for.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      ...this.flags, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), 'about:blank',
    ];
    // A group of its own, so that all of its processes end with it.
    const started = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    this.process = started;
    const address = await new Promise<string>((resolve, reject) => {
      let said = '';
      const late = setTimeout(() => { void this.kill(); reject(new Error(`the browser did not start; it said: ${said}`)); }, startWithin);
      createInterface({ input: started.stderr }).on('line', (line) => {
        said = `${said}${line}\n`.slice(-5_000);
        const url = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
        if (!url) return;
        clearTimeout(late);
        resolve(url);
      });
      started.once('exit', (code) => { clearTimeout(late); reject(new Error(`the browser ended with ${code}; it said: ${said}`)); });
    });
    this.port = Number(new URL(address).port);
    this.connection = await chromium.connectOverCDP(address);
    const context = this.connection.contexts()[0];
    if (!context) throw new Error('the browser has no context');
    // As on a home screen, where a browser promises to keep what a page stores.
    if (this.keeps) await (await this.connection.newBrowserCDPSession()).send('Browser.grantPermissions', { permissions: ['durableStorage'] });
    return context.pages()[0] ?? context.newPage();
  }

  get context() {
    const context = this.connection?.contexts()[0];
    if (!context) throw new Error('the browser is not running');
    return context;
  }

  /** Ends it at once, as an empty battery does. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends it in good order, so that it writes what it keeps. */
  async stop(): Promise<void> {
    const session = await this.connection?.newBrowserCDPSession().catch(() => undefined);
    await session?.send('Browser.close').catch(() => undefined); // it ends before it answers
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { process: p } = this;
    this.process = undefined;
    if (p?.pid !== undefined && p.exitCode === null && p.signalCode === null) {
      const gone = new Promise((resolve) => p.once('exit', resolve));
      const late = setTimeout(() => group(p.pid as number, 'SIGKILL'), 10_000);
      if (signal === 'SIGKILL') group(p.pid, signal);
      else await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 3_000).unref())]).then(() => { if (p.exitCode === null) group(p.pid as number, signal); });
      await gone;
      clearTimeout(late);
      group(p.pid, 'SIGKILL'); // what of it is left
    }
    await this.connection?.close().catch(() => undefined);
    this.connection = undefined;
  }
}

function group(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}
