// What a coordinator does with content: a checklist from its draft to the phone, both languages side by side;
// rules that are tried before they hold; a line that was called; a site.
import { expect, test, type Browser } from '@playwright/test';
import type { Device } from '../sdk/device.ts';
import type { Key } from '../board/strings/en.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { Board } from './rig/board.ts';
import { faults, type Way } from './rig/look.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(300_000);

let server: Server;
let browser: Browser;
let board: Board;
let worker: Device;

const link = (key: Key) => board.page.getByRole('link', { name: new RegExp(`^${board.t(key)}`) });
const item = (name: string) => board.page.getByRole('group', { name: board.t('draft.item', { name }) });
const kept = () => expect(board.page.getByText(`· ${board.t('draft.kept')}`)).toBeVisible();
/** Somebody types, and what they typed is on the server. */
async function type(name: string, language: 0 | 1, words: string): Promise<void> {
  const saved = board.page.waitForResponse((r) => /\/drafts\/\w+$/.test(r.url()) && r.request().method() === 'POST');
  await item(name).getByLabel(board.t('draft.label'), { exact: true }).nth(language).fill(words);
  expect((await saved).status()).toBe(200);
}
const versions = async () => (await worker.checklists('es')).filter((c) => c.key === 'our_lot');

test.beforeAll(async () => {
  server = await Server.start();
  browser = await desktop();
  worker = await new Phone({ timeout: 20_000 }).enrolled(server.url, await server.invite());
  board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
  board.page.setDefaultTimeout(20_000);
});

test.afterAll(async () => {
  worker?.lock();
  await browser?.close();
  await server?.stop();
});

test('[CONTENT] a draft, both languages side by side and on a phone, is published; phones get it, and a report keeps the words of its version', async () => {
  const { page } = board;
  await link('nav.checklists').click();
  await page.getByLabel(board.t('lists.from')).selectOption('truck_lot');
  await page.getByLabel(board.t('lists.key')).fill('our_lot');
  await board.button('lists.begin').click();
  await expect(page.getByText(board.t('draft.version', { version: 1 }))).toBeVisible();
  await expect(page.getByText(board.t('draft.nofindings'))).toBeVisible();
  await board.button('draft.publish').click();
  await page.getByLabel(board.t('draft.publish.why')).fill('the lot behind the pumps');
  await page.getByRole('button', { name: board.t('draft.publish.do', { version: 1 }) }).click();
  await expect(page.getByText(/^Version 1 of /)).toBeVisible();

  // A report under version 1.
  await worker.sync();
  const first = (await versions()).find((c) => c.locale === 'en')!;
  const old = first.items.find((i) => i.id === 'our_lot.01')!.text;
  const { ids } = await worker.create('submissions', { checklist: first.id, version: 1, event_time: new Date().toISOString(), answers: { 'our_lot.01': 'yes' }, basis: { 'our_lot.01': 'saw' } });
  await worker.sync();

  // Version 2: a missing Spanish is found beside its item, and keeps it from being published.
  await page.getByRole('row').filter({ hasText: 'our_lot' }).getByRole('button', { name: board.t('lists.next') }).click();
  await expect(page.getByText(board.t('draft.version', { version: 2 }))).toBeVisible();
  await type('our_lot.01', 0, 'A van parks far from the light.');
  await type('our_lot.01', 1, '');
  await expect(item('our_lot.01').getByText('label is missing')).toBeVisible();
  await page.locator('.side-foot').getByRole('button', { name: board.t('language') }).click();
  await expect(page.locator('.finding').getByText('falta lo que se vio')).toBeVisible();
  await page.locator('.side-foot').getByRole('button', { name: 'English' }).click();
  await board.button('draft.publish').click();
  await page.getByLabel(board.t('draft.publish.why')).fill('it is said more plainly');
  await page.getByRole('button', { name: board.t('draft.publish.do', { version: 2 }) }).click();
  await expect(page.getByText(/^\d+ findings? keeps? it from being published\.$/)).toBeVisible();
  await type('our_lot.01', 1, 'Una van se estaciona lejos de la luz.');
  await expect(page.getByText(board.t('draft.nofindings'))).toBeVisible();
  await kept();

  // The phone's frame: the field app's own screens, in both languages.
  const phone = page.locator('.phone-screen');
  await phone.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(phone.getByRole('heading', { name: 'A van parks far from the light.' })).toBeVisible();
  await phone.getByRole('group', { name: /A van parks far from the light/ }).getByRole('radio', { name: 'Yes' }).click();
  await expect(phone.getByRole('radio', { name: 'I saw it' })).toBeVisible();
  await page.locator('.phone-side').getByRole('button', { name: 'Español' }).click();
  await expect(phone.getByRole('heading', { name: 'Una van se estaciona lejos de la luz.' })).toBeVisible();

  // What changes is said, and it is published.
  await expect(page.getByText(board.t('draft.publish.since', { version: 1 }))).toBeVisible();
  await expect(page.locator('.ask-why .findings li')).toHaveText([/A van parks far from the light\..*changed: What was seen \(en\), What was seen \(es\)/]);
  await page.getByRole('button', { name: board.t('draft.publish.do', { version: 2 }) }).click();
  await expect(page.getByText(/^Version 2 of /)).toBeVisible();
  await worker.sync();
  const now = await versions();
  expect(now[0]).toMatchObject({ version: 2, locale: 'es' });
  expect(now[0]!.items.find((i) => i.id === 'our_lot.01')!.text).toBe('Una van se estaciona lejos de la luz.');

  await link('nav.queue').click();
  await page.getByText(board.t('queue.fresh', { n: 1 })).or(board.row(ids[0]!)).first().click();
  await board.row(ids[0]!).getByRole('button').first().click();
  await expect(board.report).toContainText(old);
  await expect(board.report).toContainText(board.t('report.written', { language: 'English', version: 1 }));
  await expect(board.report).not.toContainText('A van parks far from the light.');
  expect(board.errors).toEqual([]);
});

