// A queue of hundreds: what is near the screen is in the page and the rest is not,
// and neither what somebody stands on nor what they look at moves for it.
import { expect, test } from '@playwright/test';
import type { Device } from '../sdk/device.ts';
import { observation, Phone } from '../sdk/test/support/phone.ts';
import { office, shutOffice, type Office } from './rig/stage.ts';

test.setTimeout(180_000);

const MANY = 240;
let at: Office;
let worker: Device;
const ids: string[] = []; // the latest first, as in the queue
const report = (agoMinutes: number) => ({ ...observation(''), event_time: new Date(Date.now() - agoMinutes * 60_000).toISOString() });

test.beforeAll(async () => {
  at = await office(async (server) => {
    worker = await new Phone({ timeout: 60_000 }).enrolled(server.url, await server.invite());
    for (let i = 0; i < MANY; i++) ids.push((await worker.create('observations', report(10 + i))).ids[0]!);
    await worker.sync();
  });
});
test.afterAll(async () => {
  worker?.lock();
  await shutOffice(at);
});

const list = () => at.board.page.locator('.list');
const button = (id: string) => at.board.row(id).getByRole('button').first();
const top = async (id: string): Promise<number> => (await at.board.row(id).boundingBox())!.y;
/** Scrolls as a wheel does, over the list, until it goes no further. */
async function toEnd(by: 1 | -1): Promise<void> {
  await list().hover({ position: { x: 20, y: 400 } });
  let last = -1;
  await expect.poll(async () => {
    await at.board.page.mouse.wheel(0, by * 20_000);
    const now = await list().evaluate((e) => e.scrollTop);
    const still = now === last;
    last = now;
    return still;
  }, { intervals: [200] }).toBe(true);
}

test('[R20] [BOARD] of a long queue the rows near the screen are in the page, and the one that somebody stands on', async () => {
  const { board } = at;
  await expect(list().getByRole('heading', { level: 2 })).toContainText(String(MANY));
  await expect(board.row(ids[0]!)).toBeInViewport();
  expect(await board.rows.count()).toBeLessThan(MANY / 2);
  const height = () => list().evaluate((e) => e.scrollHeight);
  const before = await height();
  expect(before).toBeGreaterThan(MANY * 60); // what is not in the page has its room

  const on = ids[3]!;
  await button(on).click();
  await expect(board.report).toBeVisible();
  await button(on).focus();
  await toEnd(1);
  await expect(board.row(ids.at(-1)!)).toBeInViewport();
  await expect(board.row(ids[100]!)).toHaveCount(0);
  await expect(board.row(ids[30]!)).toHaveCount(0);
  await expect(button(on)).toBeFocused();
  expect(await board.rows.count()).toBeLessThan(MANY / 2);
  expect(Math.abs(await height() - before)).toBeLessThan(before / 4);

  // The keys go on from where they stand, and bring it back into sight.
  await board.press('j');
  await expect(board.row(ids[4]!)).toHaveClass(/cur/);
  await expect(board.row(ids[4]!)).toBeInViewport();
  await expect(board.row(ids.at(-1)!)).toHaveCount(0);
  expect(board.errors).toEqual([]);
});

test('[R4] [R20] what arrives and what goes moves neither what is looked at nor what has the focus', async () => {
  const { board } = at;
  // The last of a part: with one more above it, it is the first of the next.
  const on = ids[39]!;
  for (let i = 0; i < 60 && (await board.page.locator('li.cur').getAttribute('id')) !== `q-${on}`; i++) await board.press('j');
  await button(on).focus();
  await expect(button(on)).toBeFocused();
  const was = await top(on);
  const { ids: [fresh] } = await worker.create('observations', report(1));
  await worker.sync();
  await expect(board.page.getByText(board.t('queue.fresh', { n: 1 }))).toBeVisible();
  expect(Math.abs(await top(on) - was)).toBeLessThan(2);
  await board.press('n');
  await expect(list().getByRole('heading', { level: 2 })).toContainText(String(MANY + 1));
  await expect(button(on)).toBeFocused();
  expect(Math.abs(await top(on) - was)).toBeLessThan(40); // but for the line that said what is new
  // And back: a report above it is closed by somebody else.
  const desk = await new Phone({ timeout: 60_000 }).enrolled(at.server.url, await at.server.invite('coordinator'));
  await desk.sync();
  const triage = (await desk.records('triage')).find((t) => t.fields['observation'] === fresh)!;
  await desk.update('triage', triage.id, { status: 'closed', closing_reason: 'no_basis' });
  await desk.sync();
  desk.lock();
  await expect(list().getByRole('heading', { level: 2 })).toContainText(String(MANY));
  await expect(button(on)).toBeFocused();
  expect(Math.abs(await top(on) - was)).toBeLessThan(40);
  await toEnd(-1);
  await expect(board.row(ids[0]!)).toBeInViewport();
  await expect(board.row(fresh!)).toHaveCount(0);
  expect(board.errors).toEqual([]);
});
