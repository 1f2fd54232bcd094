// Once around the board: every page and sheet, with something on it.
import { expect, type Browser, type Locator, type Page } from '@playwright/test';
import { observation, Phone } from '../../sdk/test/support/phone.ts';
import { newest } from '../../sdk/index.ts';
import { say, type Fill } from '../../ui/text.ts';
import { en, type Key } from '../../board/strings/en.ts';
import { es } from '../../board/strings/es.ts';
import type { Server } from './server.ts';
import type { Visit } from './tour.ts';

const ours = 'Paper Lantern Outreach (invented)';
const PASSPHRASE = 'six dry stones';

/** Reports of each urgency from workers and from staff, one of them claimed by another coordinator. */
export async function world(server: Server): Promise<void> {
  const worker = await new Phone({ timeout: 60_000 }).enrolled(server.url, await server.invite('worker', ours));
  const staff = await new Phone({ timeout: 60_000 }).enrolled(server.url, await server.invite('staff', 'Hotel Marmalade (invented)', '--site', 'Hotel Marmalade (invented)', '--served-by', ours));
  await staff.sync();
  await worker.sync();
  const site = (await worker.records('sites'))[0]?.id as string;
  const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
  const seen = (minutes: number, note: string, indicators: { indicator: string; basis: string }[], more: object = {}) =>
    worker.create('observations', { ...observation(note), event_time: ago(minutes), site, indicators, ...more } as never);
  await seen(12, 'A man shouted at her to get back in.', [{ indicator: 'core.20', basis: 'saw' }, { indicator: 'core.01', basis: 'saw' }],
    { persons: [{ age: 'teen', description: [] }, { age: 'adult', description: [] }], people: 2, minor_possible: true, vehicles: [{ kind: 'van', color: 'white', plate_state: 'MO', plate_end: '7Q4' }], outreach: ['hygiene_kits_2', 'cards_1'] });
  await seen(20, 'The same van, engine running.', [{ indicator: 'core.20', basis: 'told' }], { vehicles: [{ kind: 'van', color: 'white' }] });
  await seen(95, 'Two people who looked to a third one first.', [{ indicator: 'core.01', basis: 'saw' }, { indicator: 'core.02', basis: 'saw' }]);
  await seen(31 * 60, '', [{ indicator: 'core.02', basis: 'told' }]);
  const list = newest(await staff.checklists('en')).find((l) => l.key === 'hotel_house');
  if (!list) throw new Error('the staff have no checklist');
  await staff.create('submissions', { checklist: list.id, version: list.version, event_time: ago(50), about: 'guest', answers: { 'hotel_house.01': 'yes', 'hotel_house.03': 'yes', 'hotel_house.07': 'no', 'hotel_house.18': 'unsure' }, basis: { 'hotel_house.01': 'saw', 'hotel_house.03': 'told' } });
  await worker.sync();
  await staff.sync();
  const other = await new Phone({ timeout: 60_000 }).enrolled(server.url, await server.invite('coordinator', ours));
  await other.sync();
  const third = (await other.records('triage')).find((r) => r.fields['urgency'] !== 'emergency');
  if (!third) throw new Error('there is no report that is no emergency');
  await other.update('triage', third.id, { claimed_by: (await other.status()).person?.id ?? '' });
  await other.sync();
  for (const d of [worker, staff, other]) d.lock();
}

/** All that the navigation names; a page is walked as soon as it has a word there. */
export const allPages = Object.keys(en).filter((k) => k.startsWith('nav.')).map((k) => k.slice('nav.'.length));
const fetchedPages = allPages.filter((p) => !['queue', 'repair', 'people'].includes(p));

export class Tour {
  language: 'en' | 'es' = 'en';
  constructor(readonly page: Page, readonly visit: Visit) {}

  t(key: Key, fill?: Fill): string {
    return say((this.language === 'es' ? es : en)[key], fill);
  }

  private button(key: Key): Locator {
    return this.page.getByRole('button', { name: this.t(key), exact: true });
  }

  /** Enrols, looking at each step in both languages. */
  async enrol(): Promise<void> {
    const both = async (name: string): Promise<void> => {
      await this.visit(name);
      await this.turn();
      await this.visit(name);
      await this.turn();
    };
    await both('board-code');
    await this.button('enrol.next').click();
    await expect(this.button('enrol.yes')).toBeVisible();
    await both('board-right');
    await this.button('enrol.yes').click();
    await both('board-secret');
    await this.page.getByLabel(this.t('enrol.secret'), { exact: true }).fill(PASSPHRASE);
    await this.page.getByLabel(this.t('enrol.again'), { exact: true }).fill(PASSPHRASE);
    await this.button('enrol.done').click();
    await expect(this.page.getByRole('heading', { level: 1, name: this.t('queue.title') })).toBeVisible();
    await expect(this.page.locator('li[id^="q-"]')).toHaveCount(5);
  }