test('[TRIAGE] rules are tried on the last reports, what would differ is shown, and then they hold for new ones', async () => {
  const { page } = board;
  const weak = () => ({ ...observation('one weak sign'), indicators: [{ indicator: 'core.03', basis: 'saw' }] });
  const { ids } = await worker.create('observations', weak() as never);
  await worker.sync();
  await link('nav.rules').click();
  await expect(page.getByText(board.t('rules.unreviewed'))).toBeVisible();
  await page.getByLabel(board.t('rules.why')).fill('one is enough here');
  await board.button('rules.apply').click();
  await expect(page.getByText(board.t('rules.nothing'))).toBeVisible();
  await page.getByLabel(board.t('rules.atleast')).last().fill('1');
  await expect(page.getByLabel(board.t('rules.words.es')).last()).toHaveValue('Se vio una señal débil.');
  await board.button('rules.apply').click();
  await expect(page.getByText(board.t('rules.first'))).toBeVisible();
  await board.button('rules.try').click();
  const row = page.locator('table.trial tbody tr');
  await expect(row).toHaveCount(1);
  await expect(row).toContainText(board.t('urgency.context'));
  await expect(row).toContainText(board.t('urgency.review'));
  await expect(row).toContainText('A weak sign was seen.');
  await board.button('rules.apply').click();
  await expect(page.getByText(board.t('rules.applied', { key: 'ours', version: 1 }))).toBeVisible();
  const after = await worker.create('observations', weak() as never);
  await worker.sync();
  await link('nav.queue').click();
  // Both have come, at once or one after the other.
  await expect(page.getByRole('button', { name: /^2 new/ })).toBeVisible({ timeout: 20_000 });
  await page.getByRole('button', { name: /^2 new/ }).click();
  await board.row(after.ids[0]!).getByRole('button').first().click();
  await expect(board.report).toContainText(board.t('why.rule', { rule: 'A weak sign was seen.', n: 1 }));
  await board.row(ids[0]!).getByRole('button').first().click();
  await expect(board.report).toContainText(board.t('why.rule', { rule: 'None of the other rules fired.', n: 1 }));
  expect(board.errors).toEqual([]);
});

