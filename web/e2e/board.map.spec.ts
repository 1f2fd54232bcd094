// Map and counts: what phones pushed stands on the map and in the tables beside
// it, nothing is asked of anybody else, and all of it is there without a mouse.
import { expect, test, type Browser } from '@playwright/test';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import type { Device } from '../sdk/device.ts';
import { cellAt } from '../board/model/places.ts';
import { Board } from './rig/board.ts';
import { faults, Watch, type Way } from './rig/look.ts';
import { pixels } from './rig/png.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(180_000);
// One looks on at what the one before left.
test.describe.configure({ mode: 'serial' });

const plaza = { lat: 39.0425, lon: -94.5925 };
const ours = 'Night Outreach';
const look = process.env.FIELDPOST_E2E_LOOK; // a folder for screenshots

let server: Server;
let browser: Browser;
let board: Board;
let watch: Watch;
let worker: Device;
let keeper: Device;
const phones: Device[] = [];

const stop = (minutes: number, more: object = {}) => worker.create('observations', { ...observation(''), event_time: new Date(Date.now() - minutes * 60_000).toISOString(), ...more } as never);

test.beforeAll(async () => {
  server = await Server.start();
  // Software drawing: a test machine has no card.
  browser = await desktop(true);
  keeper = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite('coordinator', ours));
  await keeper.create('sites', { name: 'Lost Mitten', venue: 'truck_stop', point: plaza });
  await keeper.create('sites', { name: 'Two Owls', venue: 'truck_stop', point: { lat: plaza.lat + 0.004, lon: plaza.lon + 0.004 } });
  await keeper.create('sites', { name: 'Blue Teapot', venue: 'hotel', point: { lat: 38.88, lon: -94.82 } });
  await keeper.create('sites', { name: 'Nowhere Inn', venue: 'hotel' });
  await keeper.sync();
  worker = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite('worker', ours));
  await worker.sync();
  const site = Object.fromEntries((await worker.records('sites')).map((s) => [s.fields['name'], s.id])) as Record<string, string>;
  for (let i = 0; i < 5; i++) await stop(1 + i, { site: site['Lost Mitten'] });
  for (let i = 0; i < 3; i++) await stop(1 + i, { grid: '9yuyd' });
  await stop(2, { grid: '9yuyd7kq2', point: { lat: 39.2, lon: -94.2 }, indicators: [{ indicator: 'core.02', basis: 'told' }] });
  await stop(3, { site: site['Nowhere Inn'] });
  await stop(20 * 24 * 60, { site: site['Blue Teapot'] }); // of another time
  await worker.sync();
  phones.push(keeper, worker);
  for (const name of ['Second Outreach', 'Third Outreach']) {
    const other = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite('worker', name));
    await other.create('observations', { ...observation(''), event_time: new Date().toISOString() } as never);
    await other.sync();
    phones.push(other);
  }
  board = await Board.enrolled(browser, server.url, await server.invite('coordinator', ours));
  watch = new Watch(board.page, server.url);
  await expect(board.rows).toHaveCount(11);
});

test.afterAll(async () => {
  for (const d of phones) d.lock();
  await browser?.close();
  await server?.stop();
});

/** A table's rows: name to number. */
const table = async (caption: string): Promise<Record<string, string>> => Object.fromEntries(
  await board.page.getByRole('table', { name: caption, exact: true }).getByRole('row').evaluateAll((rows) => rows.slice(1).map((r) => [r.querySelector('th')?.textContent?.trim() ?? '', r.querySelector('td:last-child')?.textContent?.trim() ?? ''])));

test('[R14] [R22] the map shows the cells and sites of what phones pushed, the table says the same, and nobody else is asked', async () => {
  const { page } = board;
  const asked: string[] = [];
  page.on('request', (r) => asked.push(new URL(r.url()).pathname));
  expect(asked.join()).not.toContain('Map-');
  await board.press('g', 'm');
  await expect(page.getByRole('heading', { level: 1, name: board.t('map.title') })).toBeVisible();
  await expect(page.locator('.canvas[data-drawn="yes"]')).toBeVisible({ timeout: 60_000 });
  expect(await table(board.t('map.places'))).toEqual({
    [`Jackson, MO (Cell ${cellAt(plaza)})`]: '5', 'Clay, MO (Cell 9yuyd)': '3', [board.t('map.exact')]: '1', [board.t('map.nowhere')]: '1',
    'Lost Mitten': '5', [`Nowhere Inn, ${board.t('map.nopoint')}`]: '1', 'Two Owls': '0', 'Blue Teapot': '0',
  });
  await expect(page.locator('.cnum')).toHaveText(['5', '3']);
  // Two sites that would lie upon one another are one circle, until one looks nearer; by keys.
  const group = page.getByRole('button', { name: /^2 sites: .*Lost Mitten/ });
  await group.focus();
  await page.keyboard.press('Enter');
  const one = page.getByRole('button', { name: board.t('map.siteis', { name: 'Lost Mitten', n: 5 }) });
  await expect(one).toBeFocused();
  await page.getByRole('button', { name: board.t('map.whole') }).click();
  await expect(group).toBeVisible();
  expect(await table(board.t('map.bysetting'))).toEqual({ [board.t('geo.nolist')]: '10' });
  const hours = await table(board.t('map.hours'));
  expect(Object.values(hours).reduce((sum, n) => sum + Number(n), 0)).toBe(10);
  expect(asked.filter((p) => /\.(pbf|png|mvt|jpg)$/.test(p))).toEqual([]);
  watch.clean();
});

