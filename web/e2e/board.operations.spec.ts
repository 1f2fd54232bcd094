// A joint effort (operation): a coordinator makes it and puts people on its
// roster at the board, a phone without signal knows that it runs, its report
// stands on the board under it and on the map, and at its end what was seen by
// the roster is seen no more.
import { expect, test, type Browser, type Page } from '@playwright/test';
import { Phone as Library } from '../sdk/test/support/phone.ts';
import type { Device } from '../sdk/device.ts';
import { cellAt } from '../sdk/cell.ts';
import { Board } from './rig/board.ts';
import { Gateway } from './rig/gateway.ts';
import { faults, Watch, type Way } from './rig/look.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(300_000);
test.describe.configure({ mode: 'serial' });

const plaza = { latitude: 39.042512, longitude: -94.592534, accuracy: 8 };
const cell = cellAt({ lat: plaza.latitude, lon: plaza.longitude });
const exact = '39.04251, -94.59253';
const look = process.env.FIELDPOST_E2E_LOOK; // a folder for screenshots
const ours = 'Night Outreach';
const second = 'Second Outreach';

let server: Server;
let way: Gateway;
let browser: Browser;
let board: Board;
let watch: Watch;
let phone: Phone;
let guest: Device;
let keeper: Device;

/** Counts what a page asks of the device's position. */
const counting = (page: Page) => page.addInitScript(() => {
  const here = globalThis as unknown as { asked: number };
  here.asked = 0;
  for (const way of ['getCurrentPosition', 'watchPosition'] as const) {
    const own = Geolocation.prototype[way] as (...all: unknown[]) => unknown;
    Geolocation.prototype[way] = function (this: Geolocation, ...all: unknown[]) { here.asked++; return own.apply(this, all); } as never;
  }
});
const asked = () => phone.page.evaluate(() => (globalThis as unknown as { asked: number }).asked);
const effort = () => phone.page.getByRole('radio', { name: 'Weekend', exact: true });
const place = () => phone.page.getByRole('button', { name: new RegExp(`^(${phone.t('stop.place').replace('?', '.')}|${phone.t('where.here')})`) });
const here = () => phone.page.getByRole('button', { name: new RegExp(`^${phone.t('where.here')}`) });
const section = () => board.page.getByRole('region', { name: 'Weekend', exact: true });
const shot = async (page: Page, name: string): Promise<void> => { if (look) await page.screenshot({ path: `${look}/${name}.png`, fullPage: true }); };

/** Lets the second organization take part, at the board, and puts its coordinator on the roster. */
async function joined(effortId: string): Promise<void> {
  await board.press('g', 'j');
  const partner = section().getByLabel(board.t('efforts.partner'));
  await partner.selectOption({ label: second });
  await section().getByRole('button', { name: board.t('efforts.partner.add') }).press('Enter');
  await expect(section().getByRole('list', { name: board.t('efforts.partners', { name: 'Weekend' }) })).toContainText(second);
  await shot(board.page, 'efforts-partner');
  // The board's change is on its way.
  const { person } = await guest.status();
  await expect.poll(async () => {
    await keeper.sync();
    return (await keeper.records('operations')).find((o) => o.id === effortId)?.fields['organizations'];
  }).toContain(person!.organization);
  await keeper.create('rosters', { operation: effortId, person: person!.id, role: 'triage' });
  await keeper.sync();
  await guest.sync();
}

test.beforeAll(async () => {
  server = await Server.start();
  way = await Gateway.before(() => server.url);
  browser = await desktop();
  board = await Board.enrolled(browser, server.url, await server.invite('coordinator', ours));
  watch = new Watch(board.page, server.url);
  phone = await new Phone(way.url).on(`/#invite=${await server.invite('worker', ours)}`, counting);
  await phone.setUp();
  guest = await new Library({ timeout: 20_000 }).enrolled(server.url, await server.invite('coordinator', second));
  (await new Library({ timeout: 20_000 }).enrolled(server.url, await server.invite('law_enforcement', 'Harbor Police'))).lock();
  (await new Library({ timeout: 20_000 }).enrolled(server.url, await server.invite('staff', 'The Cedar Inn', '--site', 'The Cedar Inn', '--served-by', 'Third Outreach'))).lock();
  keeper = await new Library({ timeout: 20_000 }).enrolled(server.url, await server.invite('coordinator', ours));
});

