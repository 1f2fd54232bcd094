// The real program for these tests: built once from the sources around it, run
// in folders of its own on ports that the system picks, ended by process id.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Device, send } from './client.mjs';

const run = promisify(execFile);
const sources = fileURLToPath(new URL('../../', import.meta.url));
const startWithin = 60_000;
const superuser = { email: 'root@example.org', password: 'made-up-for-a-test-1' };

let folder;
let binary;
const installations = [];

/** Builds the program, once for the whole suite; tearDown removes it. With FIELDPOST_BINARY the tests are put to one that is built. */
export async function build() {
  folder = await mkdtemp(join(tmpdir(), 'fieldpost-outside-'));
  binary = process.env.FIELDPOST_BINARY;
  if (binary) return;
  binary = join(folder, process.platform === 'win32' ? 'fieldpost.exe' : 'fieldpost');
  await run('go', ['build', '-o', binary, '.'], { cwd: sources });
}

/** Ends every server that was started and removes every folder. */
export async function tearDown() {
  await Promise.allSettled(installations.map((i) => i.stop('SIGKILL')));
  if (folder) await rm(folder, { recursive: true, force: true });
}

export class Installation {
  constructor(dir) {
    this.dir = dir;
    this.invites = new Map();
    this.root = null;
    installations.push(this);
  }

  static async start(name) {
    const made = new Installation(join(folder, name));
    await made.start();
    return made;
  }

  file(name) { return join(folder, name); }

  /** Runs a command of the program on this folder; with --json its line, parsed. */
  async command(...args) {
    const { stdout } = await run(binary, [...args, '--dir', this.dir]);
    return args.includes('--json') ? JSON.parse(stdout) : stdout;
  }

  start() {
    return new Promise((resolve, reject) => {
      const server = spawn(binary, ['serve', '--http', '127.0.0.1:0', '--dir', this.dir], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      const late = setTimeout(() => {
        server.kill('SIGKILL');
        reject(new Error(`not up within ${startWithin} ms; it said: ${said}`));
      }, startWithin);
      const line = (text) => {
        said = `${said}${text}\n`.slice(-20_000);
        const [, url, admin] = /^Fieldpost is up at (http:\/\/127\.0\.0\.1:\d+) \(dashboard: (\S+)\/_\/\)/.exec(text) ?? [];
        if (!url) return;
        clearTimeout(late);
        this.url = url;
        this.adminUrl = admin;
        resolve(this);
      };
      createInterface({ input: server.stdout }).on('line', line);
      createInterface({ input: server.stderr }).on('line', line);
      server.once('exit', (code) => {
        clearTimeout(late);
        reject(new Error(`the server ended with ${code}; it said: ${said}`));
      });
      this.server = server;
      this.said = () => said;
    });
  }

  /** Ends the server: SIGTERM in good order, SIGKILL as by a power cut. */
  async stop(signal = 'SIGTERM') {
    const { server } = this;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    const late = setTimeout(() => server.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(late);
  }

  verify() { return this.command('verify', '--json'); }

  /** A device of a new person; invites are made once per kind of person and admit many. */
  async enrol(role, organization, { site, servedBy } = {}) {
    const key = [role, organization, site, servedBy].join('|');
    if (!this.invites.has(key)) {
      const { invite } = await this.command('invite', 'make', '--json', '--uses', '100', '--role', role, '--organization', organization,
        ...(site ? ['--site', site] : []), ...(servedBy ? ['--served-by', servedBy] : []));
      this.invites.set(key, invite);
    }
    return Device.enrol(this.url, { invite: this.invites.get(key) });
  }

  /** A request as superuser. */
  async asRoot(method, path, body) {
    if (!this.root) {
      await this.command('superuser', superuser.email, superuser.password);
      const answer = await send(this.adminUrl, 'POST', '/api/collections/_superusers/auth-with-password', {
        body: { identity: superuser.email, password: superuser.password },
      });
      if (answer.status !== 200) throw new Error(`superuser: ${answer.status} ${answer.text}`);
      this.root = answer.body.token;
    }
    const answer = await send(this.adminUrl, method, path, { token: this.root, body });
    if (answer.status >= 300) throw new Error(`${method} ${path} as superuser: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  /** All items of a collection as the list API shows them to a token: parsed, and the pages' text. null: the list is refused. */
  async list(collection, token) {
    const found = { items: [], texts: [] };
    for (let page = 1; page < 200; page++) {
      const answer = await send(this.url, 'GET', `/api/collections/${collection}/records?perPage=500&sort=id&page=${page}`, { token });
      if (answer.status === 403) return null;
      if (answer.status !== 200) throw new Error(`list ${collection}: ${answer.status} ${answer.text}`);
      found.items.push(...answer.body.items);
      found.texts.push(answer.text);
      if (answer.body.items.length < 500) return found;
    }
    throw new Error(`list ${collection}: no end`);
  }
}
