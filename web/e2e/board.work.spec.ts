// What a coordinator reads at the board: a report in the words of its version; and what a
// site's manager gets to see of it.
import { expect, test, type Browser } from '@playwright/test';
import { newest } from '../sdk/checklist/checklists.ts';
import type { Device } from '../sdk/device.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { Board } from './rig/board.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(600_000);

const SITE = 'The Cedar Inn';
const at = ['--site', SITE, '--served-by', 'Night Outreach'];

let server: Server;
let browser: Browser;
let board: Board;
let worker: Device;
let staff: Device;

const stop = (note: string, more: object = {}, agoMinutes = 3) => ({ ...observation(note), event_time: new Date(Date.now() - agoMinutes * 60_000).toISOString(), ...more });
const shown = (note: string) => expect(board.report).toContainText(note);

test.beforeAll(async () => {
  server = await Server.start();
  browser = await desktop();
  staff = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite('staff', SITE, ...at));
  await staff.sync();
  worker = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite());
  await worker.create('observations', stop('the first', {}, 60));
  await worker.sync();
  board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
  await expect(board.rows).toHaveCount(1);
});

test.afterAll(async () => {
  expect(board?.errors ?? []).toEqual([]);
  worker?.lock();
  staff?.lock();
  await browser?.close();
  await server?.stop();
});

test('[CONTENT] a staff report stands in the words of its language and version, and who wrote it is not told', async () => {
  const list = newest(await staff.checklists('es')).find((c) => c.key === 'hotel_house' && c.locale === 'es')!;
  const item = list.items[0]!;
  const { ids } = await staff.create('submissions', {
    checklist: list.id, version: list.version, event_time: new Date().toISOString(), answers: { [item.id]: 'yes' }, basis: { [item.id]: 'saw' }, about: 'guest', site: (await staff.records('sites'))[0]!.id,
  });
  await staff.sync();
  await expect(board.page.getByText(board.t('queue.fresh', { n: 1 }))).toBeVisible();
  await board.page.getByText(board.t('queue.fresh', { n: 1 })).click();
  await board.row(ids[0]!).getByRole('button').first().click();
  await shown(item.text);
  await shown(list.title);
  await shown(board.t('report.written', { language: 'Spanish', version: list.version }));
  await shown(board.t('who.sealed'));
});

test('[R12] [R22] a manager learns nothing of who, what or when: not by the board, not by the exchange, not by the raw API', async () => {
  // The board has a page for managers (board.manager.spec.ts), and none for a worker.
  const code = await server.invite('manager', SITE, ...at);
  const another = await server.invite();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.url}/board#invite=${another}`);
  await page.getByRole('button', { name: board.t('enrol.next'), exact: true }).click();
  await expect(page.getByText(board.t('enrol.role'))).toBeVisible();
  await context.close();

  const phone = new Phone({ timeout: 20_000 });
  let token = '';
  const manager = await phone.enrolled(server.url, code);
  phone.net.meet = (_, init) => { token = (init.headers as Record<string, string>)['Authorization'] ?? token; return undefined; };
  await manager.sync();
  const collections = ['submissions', 'observations', 'triage', 'conflicts', 'quarantine', 'devices', 'unsealings', 'addenda'];
  for (const c of collections) expect(await manager.records(c), c).toEqual(c === 'devices' ? expect.not.arrayContaining([expect.objectContaining({ fields: expect.objectContaining({ name: 'test phone 2' }) })]) : []);
  expect(token).not.toBe('');
  for (const c of collections) {
    const res = await fetch(`${server.url}/api/collections/${c}/records?perPage=200`, { headers: { Authorization: token } });
    const body = await res.text();
    expect(body, c).not.toMatch(/the first|by keys|hotel_house|from a lost phone/);
    if (res.ok && c !== 'devices') expect((JSON.parse(body) as { items: unknown[] }).items, c).toEqual([]);
  }
  manager.lock();
});