test.afterAll(async () => {
  guest?.lock();
  keeper?.lock();
  await phone?.browser.kill();
  await browser?.close();
  await way?.stop();
  await server?.stop();
});

test('[OPS-1] [OPS-2] [BOARD] a coordinator makes one and puts a worker on its roster, by keys alone; the phone shows it', async () => {
  const { page } = board;
  await phone.stop();
  await expect(effort()).toHaveCount(0);
  await board.press('g', 'j');
  await expect(page.getByText(board.t('efforts.none'))).toBeVisible();
  await board.button('efforts.new').press('Enter');
  await page.getByLabel(board.t('efforts.name'), { exact: true }).fill('Weekend');
  const begins = page.getByLabel(board.t('efforts.begins'), { exact: true });
  const ends = page.getByLabel(board.t('efforts.ends'), { exact: true });
  const [from, to] = [await begins.inputValue(), await ends.inputValue()];
  await ends.fill(from);
  await board.button('efforts.save').press('Enter');
  await expect(page.getByRole('status').getByText(board.t('efforts.order'))).toBeVisible();
  await ends.fill(to);
  await board.button('efforts.save').press('Enter');
  await expect(page.getByRole('status').getByText(board.t('efforts.saved'))).toBeVisible();
  await expect(section()).toContainText(board.t('efforts.on', { time: '' }).trim());
  await expect(section()).toContainText(board.t('efforts.empty'));
  // The coordinators and the worker can be on it, each once.
  const person = section().getByLabel(board.t('efforts.person'));
  await expect(person.locator('option')).toHaveCount(4);
  await person.selectOption(await person.locator('option', { hasText: board.t('role.worker') }).getAttribute('value'));
  await section().getByRole('button', { name: board.t('efforts.add') }).press('Enter');
  await expect(section().getByRole('row')).toHaveCount(2);
  await expect(section().getByRole('row').nth(1)).toContainText(board.t('efforts.part.outreach'));
  await expect(person.locator('option')).toHaveCount(3);
  await expect(effort()).toHaveCount(1);
  expect(watch.errors).toEqual([]);
});

test('[OPS-7] [R14] a phone without signal goes by its own clock; it is asked where it is by a press alone, and the coarse cell is kept alone', async () => {
  way.down = true;
  await phone.page.reload();
  await phone.unlock();
  await phone.stop();
  await expect(effort()).toBeChecked();
  await place().click();
  await shot(phone.page, 'phone-place');
  expect(await asked()).toBe(0);
  await here().click();
  await expect(phone.says('where.denied')).toBeVisible();
  const context = phone.page.context();
  const session = await context.newCDPSession(phone.page);
  await session.send('Browser.grantPermissions', { permissions: ['geolocation', 'durableStorage'] });
  await session.send('Emulation.setGeolocationOverride', plaza);
  await here().click();
  await expect(phone.says('where.done', { cell })).toBeVisible();
  expect(await asked()).toBe(2);
  await expect(phone.says('where.exact')).toHaveCount(0); // nobody has allowed it
  await phone.button('ok').click();
  await expect(place()).toContainText(phone.t('where.here'));
  await shot(phone.page, 'phone-stop');
  await phone.done();
  way.down = false;
  await phone.online();
  await expect(phone.rows('state.received')).toHaveCount(1);
  // On the board it stands under the joint effort.
  await section().getByRole('link', { name: board.t('efforts.reports', { n: 1 }) }).press('Enter');
  await expect(board.rows).toHaveCount(1);
  await expect(board.page).toHaveURL(/operation=/);
  await expect(board.page.getByRole('button', { name: /Weekend/ })).toBeVisible();
  await board.rows.first().click();
  await expect(board.report).toContainText('Weekend');
  await expect(board.report).toContainText(board.t('map.cellname', { cell }));
  await expect(board.report).not.toContainText(board.t('report.point'));
  await shot(board.page, 'board-report');
  // A board that is shown one report by another's operation only.
  const effortId = new URL(board.page.url()).searchParams.get('operation')!;
  await guest.sync();
  expect(await guest.records('observations')).toHaveLength(0);
  await joined(effortId);
  const [seen] = await guest.records('observations');
  expect(seen?.fields).toMatchObject({ operation: effortId, grid: cell, point: null });
  expect(JSON.stringify(seen)).not.toContain('39.04');
});

