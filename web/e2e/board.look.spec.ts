// The pages of repair, people and duty and a report with all that may stand
// beside it: nothing that axe finds, nothing that scrolls sideways, in both
// languages, dark and light.
import { expect, test } from '@playwright/test';
import { newest } from '../sdk/checklist/checklists.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { say, type Fill } from '../ui/text.ts';
import { en, type Key } from '../board/strings/en.ts';
import { es } from '../board/strings/es.ts';
import { Board } from './rig/board.ts';
import { faults, Watch, type Way } from './rig/look.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(300_000);

const SITE = 'The Cedar Inn';
const ways: Record<'en' | 'es', Way[]> = {
  en: [{ width: 1024, theme: 'light', size: 200, dir: 'ltr' }, { width: 1024, theme: 'light', size: 100, dir: 'ltr', axe: true }, { width: 1440, theme: 'dark', size: 100, dir: 'ltr', axe: true }],
  es: [{ width: 1024, theme: 'dark', size: 100, dir: 'rtl', axe: true }, { width: 1440, theme: 'light', size: 100, dir: 'ltr', axe: true }],
};

test('[R20] [BOARD] report, repair, people and duty with something on them: axe, width, both languages, dark and light', async () => {
  const server = await Server.start();
  const browser = await desktop();
  const enrolled = async (...invite: Parameters<Server['invite']>) => {
    const d = await new Phone({ timeout: 60_000, app: 'notes 0.1.0' }).enrolled(server.url, await server.invite(...invite));
    await d.sync();
    return d;
  };
  const found: string[] = [];
  try {
    const staff = await enrolled('staff', SITE, '--site', SITE, '--served-by', 'Night Outreach');
    const worker = await enrolled();
    const site = (await worker.records('sites'))[0]!.id;
    const stop = (note: string, more: object = {}) => ({ ...observation(note), event_time: new Date(Date.now() - 600_000).toISOString(), site, ...more });
    const { ids } = await worker.create('observations', stop('The van came twice.'));
    await worker.create('addenda', { observation: ids[0]!, text: 'A second driver took over.' });
    const list = newest(await worker.checklists('en')).find((c) => c.key === 'hotel_house')!;
    await worker.create('submissions', { checklist: list.id, version: list.version + 90, event_time: new Date().toISOString(), answers: { [list.items[0]!.id]: 'yes' }, shoe_size: 44 } as never);
    await worker.create('observations', stop('junk', { indicators: 'none' }) as never);
    await worker.sync();
    await staff.sync();
    const [x, y] = [await enrolled('coordinator'), await enrolled('coordinator')];
    await x.update('sites', site, { notes: 'ring twice' });
    await y.update('sites', site, { notes: 'use the back door' });
    await x.sync();
    await y.sync();
    for (const d of [worker, staff, x, y]) d.lock();

    const board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
    const { page } = board;
    const watch = new Watch(page, server.url);
    for (const language of ['en', 'es'] as const) {
      const t = (key: Key, fill?: Fill): string => say((language === 'en' ? en : es)[key], fill);
      if (language === 'es') await page.getByRole('button', { name: en.language, exact: true }).click();
      const look = async (name: string): Promise<void> => {
        found.push(...await faults(page, `${name} (${language})`, ways[language], 'font'));
        if (process.env.FIELDPOST_SHOTS) await page.screenshot({ path: `${process.env.FIELDPOST_SHOTS}/${name}-${language}.png`, fullPage: true });
      };
      await board.press('g', 'q');
      await board.rows.first().getByRole('button').first().click();
      await expect(board.report.locator('.past-list')).toContainText(t('hist.addenda.create'));
      await look('report');
      await board.press('g', 'p');
      await expect(page.locator('section.fix')).toHaveCount(2);
      await page.locator('section.fix').first().getByText(t('fix.edit'), { exact: true }).press('Enter');
      await look('repair');
      await board.press('g', 'u');
      await expect(page.getByRole('cell', { name: 'notes 0.1.0' }).first()).toBeVisible();
      await page.getByRole('button', { name: new RegExp(`^${t('people.offboard')}`) }).first().press('Enter');
      await expect(page.getByText(t('leave.would'))).toBeVisible();
      await look('people');
      await board.press('g', 'd');
      await expect(page.getByText(t('duty.none'))).toBeVisible();
      await look('duty');
    }
    watch.clean();
    expect(found.join('\n')).toBe('');
  } finally {
    if (found.length > 0) console.log(found.join('\n'));
    await browser.close();
    await server.stop();
  }
});
