// What a coordinator puts right at the board: what an old app sent and the
// server could not take, two values for one field, a file of a phone that cannot
// connect, lost devices and people who leave; and what stands about it.
import { expect, test, type Browser } from '@playwright/test';
import { newest } from '../sdk/checklist/checklists.ts';
import type { Device } from '../sdk/device.ts';
import { cut, observation, Phone } from '../sdk/test/support/phone.ts';
import { Board } from './rig/board.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(300_000);

const SITE = 'The Cedar Inn';
const at = ['--site', SITE, '--served-by', 'Night Outreach'];

let server: Server;
let browser: Browser;
let board: Board;
let worker: Device;
let staff: Device;
const open: Device[] = [];

const phone = () => new Phone({ timeout: 60_000, app: 'notes 0.1.0' });
const stop = (note: string, more: object = {}) => ({ ...observation(note), event_time: new Date(Date.now() - 180_000).toISOString(), ...more });
const enrolled = async (...invite: Parameters<Server['invite']>): Promise<Device> => {
  const d = await phone().enrolled(server.url, await server.invite(...invite));
  open.push(d);
  await d.sync();
  return d;
};
const inLine = (words: string) => board.page.locator('.past-list li').filter({ hasText: words });

test.beforeAll(async () => {
  server = await Server.start();
  browser = await desktop();
  staff = await enrolled('staff', SITE, ...at);
  worker = await enrolled();
  await worker.create('observations', stop('the first'));
  await worker.sync();
  board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
  await expect(board.rows).toHaveCount(1);
});

test.afterAll(async () => {
  expect(board?.errors ?? []).toEqual([]);
  for (const d of open) d.lock();
  await browser?.close();
  await server?.stop();
});

test('[R19] [BOARD] what is added stands beside the report, and the history says who did what, before and after', async () => {
  await board.press('j', 'Enter');
  await expect(board.report).toContainText('the first');
  await board.page.getByLabel(board.t('more.label')).fill('the van came back at two');
  await board.page.getByRole('button', { name: board.t('more.do'), exact: true }).press('Enter');
  await expect(board.report.locator('.more-said')).toContainText('the van came back at two');
  const report = (await worker.records('observations'))[0]!.id;
  await worker.create('addenda', { observation: report, text: 'a second driver' });
  await worker.sync();
  await expect(board.report.locator('.more-said')).toContainText('a second driver');
  await board.page.getByRole('heading', { level: 2 }).last().click();
  await board.press('c');
  await expect(inLine(board.t('hist.set', { field: 'claimed by', after: board.t('you') }))).toBeVisible();
  await expect(inLine(board.t('hist.report.create'))).toContainText(board.t('role.worker'));
  await expect(inLine(board.t('hist.addenda.create')).filter({ hasText: 'a second driver' })).toContainText(board.t('role.worker'));
});

test('[PUSH-6] [PUSH-9] what an old app sent is corrected, runs as its author, and stands in the queue with its history', async () => {
  const list = newest(await worker.checklists('en')).find((c) => c.key === 'hotel_house')!;
  const { ids } = await worker.create('submissions', {
    checklist: list.id, version: list.version + 90, event_time: new Date().toISOString(), answers: { [list.items[0]!.id]: 'yes' }, about: 'guest', site: (await worker.records('sites'))[0]!.id,
  });
  await worker.sync();
  expect((await worker.outbox('parked')).map((e) => e.code)).toEqual(['invalid']);
  await board.press('g', 'p');
  const kept = board.page.locator('section.fix').filter({ hasText: 'Filled checklist' });
  await expect(kept).toBeVisible();
  await kept.getByText(board.t('fix.edit'), { exact: true }).press('Enter');
  const version = kept.getByLabel('version', { exact: true });
  await version.fill('one');
  await expect(kept).toContainText(board.t('fix.field.kind.number'));
  await kept.getByRole('button', { name: board.t('fix.release.fixed') }).press('Enter');
  await expect(kept).toContainText(board.t('fix.not'));
  await version.fill(String(list.version));
  await kept.getByRole('button', { name: board.t('fix.release.fixed') }).press('Enter');
  await expect(kept).toHaveCount(0);
  await expect(board.page.getByText(board.t('fix.done.released'))).toBeVisible();
  await board.press('g', 'q', 'n');
  await board.row(ids[0]!).getByRole('button').first().press('Enter');
  await expect(board.report).toContainText(list.items[0]!.text);
  await expect(inLine(board.t('hist.quarantine.refused'))).toContainText('invalid');
  await expect(inLine(board.t('hist.quarantine.released'))).toContainText(board.t('hist.change', { field: 'version', before: list.version + 90, after: list.version }));
  await expect(inLine(board.t('hist.quarantine.released'))).toContainText(board.t('you'));
  await expect(inLine(board.t('hist.report.create'))).toContainText(board.t('role.worker'));
  await expect.poll(async () => { await worker.sync(); return (await worker.outbox('parked')).length; }).toBe(0);
});

