// A night at the board without a mouse: from the queue to a report, claimed and
// closed, over what the server could not take, to what leaves as a file. Nothing is
// focused but by Tab, and nothing is pressed but on the keyboard.
import { readFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { newest } from '../sdk/checklist/checklists.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { office, shutOffice, type Office } from './rig/stage.ts';

test.setTimeout(180_000);

const SITE = 'The Cedar Inn';
let at: Office;
test.beforeAll(async () => {
  at = await office(async (server) => {
    await server.invite('staff', SITE, '--site', SITE, '--served-by', 'Night Outreach');
    const worker = await new Phone({ timeout: 60_000 }).enrolled(server.url, await server.invite());
    await worker.sync();
    await worker.create('observations', { ...observation('by the pumps'), event_time: new Date().toISOString() });
    const list = newest(await worker.checklists('en')).find((c) => c.key === 'hotel_house')!;
    await worker.create('submissions', { checklist: list.id, version: list.version + 90, event_time: new Date().toISOString(), answers: { [list.items[0]!.id]: 'yes' }, about: 'guest', site: (await worker.records('sites'))[0]!.id });
    await worker.sync();
    worker.lock();
  });
});
test.afterAll(() => shutOffice(at));

test('[R20] queue, report, claim, close, repair and exports, by the keyboard alone', async () => {
  const { board } = at;
  const { page } = board;
  const keys = page.keyboard;
  /** Presses Tab until what has the focus says the words. */
  const tabTo = async (words: string, most = 80): Promise<void> => {
    for (let i = 0; i < most; i++) {
      const on = await page.evaluate(() => {
        const e = document.activeElement as HTMLInputElement | null;
        if (!e || e === document.body) return '';
        return [e.getAttribute('aria-label'), ...(e.labels ? [...e.labels].map((l) => l.innerText) : []), e.innerText].filter(Boolean).join(' ').trim();
      });
      if (on.includes(words)) return;
      await keys.press('Tab');
    }
    throw new Error(`Tab does not reach "${words}" within ${most}`);
  };
  await expect(board.rows).toHaveCount(1);
  await board.press('j', 'Enter');
  await expect(board.report).toContainText('by the pumps');
  await board.press('c');
  await expect(board.report).toContainText(board.t('claim.you'));
  await board.press('x');
  await expect(board.sheet).toBeVisible();
  await tabTo(board.t('shut.insufficient'));
  for (let i = 0; i < 8 && !(await board.sheet.getByRole('radio', { name: board.t('shut.no_basis') }).isChecked()); i++) await keys.press('ArrowDown');
  await tabTo(board.t('shut.note'));
  await keys.type('a delivery, seen on the camera');
  await tabTo(board.t('shut.do'));
  await keys.press('Enter');
  await expect(board.sheet).toBeHidden();
  await expect(board.rows).toHaveCount(0);
  await expect(board.report).toContainText('a delivery, seen on the camera');

  await board.press('Escape', 'g', 'p');
  const kept = page.locator('section.fix');
  await expect(kept).toHaveCount(1);
  await tabTo(board.t('fix.edit'));
  await keys.press('Enter');
  await tabTo('version');
  const list = Number(await kept.getByLabel('version', { exact: true }).inputValue()) - 90;
  await keys.press('Control+A');
  await keys.type(String(list));
  await tabTo(board.t('fix.release.fixed'));
  await keys.press('Enter');
  await expect(page.getByText(board.t('fix.done.released'))).toBeVisible();
  await expect(kept).toHaveCount(0);

  // What was pressed has gone with its row; the keys still lead on.
  await board.press('g', 'q', 'n');
  await expect(board.rows).toHaveCount(1);
  await board.press('j', 'Enter');
  await expect(board.report.getByRole('heading', { level: 2 }).first()).toBeVisible();
  await board.press('g', 'e');
  await expect(page.getByRole('heading', { level: 1, name: board.t('nav.exports') })).toBeVisible();
  await tabTo(board.t('out.reason'));
  await keys.type('the weekly report to the county');
  const coming = page.waitForEvent('download');
  await tabTo(board.t('out.do'));
  await keys.press('Enter');
  expect((await readFile((await (await coming).path())!, 'utf8')).trim().split('\n').length).toBe(3);
  await expect(page.getByText(board.t('out.done', { n: 2 }))).toBeVisible();
  expect(board.errors).toEqual([]);
});
