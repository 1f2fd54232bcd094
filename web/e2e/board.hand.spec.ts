// What a coordinator puts right by hand: what somebody wrote who has left, what was
// put aside too early, two values that both count, and staff whom nobody knew.
import { expect, test } from '@playwright/test';
import { newest } from '../sdk/checklist/checklists.ts';
import type { Device } from '../sdk/device.ts';
import { Phone } from '../sdk/test/support/phone.ts';
import { office, shutOffice, type Office } from './rig/stage.ts';

test.setTimeout(180_000);

const SITE = 'The Cedar Inn';
let at: Office;
const open: Device[] = [];

async function enrolled(code: Promise<string>): Promise<Device> {
  const d = await new Phone({ timeout: 60_000 }).enrolled(at.server.url, await code);
  open.push(d);
  await d.sync();
  return d;
}

/** A filled checklist; `wrong`: of a version that the server does not know. */
async function filled(d: Device, wrong: boolean): Promise<{ id: string; text: string; version: number }> {
  const list = newest(await d.checklists('en')).find((c) => c.key === 'hotel_house')!;
  const { ids } = await d.create('submissions', {
    checklist: list.id, version: list.version + (wrong ? 90 : 0), event_time: new Date().toISOString(), answers: { [list.items[0]!.id]: 'yes' }, about: 'guest', site: (await d.records('sites'))[0]!.id,
  });
  await d.sync();
  return { id: ids[0]!, text: list.items[0]!.text, version: list.version };
}

const kept = () => at.board.page.locator('section.fix');
const inLine = (words: string) => at.board.page.locator('.past-list li').filter({ hasText: words });

/** Writes the version that there is. */
async function correct(version: number): Promise<void> {
  await kept().getByText(at.board.t('fix.edit'), { exact: true }).press('Enter');
  await kept().getByLabel('version', { exact: true }).fill(String(version));
}

test.beforeAll(async () => {
  at = await office(async (server) => { await server.invite('staff', SITE, '--site', SITE, '--served-by', 'Night Outreach'); });
});
test.afterAll(async () => {
  expect(at?.board.errors ?? []).toEqual([]);
  for (const d of open) d.lock();
  await shutOffice(at);
});

test('[PUSH-6] what somebody wrote who has left is released by nobody; a coordinator takes it as their own', async () => {
  const { server, board } = at;
  const worker = await enrolled(server.invite());
  const { id, text, version } = await filled(worker, true);
  await server.command('people', 'offboard', (await worker.status()).person!.id, '--reason', 'moved away');
  await board.press('g', 'p');
  await expect(kept()).toHaveCount(1);
  await correct(version);
  await kept().getByRole('button', { name: board.t('fix.release.fixed') }).press('Enter');
  await expect(kept()).toContainText('It can be adopted.');
  await kept().getByRole('button', { name: board.t('fix.adopt') }).press('Enter');
  await expect(board.page.getByText(board.t('fix.done.adopted'))).toBeVisible();
  await expect(kept()).toHaveCount(0);
  await board.brought(id);
  await board.row(id).getByRole('button').first().press('Enter');
  await expect(board.report).toContainText(text);
  await expect(inLine(board.t('hist.quarantine.refused'))).toBeVisible();
  await expect(inLine(board.t('hist.quarantine.adopted'))).toContainText(board.t('you'));
  await expect(inLine(board.t('hist.report.create'))).toContainText(board.t('you'));
});