  async turn(): Promise<void> {
    await this.page.getByRole('button', { name: this.t('language'), exact: true }).click();
    this.language = this.language === 'en' ? 'es' : 'en';
  }

  private async sheet(name: string, key: string): Promise<void> {
    await this.page.keyboard.press(key);
    await expect(this.page.locator('dialog.box[open]')).toBeVisible();
    await this.visit(name);
    await this.page.locator('dialog.box').getByRole('button', { name: this.t('close'), exact: true }).click();
    await expect(this.page.locator('dialog.box[open]')).toHaveCount(0);
  }

  /** Opens one report after another until one has what is looked for. */
  private async until(what: () => Locator): Promise<void> {
    const rows = this.page.locator('li[id^="q-"] button.q');
    for (let i = 0; i < await rows.count(); i++) {
      await rows.nth(i).click();
      await this.page.locator('article.report h2').focus();
      if (await what().first().isVisible()) return;
    }
    throw new Error('no report has it');
  }

  /** Every page and sheet. Ends on the queue. */
  async around(): Promise<void> {
    const { page } = this;
    await this.visit('board-queue');
    await page.locator('li[id^="q-"] button.q').first().click();
    await expect(page.locator('article.report h2')).toBeVisible();
    await page.locator('article.report h2').focus();
    await this.visit('board-report');
    await this.sheet('board-keys', '?');
    await this.sheet('board-filter', 'f');
    await this.sheet('board-assign', 'a');
    await this.sheet('board-close', 'x');
    await this.sheet('board-tip', 't');
    await this.sheet('board-compare', 'd');
    await this.until(() => this.button('claim.over').or(page.getByRole('button', { name: new RegExp(`^${this.t('claim.over')}`) })));
    await this.sheet('board-over', 'o');
    await this.until(() => this.button('unseal'));
    await this.button('unseal').click();
    await this.visit('board-unseal');
    await page.locator('dialog.box').getByRole('button', { name: this.t('close'), exact: true }).click();
    await page.getByRole('link', { name: this.t('nav.repair') }).click();
    await this.visit('board-repair');
    await page.getByRole('link', { name: this.t('nav.people') }).click();
    await this.visit('board-people');
    await page.getByRole('button', { name: this.t('people.make'), exact: true }).click();
    await expect(page.locator('.qr svg')).toBeVisible();
    await this.visit('board-invite');
    await page.getByRole('link', { name: this.t('nav.queue') }).click();
  }

  /** The pages that are fetched when somebody opens them. Ends on the queue. */
  async pages(): Promise<void> {
    const { page } = this;
    for (const name of fetchedPages) {
      await page.getByRole('link', { name: this.t(`nav.${name}` as Key), exact: true }).click();
      await expect(page.getByRole('heading', { level: 1, name: this.t(`nav.${name}` as Key), exact: true })).toBeVisible();
      await page.waitForTimeout(2_000); // for the picture: a stream is open, the page is never idle
      await this.visit(`board-${name}`);
    }
    await page.getByRole('link', { name: this.t('nav.queue') }).click();
  }

  /** The strip when nothing comes any more, then the door. */
  async away(): Promise<void> {
    const { page } = this;
    await page.context().setOffline(true);
    await expect(page.locator('.strip-stale')).toBeVisible({ timeout: 60_000 });
    await this.visit('board-stale');
    await this.turn();
    await this.visit('board-stale');
    await this.turn();
    await page.context().setOffline(false);
    await page.getByRole('button', { name: this.t('lock'), exact: true }).click();
    await expect(page.getByLabel(this.t('lock.enter'))).toBeVisible();
    await this.visit('board-lock');
    await this.turn();
    await this.visit('board-lock');
    await page.getByLabel(this.t('lock.enter')).fill(PASSPHRASE);
    await this.button('lock.open').click();
    await expect(page.getByRole('heading', { level: 1, name: this.t('queue.title') })).toBeVisible();
  }
}

/** A page of the board, before its code is looked at. */
export async function boardPage(browser: Browser, server: Server): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`${server.url}/board#invite=${await server.invite('coordinator', ours)}`);
  return page;
}
