// What a person does on the field app's screens, by the words that stand there.
import { expect, type Locator, type Page } from '@playwright/test';
import { say, type Fill } from '../../ui/text.ts';
import { en, type Key } from '../../field/strings/en.ts';
import { es } from '../../field/strings/es.ts';
import { Browser } from './browser.ts';

export const PIN = '4711';

export class Phone {
  language: 'en' | 'es' = 'en';
  readonly browser: Browser;
  private shown: Page | undefined;
  /** Errors that the page did not catch. */
  readonly errors: string[] = [];

  constructor(readonly url: string, at?: string | Browser) {
    this.browser = at instanceof Browser ? at : new Browser(at);
  }

  /** The same phone's app in one more tab. */
  async tab(): Promise<Phone> {
    const other = new Phone(this.url, this.browser);
    other.language = this.language;
    await other.show(await this.browser.context.newPage(), '/');
    return other;
  }

  private async show(page: Page, path: string): Promise<void> {
    this.shown = page;
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (e) => this.errors.push(String(e)));
    await page.goto(this.url + path);
  }

  /** The banner of what goes wrong. */
  get banner(): Locator {
    return this.page.getByRole('region', { name: this.t('state.attention') });
  }

  /** The network is there again. */
  async online(): Promise<void> {
    await this.page.evaluate(() => void dispatchEvent(new Event('online')));
  }

  get page(): Page {
    if (!this.shown) throw new Error('the phone is off');
    return this.shown;
  }

  /** Switches it on and opens the app, `path` after its address; `before` it is opened, what watches the page gets it. */
  async on(path = '/', before?: (page: Page) => Promise<unknown>): Promise<this> {
    const page = await this.browser.start();
    await before?.(page);
    await this.show(page, path);
    return this;
  }

  /** A text of the app in the phone's language. */
  t(key: Key, fill?: Fill): string {
    return say((this.language === 'es' ? es : en)[key], fill);
  }

  button(key: Key, fill?: Fill): Locator {
    return this.page.getByRole('button', { name: this.t(key, fill), exact: true });
  }

  /** A row to press, by a text in it. */
  row(text: string | RegExp): Locator {
    return this.page.getByRole('button', { name: text }).first();
  }

  says(key: Key, fill?: Fill): Locator {
    return this.page.getByText(this.t(key, fill)).first();
  }

  async spanish(): Promise<void> {
    await this.page.getByRole('button', { name: 'Español' }).click();
    this.language = 'es';
  }

  /** Sets it up, in the language that FIELDPOST_E2E_LANGUAGE names: each of these ways can be walked in both. */
  async setUp(): Promise<void> {
    if (process.env.FIELDPOST_E2E_LANGUAGE === 'es') await this.spanish();
    await this.enrol();
  }

  /** From an invite's link to Home. */
  async enrol(pin = PIN, first = true): Promise<void> {
    await this.button('enrol.look').click();
    await this.button('enrol.yes').click();
    if (first) await this.button('next').click();
    await this.secret(pin);
  }

  /** Chooses a PIN, or a passphrase if it is no number, and gets to Home. */
  async secret(pin: string): Promise<void> {
    await this.page.getByLabel(this.t('enrol.pin'), { exact: true }).fill(pin);
    await this.page.getByLabel(this.t('enrol.pin.again'), { exact: true }).fill(pin);
    await this.button('enrol.done').click();
    await this.home();
  }

  /** Home is there. */
  async home(): Promise<void> {
    await expect(this.button('settings')).toBeVisible({ timeout: 60_000 });
  }

  /** Presses the digits. */
  async type(pin: string): Promise<void> {
    for (const d of pin) await this.page.getByRole('button', { name: d, exact: true }).click();
  }

  async unlock(pin = PIN): Promise<void> {
    await this.type(pin);
    await this.home();
  }

  /** Begins a night stop. */
  async stop(): Promise<void> {
    await this.button('new').click();
    await this.row(this.t('new.stop')).click();
    await expect(this.page.getByRole('heading', { level: 1, name: this.t('stop.title') })).toBeVisible();
  }

  /** Begins a checklist by its title, about a guest. */
  async list(title: string): Promise<void> {
    await this.button('new').click();
    await this.page.getByRole('button', { name: this.t('new.list'), exact: true }).click();
    await this.page.getByRole('button', { name: title, exact: true }).click();
    await this.page.getByRole('radio', { name: this.t('list.about.guest') }).click();
  }

  /** The answer row of the n-th item. */
  item(n: number): Locator {
    return this.page.getByRole('group', { name: `${this.t('list.answer')}: ` }).nth(n);
  }

  /** Writes the note of what is open. */
  async note(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: new RegExp(this.t('stop.else').replace(/[?¿]/g, '.')) }).fill(text);
  }

  chip(key: Key): Locator {
    return this.page.getByRole('radio', { name: this.t(key), exact: true });
  }

  /** One more of what a label counts. */
  async more(key: Key): Promise<void> {
    await this.page.getByRole('group', { name: this.t(key), exact: true }).getByRole('button', { name: this.t('more') }).click();
  }

  /** Done, and home again. */
  async done(): Promise<void> {
    await this.button('done').click();
    await this.button('after.home').click();
    await this.home();
  }

  /** The rows of Home that say a state. */
  rows(key: Key): Locator {
    return this.page.getByRole('main').getByRole('listitem').filter({ hasText: this.t(key) });
  }
}
