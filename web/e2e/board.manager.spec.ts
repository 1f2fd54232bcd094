// The manager of a site at the board: what to do tonight, posters and training, counts of
// weeks that are over, and no more. And what leaves by the board: exports, the audit.
import AxeBuilder from '@axe-core/playwright';
import { readFile } from 'node:fs/promises';
import { expect, test, type Browser, type Page } from '@playwright/test';
import { newest } from '../sdk/checklist/checklists.ts';
import type { Device } from '../sdk/device.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { say, type Fill } from '../ui/text.ts';
import { en, type Key } from '../board/strings/en.ts';
import { es } from '../board/strings/es.ts';
import { Board, PASSPHRASE } from './rig/board.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(120_000);

const SITE = 'The Cedar Inn';
const at = ['--site', SITE, '--served-by', 'Night Outreach'];
const CANARY = 'a blue door and a number nine';

let server: Server;
let browser: Browser;
let board: Board;
let staff: Device;
let worker: Device;
let report = '';
/** All that a page was sent, headers too. */
const heard = new Map<Page, string[]>();

const t = (k: Key, fill?: Fill) => say(en[k], fill);

function listen(page: Page) {
  const all: string[] = [];
  heard.set(page, all);
  page.on('response', (r) => {
    if (!r.url().includes('/api/')) return;
    void r.text().then((body) => all.push(`${r.url()} ${JSON.stringify(r.headers())} ${body}`), () => all.push(r.url()));
  });
}

test.beforeAll(async () => {
  server = await Server.start();
  browser = await desktop();
  staff = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite('staff', SITE, ...at));
  await staff.sync();
  const list = newest(await staff.checklists('en')).find((c) => c.key === 'hotel_house' && c.locale === 'en')!;
  report = (await staff.create('submissions', { checklist: list.id, version: list.version, event_time: new Date().toISOString(), answers: { [list.items[0]!.id]: 'yes' }, site: (await staff.records('sites'))[0]!.id })).ids[0]!;
  await staff.sync();
  worker = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite());
  await worker.create('observations', observation(CANARY));
  await worker.sync();
  board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
  listen(board.page);
});

test.afterAll(async () => {
  expect(board?.errors ?? []).toEqual([]);
  staff?.lock();
  worker?.lock();
  await browser?.close();
  await server?.stop();
});

async function looksGood(page: Page, name: string) {
  for (const scheme of ['dark', 'light'] as const) {
    await page.evaluate((s) => { document.documentElement.dataset['theme'] = s; }, scheme);
    expect((await new AxeBuilder({ page }).analyze()).violations, `${name} ${scheme}`).toEqual([]);
    if (process.env.FIELDPOST_SHOTS) await page.screenshot({ path: `${process.env.FIELDPOST_SHOTS}/${name}-${scheme}.png`, fullPage: true });
  }
  await page.evaluate(() => { document.documentElement.dataset['theme'] = 'dark'; });
}

test('[BOARD] a coordinator notes posters and training by keyboard, and takes the reports with a reason', async () => {
  const page = board.page;
  await expect(board.rows).toHaveCount(2);
  await board.press('g', 't');
  await page.getByRole('heading', { level: 1, name: t('nav.ready') }).waitFor();
  await page.getByLabel(t('ready.posters')).fill('3');
  await page.getByLabel(t('ready.posteron')).fill('2026-01-05');
  await page.getByLabel(t('ready.trained'), { exact: true }).fill('8');
  await page.getByLabel(t('ready.trainedon')).fill('2026-01-06');
  await page.getByLabel(t('ready.next')).fill('2026-03-01');
  await page.getByLabel(t('ready.next')).press('Enter');
  await expect(page.getByText(t('ready.saved'))).toBeVisible();
  await looksGood(page, 'ready');
  await page.getByRole('heading', { level: 1 }).click();
  await board.press('g', 'e');
  await page.getByRole('heading', { level: 1, name: t('nav.exports') }).waitFor();
  await page.getByLabel(t('out.reason')).fill('too short');
  await board.button('out.do').click();
  await expect(page.getByText(t('out.short'))).toBeVisible();
  await page.getByLabel(t('out.reason')).fill('the yearly report to the county');
  const coming = page.waitForEvent('download');
  await board.button('out.do').press('Enter');
  const file = await readFile((await (await coming).path())!, 'utf8');
  expect(file).toContain(report);
  expect(file).not.toContain(CANARY);
  expect(file).not.toContain((await worker.status()).person!.id);
  await expect(page.getByText(t('out.done', { n: 2 }))).toBeVisible();
  await looksGood(page, 'exports');
});