test('[OPS-8] [OPS-6] [BOARD] who runs it picks partner organizations by name; one that is taken off sees nothing of it, and the audit has it', async () => {
  const { page } = board;
  const effortId = new URL(page.url()).searchParams.get('operation')!;
  await board.press('g', 'j');
  await expect(section()).toContainText(board.t('efforts.person.of', { name: second }));
  const partner = section().getByLabel(board.t('efforts.partner'));
  // The police are there to be picked; one's own, who takes part already, and who owns a site are not.
  await expect(partner.locator('option')).toHaveText(['', 'Harbor Police']);
  await section().getByRole('list', { name: board.t('efforts.partners', { name: 'Weekend' }) }).getByRole('button').press('Enter');
  await expect(section().getByRole('list')).toHaveCount(0);
  await expect(partner.locator('option')).toHaveText(['', 'Harbor Police', second]);
  await expect(section().getByRole('row')).toHaveCount(2); // its people went along
  await expect.poll(async () => { await guest.sync(); return (await guest.records('observations')).length; }).toBe(0); // the board's change is on its way
  expect([await guest.records('operations'), await guest.records('rosters')]).toEqual([[], []]);
  const entries = (await server.command('audit', 'export', '-')).trim().split('\n')
    .map((l) => (JSON.parse(l) as { body?: string }).body).filter((b) => b !== undefined)
    .map((b) => (JSON.parse(b) as { fields?: { act?: string; record?: string; detail?: { op: string; fields?: string[]; operation?: string } } }).fields ?? {})
    .flatMap((e) => (e.act === 'roster' && e.detail && [e.record, e.detail.operation].includes(effortId) ? [e.detail] : []));
  expect(entries.map((e) => [e.op, e.fields?.includes('organizations') ?? '']).slice(-4)).toEqual([['update', true], ['create', ''], ['update', true], ['delete', '']]);
  await joined(effortId);
  expect(await guest.records('observations')).toHaveLength(1);
});

test('[OPS-7] [R14] the exact place goes along where the organization has allowed it and the person adds it to this one; the effort can be taken off', async () => {
  await server.command('allow', 'points', '--organization', ours);
  await phone.stop();
  await place().click();
  const tick = () => phone.page.getByRole('checkbox', { name: phone.t('where.exact') });
  await expect(tick()).toHaveCount(1);
  await expect(tick()).not.toBeChecked();
  await here().click();
  await expect(phone.says('where.done', { cell })).toBeVisible();
  await expect(tick()).not.toBeChecked(); // not of itself
  await tick().check();
  await expect(phone.says('where.exact.goes', { point: exact })).toBeVisible();
  await shot(phone.page, 'phone-exact');
  await phone.button('ok').click();
  await effort().click();
  await expect(effort()).not.toBeChecked();
  await phone.done();
  await expect(phone.rows('state.received')).toHaveCount(1); // the other one was opened at the board
  await expect(phone.rows('state.seen')).toHaveCount(1);
  // The next one begins without it.
  await phone.stop();
  await expect(effort()).toBeChecked();
  await place().click();
  await expect(tick()).not.toBeChecked();
  await phone.button('ok').click();

  await board.press('g', 'q');
  await expect(board.rows).toHaveCount(1); // this one is of none
  await board.press('g', 'm');
  const where = board.page.getByRole('table', { name: board.t('map.places'), exact: true });
  await expect(where.getByRole('row', { name: new RegExp(cell) }).locator('td')).toHaveText('1');
  await expect(where.getByRole('row', { name: board.t('map.exact') }).locator('td')).toHaveText('1');
  const other = (await keeper.sync(), await keeper.records('observations')).find((r) => r.fields['point']);
  expect(other?.fields).toMatchObject({ operation: '', grid: cell, point: { lat: 39.04251, lon: -94.59253 } });
});

