// What a coordinator does on the board, by the words that stand there.
import { expect, type Browser, type BrowserContext, type Locator, type Page } from '@playwright/test';
import { say, type Fill } from '../../ui/text.ts';
import { en, type Key } from '../../board/strings/en.ts';

export const PASSPHRASE = 'six dry stones';

export class Board {
  /** Errors that the page did not catch. */
  readonly errors: string[] = [];

  private constructor(readonly url: string, readonly context: BrowserContext, readonly page: Page) {
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (e) => this.errors.push(String(e)));
  }

  /** A browser of its own, from a code to the queue. */
  static async enrolled(browser: Browser, url: string, code: string): Promise<Board> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' });
    const b = new Board(url, context, await context.newPage());
    await b.page.goto(`${url}/board#invite=${code}`);
    await b.button('enrol.next').click();
    await b.button('enrol.yes').click();
    await b.page.getByLabel(b.t('enrol.secret'), { exact: true }).fill(PASSPHRASE);
    await b.page.getByLabel(b.t('enrol.again'), { exact: true }).fill(PASSPHRASE);
    await b.button('enrol.done').click();
    await b.page.getByRole('heading', { level: 1, name: b.t('queue.title') }).waitFor();
    return b;
  }

  t(key: Key, fill?: Fill): string {
    return say(en[key], fill);
  }

  button(key: Key, fill?: Fill): Locator {
    return this.page.getByRole('button', { name: this.t(key, fill), exact: true });
  }

  /** The strip over every view. */
  get strip(): Locator {
    return this.page.locator('header.strip');
  }

  get rows(): Locator {
    return this.page.locator('li[id^="q-"]');
  }

  row(id: string): Locator {
    return this.page.locator(`#q-${id}`);
  }

  get report(): Locator {
    return this.page.locator('article.report');
  }

  get sheet(): Locator {
    return this.page.locator('dialog.box');
  }

  /** Presses keys, one after another. */
  async press(...keys: string[]): Promise<void> {
    for (const k of keys) await this.page.keyboard.press(k);
  }

  /** Goes to the queue and waits for a report, held back or not, until its row stands there. */
  async brought(id: string): Promise<void> {
    await this.press('g', 'q');
    await expect.poll(async () => { await this.press('n'); return this.row(id).count(); }).toBe(1);
  }

  /** Opens the open reports one after another, new ones too, until one says the words; whether one does. */
  async opens(words: string): Promise<boolean> {
    await this.press('n');
    for (const row of await this.rows.locator('button.q').all()) {
      await row.click();
      await this.report.getByRole('heading', { level: 2 }).first().focus();
      if ((await this.report.innerText()).includes(words)) return true;
    }
    return false;
  }

  /** Moves to a row with J and K alone. */
  async stand(id: string): Promise<void> {
    for (let i = 0; i < 30; i++) await this.page.keyboard.press('k');
    for (let i = 0; i < 30; i++) {
      if ((await this.page.locator('li.cur').getAttribute('id')) === `q-${id}`) return;
      await this.page.keyboard.press('j');
    }
    throw new Error(`no row ${id} in the list`);
  }
}