test('[R8] [BOARD] the manager, with the raw API and the page, learns nothing of who, what or when', async () => {
  const context = await browser.newContext({ viewport: { width: 1024, height: 800 }, locale: 'en-US' });
  const page = await context.newPage();
  listen(page);
  let token = '';
  page.on('request', (r) => { token = r.headers()['authorization'] ?? token; });
  await page.goto(`${server.url}/board#invite=${await server.invite('manager', SITE, ...at)}`);
  await page.getByRole('button', { name: t('enrol.next'), exact: true }).click();
  await page.getByRole('button', { name: t('enrol.yes'), exact: true }).click();
  await page.getByLabel(t('enrol.secret'), { exact: true }).fill(PASSPHRASE);
  await page.getByLabel(t('enrol.again'), { exact: true }).fill(PASSPHRASE);
  await page.getByRole('button', { name: t('enrol.done'), exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'What to do tonight' }).waitFor();
  await expect(page.getByText('3 posters hang. Checked January 5, 2026.')).toBeVisible();
  await expect(page.getByText('8 people trained, last on January 6, 2026.')).toBeVisible();
  await expect(page.getByText('Next training: March 1, 2026.')).toBeVisible();
  await expect(page.getByRole('row')).toHaveCount(13);
  await expect(page.getByRole('cell', { name: t('tom.few') })).toHaveCount(12);
  // What a coordinator notes meanwhile stands here without a reload.
  await page.evaluate(() => { (globalThis as { unloaded?: boolean }).unloaded = false; });
  await board.page.getByRole('heading', { level: 1 }).click();
  await board.press('g', 't');
  await board.page.getByLabel(t('ready.posters')).fill('5');
  await board.page.getByLabel(t('ready.posteron')).fill('2026-02-07');
  await board.page.getByLabel(t('ready.posteron')).press('Enter');
  await expect(board.page.getByText(t('ready.saved'))).toBeVisible();
  await expect(page.getByText('5 posters hang. Checked February 7, 2026.')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('cell', { name: t('tom.few') })).toHaveCount(12);
  expect(await page.evaluate(() => (globalThis as { unloaded?: boolean }).unloaded)).toBe(false);
  // None of the queue's pages, by any key.
  for (const k of ['g', 'q', '?', 'f', 'g', 'e']) await page.keyboard.press(k);
  await expect(page.getByRole('navigation')).toHaveCount(0);
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.getByRole('button', { name: t('theme.light'), exact: true }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  expect(await page.locator('.tom').evaluate((e) => getComputedStyle(e).backgroundColor)).toBe('rgb(253, 252, 248)');
  await looksGood(page, 'manager');
  await page.getByRole('button', { name: t('language') }).click();
  await page.getByRole('heading', { level: 1, name: 'Qué hacer esta noche' }).waitFor();
  await expect(page.getByText(say(es['tom.who']))).toBeVisible();
  await looksGood(page, 'manager-es');

  const who = (await staff.status()).person!.id;
  const day = new Date().toISOString().slice(0, 10);
  const secrets = [report, CANARY, who, (await worker.status()).person!.id];
  expect(token).not.toBe('');
  const raw = async (path: string, body?: object) => (await fetch(`${server.url}${path}`, { method: body ? 'POST' : 'GET', headers: { Authorization: token, 'Content-Type': 'application/json' }, ...(body && { body: JSON.stringify(body) }) })).text();
  const asked = [
    ...await Promise.all(['submissions', 'observations', 'triage', 'addenda', 'tips', 'audit', 'seals', 'users', 'site_readiness'].map((c) => raw(`/api/collections/${c}/records?perPage=200&expand=site,organization`))),
    await raw('/api/fieldpost/exports/reports', { format: 'csv', reason: 'I want to know who it was' }),
    await raw('/api/fieldpost/exports/audit', {}), await raw('/api/fieldpost/audit/verify', {}),
    ...(heard.get(page) ?? []),
  ].join('\n');
  for (const s of secrets) expect(asked).not.toContain(s);
  const shown = await page.locator('body').innerText();
  for (const s of [...secrets, day]) expect(shown).not.toContain(s);
  // The control: what a coordinator's page was sent, and its raw API, has them.
  await board.page.reload();
  await board.page.getByLabel(t('lock.enter')).fill(PASSPHRASE);
  await board.button('lock.open').click();
  await expect(board.rows).toHaveCount(2);
  const told = await board.page.locator('body').innerText() + (await board.page.locator('li[id^="q-"]').evaluateAll((all) => all.map((x) => x.id).join()));
  expect(told).toContain(report);
  await context.close();
});

test('[R16] [BOARD] an admin takes the audit, which has the export in it, and has its chain checked', async () => {
  const boss = await Board.enrolled(browser, server.url, await server.invite('admin'));
  await boss.press('g', 'e');
  const coming = boss.page.waitForEvent('download');
  await boss.button('out.audit.do').click();
  const lines = (await readFile((await (await coming).path())!, 'utf8')).trim().split('\n');
  expect(lines.some((l) => l.includes('the yearly report to the county'))).toBe(true);
  await boss.button('out.audit.check').click();
  await expect(boss.page.getByText(t('out.audit.good', { n: lines.length - 2 }))).toBeVisible();
  expect(boss.errors).toEqual([]);
  await boss.context.close();
});
