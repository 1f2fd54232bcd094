// A browser with a profile on the disk, killed as by a dead battery, and the
// disk looked at afterwards. The page is blank; what runs is the library.
import { chromium, type BrowserContext, type Page } from '@playwright/test';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Device } from '../../device.ts';
import type * as SDK from '../../index.ts';
import { Installation } from './installation.ts';

const web = fileURLToPath(new URL('../../../', import.meta.url));
const canary = 'kestrel-9f2c-quartz';
const executablePath = process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium';

let server: Installation;
let pages: ViteDevServer;
let origin: string;

beforeAll(async () => {
  server = await Installation.start('profile');
  pages = await createServer({
    configFile: false, root: web, logLevel: 'error', cacheDir: join(inject('folder'), 'vite'), optimizeDeps: { include: ['hash-wasm', '@hpke/core'], entries: [] },
    // One origin, as in use.
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null, proxy: { '/api': { target: server.url, changeOrigin: true } } },
  });
  await pages.listen();
  const at = pages.httpServer!.address();
  origin = `http://127.0.0.1:${typeof at === 'object' && at ? at.port : 0}`;
});
afterAll(async () => {
  await pages?.close();
  await server?.stop();
});

/** What the page holds. */
interface World { sdk: typeof SDK; device: Device; saved: (n: number) => Promise<void> }

async function open(profile: string): Promise<{ context: BrowserContext; page: Page }> {
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
  const page = context.pages()[0] ?? await context.newPage();
  await page.goto(`${origin}/sdk/test/profile/blank.html`);
  await page.waitForFunction(() => 'sdk' in globalThis);
  return { context, page };
}

async function processes(): Promise<{ pid: number; command: string }[]> {
  if (process.platform === 'linux') {
    return Promise.all((await readdir('/proc')).filter((p) => /^\d+$/.test(p)).map(async (pid) => (
      { pid: Number(pid), command: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') })));
  }
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,command='], { maxBuffer: 16 << 20 });
  return stdout.split('\n').map((line) => ({ pid: parseInt(line, 10), command: line })).filter((p) => p.pid > 0);
}

/** Ends the processes of a profile as a dead battery does: those and no others. */
async function kill(profile: string): Promise<number> {
  let killed = 0;
  for (const { pid, command } of await processes()) {
    if (!command.includes(profile)) continue;
    try {
      process.kill(pid, 'SIGKILL');
      killed++;
    } catch {
      // gone with its parent
    }
  }
  return killed;
}

/** The files below a folder that hold a text, as UTF-8 or UTF-16LE. */
async function holding(folder: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
    if (bytes.includes(Buffer.from(text, 'utf8')) || bytes.includes(Buffer.from(text, 'utf16le'))) found.push(entry.name);
  }
  return found;
}

const begin = (page: Page, invite: string, sealed: boolean): Promise<void> => page.evaluate(async ([invite, sealed]) => {
  const { Vaults } = (globalThis as unknown as World).sdk;
  const open = { name: (t: string) => t, seal: async (_: string, t: string) => new TextEncoder().encode(t) as Uint8Array<ArrayBuffer>, open: async (_: string, b: Uint8Array) => new TextDecoder().decode(b), close: () => undefined };
  const vaults = new Vaults({ name: 'notes', kdf: { memory: 64, iterations: 1 }, ...(sealed ? {} : { sealer: async () => open }) });
  const device = await vaults.create('4711', 'A');
  await device.enroll('', invite, 'test');
  await device.sync();
  (globalThis as unknown as World).device = device;
}, [invite, sealed] as const);

test('[DEV-1] [DEV-2] [R10] [INV-1] a browser that is killed in the middle of saving has kept every save that had returned, and they arrive once', async () => {
  const profile = join(inject('folder'), 'killed-profile');
  const first = await open(profile);
  await begin(first.page, await server.invite(), true);
  let acknowledged = 0;
  await first.page.exposeFunction('saved', (n: number) => { acknowledged = n; });
  void first.page.evaluate(async (canary) => {
    const { device, saved } = globalThis as unknown as World;
    for (let i = 1; ; i++) {
      await device.keepDraft('d', { i, note: canary });
      await device.create('observations', { event_time: new Date().toISOString(), indicators: [], note: `${canary} ${i}` }, { draft: 'd' });
      await saved(i);
    }
  }, canary).catch(() => undefined); // it ends with the browser
  await expect.poll(() => acknowledged, { timeout: 30_000, interval: 20 }).toBeGreaterThan(8);
  expect(await kill(profile)).toBeGreaterThan(0);
  await first.context.close().catch(() => undefined);
  const before = acknowledged;

  // R10: the disk as it was left, with nothing tidied up.
  expect(await holding(profile, canary)).toEqual([]);

  const second = await open(profile);
  const found = await second.page.evaluate(async () => {
    const { Vaults } = (globalThis as unknown as World).sdk;
    const vaults = new Vaults({ name: 'notes' });
    const device = await vaults.unlock((await vaults.list())[0]!.id, '4711');
    const numbers = (await device.outbox()).map((e) => e.n);
    await device.sync();
    return { numbers, status: await device.status(), shown: (await device.records('observations')).length };
  });
  await second.context.close();
  expect(found.numbers.length).toBeGreaterThanOrEqual(before);
  expect(found.numbers).toEqual(found.numbers.map((_, i) => i + 1));
  expect(found.status).toMatchObject({ waiting: 0, attention: 0, received: found.numbers.length });
  expect(found.shown).toBe(found.numbers.length);
});

test('[R10] the same look at the disk finds what was written in a store that is not sealed', async () => {
  const profile = join(inject('folder'), 'open-profile');
  const { context, page } = await open(profile);
  await begin(page, await server.invite(), false);
  await page.evaluate(async (canary) => {
    await (globalThis as unknown as World).device.create('observations', { event_time: new Date().toISOString(), indicators: [], note: canary });
  }, canary);
  await context.close();
  expect((await holding(profile, canary)).length).toBeGreaterThan(0);
});
