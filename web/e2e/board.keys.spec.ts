// The board without a mouse: every act has its letter, a filter is a link, and
// reports of one place and hour stand side by side.
import { expect, test, type Browser } from '@playwright/test';
import type { Device } from '../sdk/device.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { Board, PASSPHRASE } from './rig/board.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(300_000);

const SITE = 'The Cedar Inn';
let server: Server;
let browser: Browser;
let board: Board;
let worker: Device;

const stop = (note: string, agoMinutes: number, more: object = {}) => ({ ...observation(note), event_time: new Date(Date.now() - agoMinutes * 60_000).toISOString(), ...more });

/** Saves a report and shows it on the board. */
async function arrive(note: string, agoMinutes: number, more: object = {}): Promise<string> {
  const { ids } = await worker.create('observations', stop(note, agoMinutes, more) as never);
  await worker.sync();
  await expect(board.page.getByText(board.t('queue.fresh', { n: 1 }))).toBeVisible();
  await board.press('n');
  await expect(board.row(ids[0]!)).toBeVisible();
  return ids[0]!;
}

test.beforeAll(async () => {
  server = await Server.start();
  browser = await desktop();
  await server.invite('staff', SITE, '--site', SITE, '--served-by', 'Night Outreach');
  worker = await new Phone({ timeout: 60_000 }).enrolled(server.url, await server.invite());
  await worker.create('observations', stop('the first', 60));
  await worker.sync();
  board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
  await expect(board.rows).toHaveCount(1);
});

test.afterAll(async () => {
  expect(board?.errors ?? []).toEqual([]);
  worker?.lock();
  await browser?.close();
  await server?.stop();
});

test('[R20] a letter that is pressed as soon as the page stands names no page', async () => {
  await board.page.evaluate(() => {
    const early = new KeyboardEvent('keydown', { key: 'd', bubbles: true });
    Object.defineProperty(early, 'timeStamp', { value: 700 }); // ms after the page began
    document.body.dispatchEvent(early);
  });
  await expect(board.page.getByRole('heading', { level: 1, name: board.t('queue.title') })).toBeVisible();
  await expect(board.page.getByRole('heading', { level: 1, name: board.t('nav.duty') })).toBeHidden();
});

test('[R20] keys alone: moving opens nothing, and every act has its letter', async () => {
  const one = await arrive('by keys', 2);
  await board.stand(one);
  await expect(board.page.getByText(board.t('queue.choose'))).toBeVisible();
  await board.press('Enter');
  await expect(board.report).toContainText('by keys');
  await expect(board.row(one)).toContainText(board.t('state.seen'));

  await board.press('c');
  await expect(board.row(one)).toContainText(board.t('claim.you'));
  await board.press('a');
  await board.sheet.getByRole('button', { name: board.t('you'), exact: true }).press('Enter');
  await expect(board.report).toContainText(board.t('assign.is', { who: board.t('you') }));
  await board.press('t');
  await expect(board.sheet.getByText(board.t('tip.leaves'))).toBeVisible();
  await board.press('Escape');
  await expect(board.sheet).toBeHidden();
  await board.press('?');
  await expect(board.sheet.getByRole('heading', { name: board.t('keys.title') })).toBeVisible();
  await board.press('Escape');
  await expect(board.sheet).toBeHidden();

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
  for (const [key, name] of [['p', 'nav.repair'], ['u', 'nav.people'], ['d', 'nav.duty'], ['q', 'queue.title']] as const) {
    await board.press('g', key);
    await expect(board.page.getByRole('heading', { level: 1, name: board.t(name) })).toBeVisible();
  }
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
  await expect(board.sheet).toBeHidden();
  await board.press('x');
  await expect(board.sheet).toBeHidden();
  await board.row(one).getByRole('button').first().focus();
  await board.press('ArrowDown', 'ArrowUp', 'Enter');
  await expect(board.report.getByRole('heading', { level: 2 })).toBeVisible();
  await board.press('?');
  await board.page.evaluate(() => localStorage.removeItem('board-keys'));
});

test('[BOARD] reports of one place and hour stand side by side, and nothing merges them', async () => {
  await board.page.reload();
  await board.page.getByLabel(board.t('lock.enter')).fill(PASSPHRASE);
  await board.page.keyboard.press('Enter');
  await expect(board.rows).toHaveCount(2);
  const site = (await worker.records('sites'))[0]!.id;
  await arrive('a van at the pumps', 20, { site });
  const two = await arrive('a van, again', 10, { site });
  await board.stand(two);
  await board.press('Enter');
  await expect(board.report).toContainText('a van, again');
  await board.press('d');
  await expect(board.sheet.locator('.pair')).toHaveCount(2);
  await board.press('Escape');
  await expect(board.rows).toHaveCount(4);
});

test('[BOARD] a filter is a link, and names nobody', async () => {
  await board.press('Escape', 'f');
  await board.sheet.getByLabel(board.t('report.where')).selectOption({ label: SITE });
  await board.press('Escape');
  await expect(board.rows).toHaveCount(2);
  const link = new URL(board.page.url());
  expect(link.searchParams.get('site')).toMatch(/^[a-z0-9]{15}$/);
  await board.page.goto(link.href);
  await board.page.getByLabel(board.t('lock.enter')).fill(PASSPHRASE);
  await board.page.keyboard.press('Enter');
  await expect(board.rows).toHaveCount(2);
  await expect(board.page.getByRole('button', { name: new RegExp(SITE) }).first()).toBeVisible();
  await board.press('f');
  await board.sheet.getByLabel(board.t('report.where')).selectOption('');
  await board.press('Escape');
  await expect(board.rows).toHaveCount(4);
});