test('[PUSH-6] what was put aside is corrected later, runs as its author, and says both', async () => {
  const { server, board } = at;
  const worker = await enrolled(server.invite());
  const { id, text, version } = await filled(worker, true);
  await board.press('g', 'p');
  await kept().getByRole('button', { name: board.t('fix.aside') }).press('Enter');
  await kept().getByLabel(board.t('fix.aside.why')).fill('no such version');
  await board.page.keyboard.press('Enter');
  await expect(board.page.getByText(board.t('fix.done.dismissed'))).toBeVisible();
  await board.page.getByText(board.t('fix.aside.list', { n: 1 })).press('Enter');
  await expect(kept()).toContainText('no such version');
  await correct(version);
  await kept().getByRole('button', { name: board.t('fix.release.fixed') }).press('Enter');
  await expect(board.page.getByText(board.t('fix.done.released'))).toBeVisible();
  await expect(kept()).toHaveCount(0);
  await board.brought(id);
  await board.row(id).getByRole('button').first().press('Enter');
  await expect(board.report).toContainText(text);
  await expect(inLine(board.t('hist.quarantine.dismissed'))).toContainText('no such version');
  await expect(inLine(board.t('hist.quarantine.released'))).toContainText(board.t('you'));
  await expect(inLine(board.t('hist.report.create'))).toContainText(board.t('role.worker'));
});

test('[MERGE-2] two values that both count: what will be written stands there first, and is written', async () => {
  const { server, board } = at;
  const [x, y] = [await enrolled(server.invite('coordinator')), await enrolled(server.invite('coordinator'))];
  const site = (await x.records('sites'))[0]!.id;
  await x.update('sites', site, { notes: 'ring twice' });
  await y.update('sites', site, { notes: 'use the back door' });
  await x.sync();
  await y.sync();
  await board.press('g', 'p');
  const conflict = board.page.locator('section.clash');
  await expect(conflict).toHaveCount(1);
  await expect(conflict).toContainText(board.t('clash.nothing'));
  const values = (await conflict.locator('.val .said').allInnerTexts()).map((v) => v.trim());
  expect(values.toSorted()).toEqual(['ring twice', 'use the back door']);
  await conflict.getByRole('radio', { name: board.t('clash.both') }).press('Space');
  const will = conflict.locator('p').filter({ hasText: board.t('clash.written') }).locator('.said');
  await expect(will).toHaveText(values.join('\n'));
  await conflict.getByRole('button', { name: board.t('clash.do') }).press('Enter');
  await expect(conflict).toHaveCount(0);
  for (const d of [x, y]) await expect.poll(async () => { await d.sync(); return (await d.record('sites', site))?.fields['notes']; }).toBe(values.join('\n'));
});

test('[ENROL-2] [R8] who came by a poster is not confirmed, and neither is what they wrote, until a coordinator says so', async () => {
  const { board } = at;
  await board.press('g', 'u');
  await board.page.getByLabel(board.t('people.role')).selectOption('staff');
  await board.page.getByLabel(board.t('report.where')).selectOption({ label: SITE });
  await board.page.getByLabel(board.t('people.poster')).check();
  await board.button('people.make').press('Enter');
  const staff = await enrolled(board.page.locator('.made dd').first().innerText().then((code) => code.trim()));
  await board.page.locator('h1').focus();
  const first = await filled(staff, false);
  await board.brought(first.id);
  await board.row(first.id).getByRole('button').first().click();
  await expect(board.report).toContainText(board.t('who.maybe'));
  await board.report.getByRole('heading', { level: 2 }).first().focus();
  await board.press('g', 'u');
  const line = board.page.getByRole('table').first().getByRole('row').filter({ hasText: board.t('people.unconfirmed') });
  await expect(line).toHaveCount(1);
  await line.getByRole('button', { name: board.t('people.confirm') }).press('Enter');
  await expect(line).toHaveCount(0);
  await expect(board.page.getByText(board.t('people.done'))).toBeVisible();
  const second = await filled(staff, false);
  await board.page.locator('h1').focus();
  await board.brought(second.id);
  await board.row(second.id).getByRole('button').first().click();
  await expect(board.report).toContainText(second.text);
  await expect(board.report).not.toContainText(board.t('who.maybe'));
  await expect(board.report).not.toContainText(board.t('who.unconfirmed'));
});