test('[R8] [R9] of a staff report neither report nor history names who wrote it', async () => {
  const list = newest(await staff.checklists('es')).find((c) => c.key === 'hotel_house' && c.locale === 'es')!;
  const { ids } = await staff.create('submissions', {
    checklist: list.id, version: list.version, event_time: new Date().toISOString(), answers: { [list.items[0]!.id]: 'yes' }, about: 'guest', site: (await staff.records('sites'))[0]!.id,
  });
  await staff.sync();
  await expect(board.page.getByText(board.t('queue.fresh', { n: 1 }))).toBeVisible();
  await board.press('n');
  await board.row(ids[0]!).getByRole('button').first().click();
  await expect(inLine(board.t('hist.report.create'))).toContainText(board.t('hist.by.staff'));
  const { person, device } = await staff.status();
  const shown = await board.report.innerText();
  const label = String((await staff.record('users', person!.id))?.fields['label'] ?? '');
  for (const name of [person!.id, device, label]) expect(name !== '' && shown.includes(name), name).toBe(false);
});

test('[PUSH-6] junk is put aside with a reason, stays to be looked at, and is released once somebody sees what it was', async () => {
  const { ids } = await worker.create('observations', { ...stop('a test of the phone'), shoe_size: 44, indicators: 'none' } as never);
  await worker.sync();
  await board.press('g', 'p');
  const kept = board.page.locator('section.fix').filter({ hasText: 'observations' });
  await kept.getByRole('button', { name: board.t('fix.aside') }).press('Enter');
  await kept.getByLabel(board.t('fix.aside.why')).fill('somebody tried the phone');
  await board.page.keyboard.press('Enter');
  await expect(board.page.getByText(board.t('fix.done.dismissed'))).toBeVisible();
  await board.page.getByText(board.t('fix.aside.list', { n: 1 })).press('Enter');
  await expect(kept).toContainText('somebody tried the phone');

  await kept.getByText(board.t('fix.edit'), { exact: true }).press('Enter');
  await kept.getByRole('button', { name: new RegExp(`${board.t('fix.out')}.*shoe_size`) }).press('Enter');
  await kept.getByLabel('indicators', { exact: true }).fill('[]');
  await kept.getByRole('button', { name: board.t('fix.release.fixed') }).press('Enter');
  await expect(board.page.getByText(board.t('fix.done.released'))).toBeVisible();
  await expect(kept).toHaveCount(0);
  await expect(board.page.locator('details.aside')).toHaveCount(0);
  await board.brought(ids[0]!);
  await board.row(ids[0]!).getByRole('button').first().press('Enter');
  await expect(board.report).toContainText('a test of the phone');
  await expect(inLine(board.t('hist.quarantine.dismissed'))).toContainText('somebody tried the phone');
  await expect(inLine(board.t('hist.quarantine.released'))).toContainText(board.t('hist.change', { field: 'shoe size', before: 44, after: board.t('hist.nothing') }));
  await expect(inLine(board.t('hist.report.create'))).toContainText(board.t('role.worker'));
  await expect.poll(async () => { await worker.sync(); return (await worker.outbox('parked')).length; }).toBe(0);
});

test('[OPS-5] [BOARD] a report under a joint effort that its author is not on is released without it, and the history calls the effort by its name', async () => {
  const keeper = await enrolled('coordinator');
  const hour = 3_600_000;
  const { ids: [effort] } = await keeper.create('operations', { name: 'Harvest Weekend', begins: new Date(Date.now() - hour).toISOString(), ends: new Date(Date.now() + 24 * hour).toISOString() });
  await keeper.sync();
  const { ids } = await worker.create('observations', stop('under no roster', { operation: effort }));
  await worker.sync();
  expect((await worker.outbox('parked')).map((e) => e.code)).toEqual(['not_allowed']);
  await board.press('g', 'p');
  const kept = board.page.locator('section.fix').filter({ hasText: 'under no roster' });
  await kept.getByText(board.t('fix.edit'), { exact: true }).press('Enter');
  await kept.getByRole('button', { name: new RegExp(`${board.t('fix.out')}.*operation`) }).press('Enter');
  await kept.getByRole('button', { name: board.t('fix.release.fixed') }).press('Enter');
  await expect(board.page.getByText(board.t('fix.done.released'))).toBeVisible();
  await board.brought(ids[0]!);
  await board.row(ids[0]!).getByRole('button').first().press('Enter');
  await expect(board.report).toContainText('under no roster');
  await expect(inLine(board.t('hist.quarantine.released'))).toContainText(board.t('hist.change', { field: board.t('report.effort'), before: 'Harvest Weekend', after: board.t('hist.nothing') }));
  await expect(board.report).not.toContainText(effort!);
});