const ways: Way[] = [{ width: 1440, theme: 'dark', size: 100, dir: 'ltr', axe: true }, { width: 1024, theme: 'light', size: 100, dir: 'ltr', axe: true }, { width: 1024, theme: 'dark', size: 200, dir: 'ltr' }];
const small: Way[] = [{ width: 390, theme: 'light', size: 100, dir: 'ltr', axe: true }, { width: 390, theme: 'dark', size: 200, dir: 'ltr' }, { width: 390, theme: 'dark', size: 100, dir: 'ltr', axe: true }];
test('[R20] axe finds nothing on the page, nor on the phone\'s screens, dark and light, in both languages; nothing scrolls sideways', async () => {
  const { page } = board;
  const found: string[] = [];
  await place().click();
  found.push(...await faults(phone.page, 'place', small));
  await phone.button('ok').click();
  found.push(...await faults(phone.page, 'stop', small));
  for (const language of ['en', 'es'] as const) {
    await board.press('g', 'j');
    await expect(section()).toBeVisible();
    for (const w of ways) {
      found.push(...await faults(page, `joint efforts ${language}`, [w], 'font'));
      await shot(page, `efforts-${language}-${w.width}-${w.theme}-${w.size}`);
    }
    await page.evaluate(() => { document.adoptedStyleSheets = []; document.documentElement.dataset['theme'] = 'dark'; });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: language === 'en' ? 'Español' : 'English', exact: true }).click();
  }
  expect(found).toEqual([]);
});

test('[OPS-4] [ACCESS] ended at the board, nobody sees anything by its roster any more; what was reported stays', async () => {
  await board.press('g', 'j');
  await section().getByRole('button', { name: board.t('efforts.end') }).press('Enter');
  await expect(section().getByText(board.t('efforts.end.ask'))).toBeVisible();
  await section().getByRole('group', { name: board.t('efforts.end') }).getByRole('button', { name: board.t('efforts.end'), exact: true }).press('Enter');
  await expect(section()).toContainText(board.t('efforts.over', { time: '' }).trim());
  await guest.sync();
  expect(await guest.records('observations')).toHaveLength(0);
  await expect(section().getByRole('link', { name: board.t('efforts.reports', { n: 1 }) })).toBeVisible();
  // The draft that was begun while it lasted is of it still, and can be taken off; a new one is of none.
  await expect(effort()).toBeChecked();
  await phone.done();
  await expect(phone.rows('state.received')).toHaveCount(2);
  await phone.stop();
  await expect(effort()).toHaveCount(0);
  await expect(section().getByRole('link', { name: board.t('efforts.reports', { n: 2 }) })).toBeVisible();
  watch.clean();
  expect(phone.errors).toEqual([]);
});

test('[OPS-1] [OPS-3] [BOARD] a site of another organization, seen by its roster, is not there to be named in one of one\'s own', async () => {
  await server.invite('staff', 'Bay Inn', '--site', 'Bay Inn', '--served-by', second);
  await guest.sync();
  const site = (await guest.records('sites')).find((r) => r.fields['name'] === 'Bay Inn')!;
  const me = (await keeper.status()).person!;
  const other = (await keeper.records('users')).find((u) => u.fields['role'] === 'coordinator' && u.id !== me.id)!;
  const iso = (ms: number) => new Date(Date.now() + ms).toISOString();
  const [theirs] = (await guest.create('operations', { name: 'Theirs', begins: iso(-60_000), ends: iso(3_600_000), sites: [site.id], organizations: [me.organization] })).ids;
  await guest.create('rosters', { operation: theirs!, person: other.id, role: 'triage' });
  await guest.sync();
  expect(await guest.outbox('parked')).toEqual([]);
  await board.press('g', 'j');
  await expect(board.page.getByRole('region', { name: 'Theirs', exact: true })).toContainText('Bay Inn');
  await board.button('efforts.new').press('Enter');
  await expect(board.page.getByText(board.t('efforts.nosites'))).toBeVisible();
  await expect(board.page.getByRole('checkbox', { name: 'Bay Inn' })).toHaveCount(0);
  await board.button('close').press('Enter');
});

test('[OPS-7] [R24] in practice the same is tried, and nothing of it leaves', async () => {
  const { page } = phone;
  await page.reload();
  await phone.unlock();
  const before = way.calls.filter((c) => c.includes('/push')).length;
  await phone.row(phone.t('home.learn')).click();
  await phone.row(phone.t('learn.practice.say')).click();
  await phone.stop();
  await expect(page.getByRole('radio', { name: 'Practice weekend' })).toBeChecked();
  await phone.row('Practice truck stop').click();
  await here().click();
  await expect(phone.says('where.done', { cell })).toBeVisible();
  await phone.button('ok').click();
  await phone.done();
  await page.waitForTimeout(1_000); // that nothing goes out takes time
  expect(way.calls.filter((c) => c.includes('/push')).length).toBe(before);
});
