// An invite on paper: the card that the board opens to print has a code that a
// camera reads, and a phone that follows it is enrolled. Nothing is printed.
import { expect, test } from '@playwright/test';
import { Phone } from './rig/phone.ts';
import { readQR } from './rig/qr.ts';
import { office, shutOffice, type Office } from './rig/stage.ts';

test.setTimeout(180_000);

let at: Office;
test.beforeAll(async () => { at = await office(); });
test.afterAll(() => shutOffice(at));

test('[ENROL-2] [R11] the printed card and the screen show one code, which leads a phone to the organization', async () => {
  const { board, server } = at;
  const { page } = board;
  await board.context.addInitScript(() => { Object.assign(globalThis, { printed: 0 }); globalThis.print = () => { (globalThis as unknown as { printed: number }).printed++; }; });
  await page.reload();
  await page.getByLabel(board.t('lock.enter')).fill('six dry stones');
  await board.button('lock.open').click();
  await expect(page.getByRole('heading', { level: 1, name: board.t('queue.title') })).toBeVisible();
  await board.press('g', 'u');
  await board.button('people.make').press('Enter');
  const made = page.locator('.made');
  await expect(made).toContainText(board.t('people.once'));
  const link = (await made.locator('dd').nth(1).innerText()).trim();
  expect(link.startsWith(`${server.url}/#invite=`)).toBe(true);
  expect(readQR(await made.locator('.qr svg').screenshot())).toBe(link);

  const opening = page.waitForEvent('popup');
  await board.button('people.print').press('Enter');
  const card = await opening;
  const blocked: string[] = [];
  card.on('console', (m) => { if (m.type() === 'error') blocked.push(m.text()); });
  await expect(card.getByText('Night Outreach').first()).toBeVisible();
  await expect.poll(() => card.evaluate(() => (globalThis as unknown as { printed: number }).printed)).toBe(1);
  const picture = card.locator('svg');
  await expect(picture).toHaveCount(1);
  expect(readQR(await picture.screenshot())).toBe(link);
  // It is a card, with its own look: all of it on one sheet of letter paper.
  await card.setViewportSize({ width: 816, height: 1056 });
  expect((await picture.boundingBox())!.width).toBeLessThan(400);
  expect(await card.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(1056);
  const words = await card.locator('body').innerText();
  expect(words).not.toMatch(/fieldpost|traffick|trata/i);
  expect(words).toContain(new URL(server.url).host);
  if (process.env.FIELDPOST_SHOTS) await card.screenshot({ path: `${process.env.FIELDPOST_SHOTS}/card.png`, fullPage: true });
  await card.emulateMedia({ media: 'print' });
  expect(readQR(await picture.screenshot())).toBe(link);
  if (process.env.FIELDPOST_SHOTS) await card.screenshot({ path: `${process.env.FIELDPOST_SHOTS}/card-print.png`, fullPage: true });
  expect(blocked).toEqual([]);
  await card.close();

  const phone = new Phone(server.url);
  try {
    await phone.on(new URL(link).pathname + new URL(link).hash);
    await phone.setUp();
    await expect(page.locator('tr').filter({ hasText: board.t('people.state.used') }).or(page.getByRole('row').filter({ hasText: 'worker-' })).first()).toBeVisible();
    expect(phone.errors).toEqual([]);
    expect(board.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
  }
});