test('[CONTENT] a line that was called says by whom and when, and phones get the day; a new site reaches them too', async () => {
  const { page } = board;
  await link('nav.hotlines').click();
  await expect(page.getByText(board.t('lines.never')).first()).toBeVisible();
  await page.getByRole('button', { name: /^I called National Human Trafficking Hotline/ }).click();
  await board.button('lines.do').click();
  const line = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'National Human Trafficking Hotline' }) });
  await expect(line).toContainText(board.t('lines.today'));
  await expect(line).toContainText(board.t('lines.by', { who: board.t('you') }));

  await link('nav.sites').click();
  await board.button('sites.new').click();
  await page.getByLabel(board.t('sites.name')).fill('Stop 9');
  await page.getByLabel(board.t('sites.venue')).selectOption('truck_stop');
  await page.getByLabel(board.t('sites.point')).fill('here');
  await board.button('sites.save').click();
  await expect(page.getByRole('alert')).toContainText(board.t('sites.point.bad'));
  await page.getByLabel(board.t('sites.point')).fill('38.9606, -92.5800');
  await board.button('sites.save').click();
  await expect(page.getByText(board.t('sites.saved'))).toBeVisible();
  await expect(page.getByRole('row').filter({ hasText: 'Stop 9' })).toContainText('Night Outreach');

  await worker.sync();
  const today = new Date().toISOString().slice(0, 10);
  expect((await worker.records('hotlines')).find((r) => r.fields['key'] === 'national_hotline')!.fields['verified_on']).toBe(today);
  expect((await worker.records('sites')).find((s) => s.fields['name'] === 'Stop 9')!.fields['point']).toEqual({ lat: 38.9606, lon: -92.58 });
  expect(board.errors).toEqual([]);
});

test('[R20] the pages by keyboard alone, in both themes and languages, with nothing that axe finds', async () => {
  const { page } = board;
  // axe takes its time: each page in one theme, the draft in both.
  const ways = (light: boolean, dark: boolean): Way[] => [{ width: 1024, theme: 'light', size: 100, dir: 'ltr', axe: light }, { width: 1440, theme: 'dark', size: 100, dir: 'ltr', axe: dark }];
  const found: string[] = [];
  for (const [letter, key] of [['s', 'nav.sites'], ['l', 'nav.checklists'], ['r', 'nav.rules'], ['h', 'nav.hotlines']] as const) {
    await board.press('g', letter);
    await expect(page.getByRole('heading', { level: 1, name: board.t(key) })).toBeVisible();
    if (key !== 'nav.sites' && key !== 'nav.rules') await expect(page.getByRole('row').nth(3)).toBeVisible();
    found.push(...await faults(page, key, ways(key === 'nav.sites' || key === 'nav.rules', key === 'nav.checklists' || key === 'nav.hotlines'), 'font'));
    await page.locator('h1').focus();
  }
  await board.press('g', 'l');
  await page.getByRole('button', { name: new RegExp(`^${board.t('lists.next')}`) }).focus();
  await board.press('Enter');
  await expect(page.getByText(board.t('draft.version', { version: 3 }))).toBeVisible();
  await expect(page.locator('.phone-screen').getByRole('button', { name: 'Start', exact: true })).toBeVisible();
  found.push(...await faults(page, 'draft', ways(true, true), 'font'));
  await page.locator('.side-foot').getByRole('button', { name: board.t('language') }).click();
  await expect(page.getByText('Borrador de la versión 3')).toBeVisible();
  found.push(...await faults(page, 'draft, es', ways(false, false), 'font'));
  expect(found).toEqual([]);
  expect(board.errors).toEqual([]);
});