test('[MERGE-2] two values for one field: both are shown, and what is chosen is written', async () => {
  const [x, y] = [await enrolled('coordinator'), await enrolled('coordinator')];
  const site = (await x.records('sites'))[0]!;
  await x.update('sites', site.id, { notes: 'ring twice' });
  await y.update('sites', site.id, { notes: 'use the back door' });
  await x.sync();
  await y.sync();
  await board.press('g', 'p');
  const conflict = board.page.locator('section.clash').first();
  await expect(conflict).toContainText('ring twice');
  await expect(conflict).toContainText('use the back door');
  await conflict.getByRole('radio', { name: new RegExp(board.t('clash.other')) }).press('Space');
  await expect(conflict).toContainText(board.t('clash.written'));
  const other = (await conflict.locator('.val .said').nth(1).innerText()).trim();
  await conflict.getByRole('button', { name: board.t('clash.do') }).press('Enter');
  await expect(board.page.locator('section.clash')).toHaveCount(0);
  await expect.poll(async () => { await x.sync(); return (await x.record('sites', site.id))?.fields['notes']; }).toBe(other);
});

test('[RECOVERY] a recovery file is taken in, each item once however often it is opened', async () => {
  const lost = phone();
  const d = await lost.enrolled(server.url, await server.invite());
  open.push(d);
  await d.sync();
  lost.net.meet = cut;
  await d.create('observations', stop('from a phone without a network'));
  const { file } = await d.exportRecovery();
  const give = async () => {
    await board.page.getByLabel(board.t('file.open')).setInputFiles({ name: 'recovery.txt', mimeType: 'text/plain', buffer: Buffer.from(file) });
  };
  await give();
  await expect(board.page.getByText(board.t('file.taken', { n: 1 }))).toBeVisible();
  await give();
  await expect(board.page.getByText(board.t('file.before', { n: 1 }))).toBeVisible();
  await board.press('g', 'q');
  await expect(board.page.getByText(board.t('queue.fresh', { n: 1 }))).toBeVisible();
  await board.press('n');
  await board.page.locator('li[id^="q-"] button.q').first().focus();
});

test('[ENROL-2] [JOURNAL-4] people and devices: contact, app and queue, of staff the day alone; an invite; a wipe; a person who leaves', async () => {
  await board.press('g', 'u');
  const devices = board.page.getByRole('table').filter({ hasText: board.t('dev.contact') }).getByRole('row');
  const own = devices.filter({ hasText: 'notes 0.1.0' });
  await expect(own.first()).toBeVisible();
  await expect(devices.filter({ hasText: board.t('dev.staff') })).toHaveCount(1);
  await expect(devices.filter({ hasText: board.t('dev.staff') })).not.toContainText(/\d:\d\d/);
  await expect(devices.filter({ hasText: /\d:\d\d/ }).first()).toBeVisible();

  await board.button('people.make').press('Enter');
  const made = board.page.locator('.made');
  await expect(made).toContainText(board.t('people.once'));
  expect((await made.locator('svg').boundingBox())?.width).toBeGreaterThan(80);

  const gone = await enrolled();
  const { device, person } = await gone.status();
  expect(device).toMatch(/^[a-z0-9]{15}$/);
  const label = String((await gone.record('users', person!.id))?.fields['label']);
  const line = board.page.getByRole('table').first().getByRole('row').filter({ hasText: label });
  await expect(line).toBeVisible();
  const phoneLine = devices.filter({ hasText: label });
  await phoneLine.getByRole('button', { name: board.t('people.wipe') }).press('Enter');
  await board.page.getByLabel(board.t('people.why')).fill('stolen');
  await board.page.keyboard.press('Enter');
  await expect(phoneLine).toContainText(board.t('dev.wiping'));
  await line.getByRole('button', { name: board.t('people.offboard') }).press('Enter');
  await expect(line).toContainText(board.t('leave.devices', { n: 1 }));
  await expect(line).toContainText(board.t('leave.claims', { n: 0 }));
  await board.page.getByLabel(board.t('people.why')).fill('moved away');
  await board.page.keyboard.press('Enter');
  await expect(line).toHaveCount(0);
  await expect(board.page.getByText(board.t('leave.did', { who: label }))).toBeVisible();
});
