// What a coordinator does at the board in a night: keys alone, filters as a
// link, the words of a report's version, repair, people and devices; and what a
// site's manager gets to see of it.
import { chromium, expect, test, type Browser } from '@playwright/test';
import { newest } from '../sdk/checklist/checklists.ts';
import type { Device } from '../sdk/device.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { Board } from './rig/board.ts';
import { Server } from './rig/server.ts';

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

async function arrive(note: string, more: object = {}, agoMinutes = 3): Promise<string> {
  const { ids } = await worker.create('observations', stop(note, more, agoMinutes));
  await worker.sync();
  await expect(board.page.getByText(board.t('queue.fresh', { n: 1 }))).toBeVisible();
  await board.press('n');
  await expect(board.row(ids[0] as string)).toBeVisible();
  return ids[0] as string;
}

test.beforeAll(async () => {
  server = await Server.start();
  browser = await chromium.launch({ executablePath: process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
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

test('[R20] keys alone: moving opens nothing, and every act has its letter', async () => {
  const one = await arrive('by keys', {}, 2);
  await board.stand(one);
  await expect(board.page.getByText(board.t('queue.choose'))).toBeVisible();
  await board.press('Enter');
  await shown('by keys');
  await expect(board.row(one)).toContainText(board.t('state.seen'));

  await board.press('c');
  await expect(board.row(one)).toContainText(board.t('claim.you'));
  await board.press('a');
  await expect(board.sheet.getByRole('heading', { name: board.t('assign.to') })).toBeVisible();
  await board.sheet.getByRole('button', { name: board.t('you'), exact: true }).press('Enter');
  await expect(board.report).toContainText(board.t('assign.is', { who: board.t('you') }));
  await board.press('t');
  await expect(board.sheet.getByText(board.t('tip.leaves'))).toBeVisible();
  await board.press('Escape');
  await expect(board.sheet).toBeHidden();
  await board.press('f');
  await expect(board.sheet.getByRole('heading', { name: board.t('queue.filter') })).toBeVisible();
  await board.press('Escape');
  await board.press('?');
  await expect(board.sheet.getByRole('heading', { name: board.t('keys.title') })).toBeVisible();
  await board.press('Escape');

  // Closing names a reason; the report leaves the open ones, and comes back.
  await board.press('x');
  await board.sheet.getByRole('radio', { name: board.t('shut.no_basis') }).press('Space');
  await board.sheet.getByRole('textbox').press('End');
  await board.page.keyboard.type('a delivery');
  await board.sheet.getByRole('button', { name: board.t('shut.do') }).press('Enter');
  await expect(board.row(one)).toHaveCount(0);
  await expect(board.report).toContainText(board.t('shut.no_basis'));
  await expect(board.report).toContainText('a delivery');
  await board.report.getByRole('button', { name: board.t('reopen') }).press('Enter');
  await expect(board.row(one)).toBeVisible();

  // Pages by two letters; F6 goes around the regions; Escape leads back to the list.
  await board.press('g', 'p');
  await expect(board.page.getByRole('heading', { level: 1, name: board.t('nav.repair') })).toBeVisible();
  await board.press('g', 'd');
  await expect(board.page.getByRole('heading', { level: 1, name: board.t('nav.people') })).toBeVisible();
  await board.press('g', 'q');
  await expect(board.page.getByRole('heading', { level: 1, name: board.t('queue.title') })).toBeVisible();
  const region = () => board.page.evaluate(() => [...document.querySelectorAll('[data-region]')].findIndex((r) => r.contains(document.activeElement)));
  const been = new Set<number>();
  for (let i = 0; i < 4; i++) { await board.press('F6'); been.add(await region()); }
  expect([...been].sort()).toEqual([0, 1, 2, 3]);
  await board.press('Escape');
  await expect(board.page.getByText(board.t('queue.choose'))).toBeVisible();

  // Single letters off: they do nothing, and arrows, Enter and Escape still do.
  await board.press('?');
  await board.sheet.getByRole('checkbox').press('Space');
  await board.press('Escape');
  await board.press('x');
  await expect(board.sheet).toBeHidden();
  await board.press('ArrowDown', 'Enter');
  await expect(board.report.getByRole('heading', { level: 2 })).toBeVisible();
  await board.page.evaluate(() => localStorage.removeItem('board-keys'));
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

test('[BOARD] a filter is a link', async () => {
  await board.page.getByRole('button', { name: /Open, all sites/ }).click();
  await board.sheet.getByLabel(board.t('report.where')).selectOption({ label: SITE });
  await board.sheet.getByRole('button', { name: board.t('close'), exact: true }).click();
  await expect(board.rows).toHaveCount(1);
  expect(new URL(board.page.url()).searchParams.get('site')).toMatch(/^[a-z0-9]{15}$/);
  await board.page.reload();
  await board.page.getByLabel(board.t('lock.enter')).fill('six dry stones');
  await board.button('lock.open').click();
  await expect(board.rows).toHaveCount(1);
  await expect(board.page.getByRole('button', { name: new RegExp(`Open, ${SITE}`) })).toBeVisible();
  await board.page.getByRole('button', { name: new RegExp(`Open, ${SITE}`) }).click();
  await board.sheet.getByLabel(board.t('report.where')).selectOption('');
  await board.sheet.getByRole('button', { name: board.t('close'), exact: true }).click();
  await expect(board.rows).toHaveCount(3);
});

test('[PUSH-6] [MERGE-2] repair: what a revoked phone handed in is released; two values for one field, one is chosen', async () => {
  const lostPhone = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite());
  await lostPhone.sync();
  const device = (await lostPhone.status()).device;
  await lostPhone.create('observations', stop('from a lost phone', {}, 1));
  await expect.poll(() => board.page.getByRole('navigation').count()).toBe(1);
  await board.press('g', 'd');
  const devices = board.page.getByRole('table').nth(1).getByRole('row');
  const before = await devices.count();
  expect(before).toBeGreaterThan(1);
  expect(device).toMatch(/^[a-z0-9]{15}$/);
  // The newest phone of a worker: the last one enrolled.
  await server.command('devices', 'revoke', device, '--reason', 'left in a taxi');
  await expect(devices).toHaveCount(before - 1);
  await lostPhone.sync().catch(() => undefined);
  await board.press('g', 'p');
  const kept = board.page.locator('section.pair').filter({ hasText: 'observations' });
  await expect(kept).toBeVisible();
  await kept.getByText(board.t('repair.show')).click();
  await expect(kept).toContainText('from a lost phone');
  await kept.getByRole('button', { name: board.t('repair.release') }).click();
  await expect(kept).toHaveCount(0);
  await board.press('g', 'q', 'n');
  await expect(board.rows).toHaveCount(4);

  const coordinator = async () => new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite('coordinator'));
  const [x, y] = [await coordinator(), await coordinator()];
  await x.sync();
  await y.sync();
  const site = (await x.records('sites'))[0]!;
  await x.update('sites', site.id, { notes: 'ring twice' });
  await y.update('sites', site.id, { notes: 'use the back door' });
  await x.sync();
  await y.sync();
  await board.press('g', 'p');
  const conflict = board.page.locator('section.pair').filter({ hasText: 'ring twice' }).first();
  await expect(conflict).toContainText('use the back door');
  await expect(conflict).toContainText(SITE);
  await board.button('repair.use').click();
  await expect(board.page.getByText(board.t('repair.none'))).toBeVisible();
  await x.sync();
  await expect.poll(async () => { await x.sync(); return (await x.record('sites', site.id))?.fields['notes']; }).toBe('ring twice');
  x.lock();
  y.lock();
  lostPhone.lock();
});

test('[ENROL-2] [ACCESS] people: an invite with its picture, a device wiped, a person leaves after a look at what that would do', async () => {
  const gone = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite());
  await gone.sync();
  await board.press('g', 'd');
  await board.button('people.make').click();
  const made = board.page.locator('.made');
  await expect(made).toContainText(board.t('people.once'));
  const qr = await made.locator('svg').boundingBox();
  expect(qr?.width).toBeGreaterThan(80);

  const people = board.page.getByRole('table').first().getByRole('row');
  const devices = board.page.getByRole('table').nth(1).getByRole('row');
  const all = await devices.count();
  const wipe = devices.last().getByRole('button', { name: board.t('people.wipe') });
  await wipe.click();
  await board.page.getByLabel(board.t('people.why')).fill('stolen');
  await board.button('people.offboard.do').click();
  await expect(board.page.getByText(board.t('people.done'))).toBeVisible();
  await expect(devices).toHaveCount(all - 1);

  const leaving = people.filter({ hasText: board.t('role.worker') }).last();
  const n = await people.count();
  await leaving.getByRole('button', { name: new RegExp(`^${board.t('people.offboard')}`) }).click();
  await expect(board.page.getByText(/This would sign out \d+ devices/)).toBeVisible();
  await board.page.getByLabel(board.t('people.why')).fill('moved away');
  await board.button('people.offboard.do').click();
  await expect(board.page.getByText(board.t('people.done'))).toBeVisible();
  await expect(people).toHaveCount(n - 1);
  gone.lock();
});

test('[R12] [R22] a manager learns nothing of who, what or when: not by the board, not by the exchange, not by the raw API', async () => {
  const code = await server.invite('manager', SITE, ...at);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.url}/board#invite=${code}`);
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