/** The colours around a cell's middle, beside its number, in a picture of the page; on none of them lies a word or a pin. */
async function coloursAt(at: { x: number; y: number }): Promise<Set<number>> {
  const { of } = pixels(await board.page.screenshot({ clip: { x: at.x + 14, y: at.y + 14, width: 3, height: 3 } }));
  return new Set(of);
}
/** Where a number that stands on the map alone is, px of the page. */
async function middleOf(number: string): Promise<{ x: number; y: number }> {
  const box = await board.page.locator('.cnum').filter({ hasText: new RegExp(`^${number}$`) }).boundingBox();
  return { x: box!.x + box!.width / 2, y: box!.y + box!.height / 2 };
}

test('[BOARD] what arrives while one looks is drawn and counted, where one looks stays, and a period shows what is of it', async () => {
  const { page } = board;
  const where = await page.locator('.pin').first().boundingBox();
  // Two in a cell where nothing was: its number stands there, and its square is drawn.
  const fresh = { lat: 38.95, lon: -94.45 };
  const before = pixels(await page.screenshot());
  for (const minutes of [1, 2]) await stop(minutes, { grid: cellAt(fresh) });
  await worker.sync();
  await expect(page.locator('.cnum')).toHaveText(['5', '3', '2'], { timeout: 20_000 });
  const at = await middleOf('2');
  const was = before.of[Math.round(at.y + 15) * before.width + Math.round(at.x + 15)]!;
  await expect.poll(async () => (await coloursAt(at)).has(was)).toBe(false);
  // A site is told where it is: it has its pin, and the report from it a cell of its own.
  const inn = (await keeper.records('sites')).find((s) => s.fields['name'] === 'Nowhere Inn')!;
  await keeper.update('sites', inn.id, { point: { lat: 38.95, lon: -94.35 } });
  await keeper.sync();
  await expect(page.getByRole('button', { name: board.t('map.siteis', { name: 'Nowhere Inn', n: 1 }) })).toBeVisible({ timeout: 20_000 });
  await expect(page.locator('.cnum')).toHaveText(['5', '3', '2', '1']);
  const there = await middleOf('1');
  const bare = before.of[Math.round(there.y + 15) * before.width + Math.round(there.x + 15)]!;
  await expect.poll(async () => (await coloursAt(there)).has(bare)).toBe(false);
  expect(await page.locator('.pin').first().boundingBox()).toEqual(where);
  // No letter acts on a report that is not in sight.
  await board.press('j', 'c', 'x', 'Enter');
  await expect(page.locator('dialog.box[open]')).toHaveCount(0);
  await stop(1, { grid: '9yuyd' });
  await worker.sync();
  await expect(page.locator('.geo .sum')).toContainText('13', { timeout: 20_000 });
  await expect.poll(async () => (await table(board.t('map.places')))['Clay, MO (Cell 9yuyd)']).toBe('4');
  await page.getByRole('combobox', { name: board.t('geo.period') }).selectOption('0');
  await expect(page.locator('.geo .sum')).toContainText('14');
  expect((await table(board.t('map.places')))['Blue Teapot']).toBe('1');
  await page.getByRole('combobox', { name: board.t('geo.period') }).selectOption('3');
});

test('[BOARD] [ACCESS] counts agree with what was pushed; of the others nothing of the running week is told, and published numbers stand apart', async () => {
  const { page } = board;
  await board.press('g', 'c');
  await expect(page.getByRole('heading', { level: 1, name: board.t('counts.title') })).toBeVisible();
  expect(await table(board.t('counts.bysite'))).toEqual({ [board.t('geo.nosite')]: '7', 'Lost Mitten': '5', 'Nowhere Inn': '1' });
  const indicators = await page.getByRole('table', { name: board.t('counts.byindicator'), exact: true }).first().locator('td.num').allInnerTexts();
  expect(indicators).toEqual(['12', '1']);
  const across = page.locator('section[aria-labelledby="c-across"]');
  await expect(across).toContainText('other 2 organizations');
  await expect(across.getByRole('row').filter({ hasText: '+' })).toHaveCount(0);
  await expect(across.getByRole('combobox').locator('option')).toHaveCount(12);
  const published = page.getByRole('table', { name: board.t('counts.published') });
  await expect(published).toContainText('233');
  await expect(published).toContainText('92');
  // What the server would tell of a completed week stands beside one's own, as a step and no more.
  await page.route('**/api/fieldpost/counts', async (route) => {
    const answer = await (await route.fetch()).json() as { organizations: number; weeks: object[] };
    answer.weeks[0] = { ...answer.weeks[0], reports: 25, setting: { observation: 20, hotel_front: 5 }, venue: { truck_stop: 15 }, hour: { 0: 10, 23: 5 }, indicator: { 'core.01': 10 } };
    await route.fulfill({ json: answer });
  });
  await board.press('g', 'q');
  await board.press('g', 'c');
  await expect(across.locator('.sum')).toContainText('25+');
  await expect(across.getByRole('row', { name: board.t('geo.nolist') })).toHaveText(/0\s*20\+/);
  await expect(across.getByRole('row', { name: /^1\s?AM/ })).toHaveText(/0\s*<5/);
  if (look) {
    await across.scrollIntoViewIfNeeded();
    await across.screenshot({ path: `${look}/across.png` });
    await page.locator('section[aria-labelledby="c-published"]').screenshot({ path: `${look}/published.png` });
  }
  watch.clean();
});

/** How light the map is, 0 to 255: the middle of all that is drawn. */
async function lightness(): Promise<number> {
  const { of } = pixels(await board.page.locator('.canvas').screenshot());
  return of.toSorted()[of.length >> 1]! >> 8 & 255;
}

test('[BOARD] who asks for light has it at once, on the map that is open too, and after a restart', async () => {
  const { page } = board;
  await board.press('g', 'm');
  await expect(page.locator('.canvas[data-drawn="yes"]')).toBeVisible({ timeout: 60_000 });
  await expect.poll(lightness).toBeLessThan(60);
  await board.button('theme.light').press('Enter');
  await expect.poll(lightness).toBeGreaterThan(200);
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  await page.getByLabel(board.t('lock.enter')).fill('six dry stones');
  await board.button('lock.open').click();
  await expect(board.rows.first()).toBeVisible();
  await board.button('theme.dark').press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  watch.clean();
});

const axe: Way[] = [{ width: 1440, theme: 'dark', size: 100, dir: 'ltr', axe: true }, { width: 1024, theme: 'light', size: 100, dir: 'ltr', axe: true }];
const wide: Way[] = [{ width: 1440, theme: 'light', size: 100, dir: 'ltr' }, { width: 1024, theme: 'dark', size: 200, dir: 'ltr' }];
test('[R20] axe finds nothing on both pages, dark and light, in both languages; nothing scrolls sideways', async () => {
  const { page } = board;
  const found: string[] = [];
  for (const language of ['en', 'es'] as const) {
    for (const [key, name] of [['m', 'map'], ['c', 'counts']] as const) {
      await board.press('g', key);
      await expect(page.locator(key === 'm' ? '.canvas[data-drawn="yes"]' : '.counts')).toBeVisible({ timeout: 60_000 });
      for (const way of language === 'en' ? axe : wide) {
        found.push(...await faults(page, `${name} ${language}`, [way], 'font'));
        if (look) await page.screenshot({ path: `${look}/${name}-${language}-${way.width}-${way.theme}-${way.size}.png` });
      }
    }
    await page.evaluate(() => { document.adoptedStyleSheets = []; document.documentElement.dataset['theme'] = 'dark'; });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: language === 'en' ? 'Español' : 'English', exact: true }).click();
  }
  expect(found).toEqual([]);
  watch.clean();
});

test('[BOARD] where nothing can be drawn, and where no line is, the table stands', async () => {
  const { page } = board;
  await page.addInitScript(() => {
    const own = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string, ...rest: unknown[]) { return kind.startsWith('webgl') ? null : own.call(this, kind as '2d', ...rest as []); } as typeof own;
  });
  await page.reload();
  await page.getByLabel(board.t('lock.enter')).fill('six dry stones');
  await board.button('lock.open').click();
  await expect(board.rows.first()).toBeVisible();
  await board.press('g', 'm');
  await expect(page.getByText(board.t('map.nodraw'))).toBeVisible({ timeout: 30_000 });
  expect((await table(board.t('map.places')))['Lost Mitten']).toBe('5');
});
