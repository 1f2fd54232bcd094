// The board: two coordinators, a phone that was away, a server that stops, a
// connection that hangs without a word, and a manager who learns nothing.
import { expect, test, type Browser, type Response } from '@playwright/test';
import { cut, observation, Phone } from '../sdk/test/support/phone.ts';
import type { Device } from '../sdk/device.ts';
import { Board } from './rig/board.ts';
import { Gateway } from './rig/gateway.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';

test.setTimeout(600_000);

// What must be soon is timed and told; a busy machine may take this many times as long.
const slack = Number(process.env.FIELDPOST_E2E_SLACK ?? 3);
const within = (ms: number) => ({ timeout: ms * slack });

let server: Server;
let way: Gateway;
let browser: Browser;
let a: Board;
let b: Board;
let phone: Phone;
let worker: Device;

/** A stream that the server has taken on: what comes is told of at once, and not asked for. */
const subscribed = (r: Response): boolean => r.url().endsWith('/api/realtime') && r.request().method() === 'POST' && r.ok();

/** Runs what should be soon, and tells how long it took. */
async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await work();
  console.log(`${what}: ${Math.round(performance.now() - began)} ms`);
}

const stop = (note: string, agoMinutes = 0) => ({ ...observation(note), event_time: new Date(Date.now() - agoMinutes * 60_000).toISOString() });
const both = (work: (board: Board) => Promise<unknown>) => Promise.all([a, b].map(work));

async function save(note: string, agoMinutes: number): Promise<string> {
  const { ids } = await worker.create('observations', stop(note, agoMinutes));
  return ids[0] as string;
}

async function arrived(): Promise<void> {
  await expect.poll(async () => (await worker.outbox('waiting')).length, { timeout: 60_000, intervals: [20] }).toBe(0);
}

test.beforeAll(async () => {
  server = await Server.start();
  way = await Gateway.before(() => server.url);
  browser = await desktop();
  phone = new Phone({ timeout: 20_000 });
  worker = await phone.enrolled(server.url, await server.invite());
  await worker.create('observations', stop('the first', 30));
  await worker.sync();
  // One through a way that can hang, one straight.
  a = await Board.enrolled(browser, way.url, await server.invite('coordinator'));
  b = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
});

test.afterAll(async () => {
  worker?.lock();
  await browser?.close();
  await way?.stop();
  await server?.stop();
});

test('[R4] [LIVE-1] two boards: arrivals wait above, one claim wins, opening is told to the author', async () => {
  await both((x) => expect(x.rows).toHaveCount(1));
  const first = ((await a.rows.first().getAttribute('id')) ?? '').slice(2);
  const kept = worker.keep().catch(() => undefined);

  // Opening by keyboard writes "seen", and the author's phone is told.
  await a.press('j', 'Enter');
  await expect(a.report).toContainText('the first');
  await timed('from opening to seen on the phone', () => expect.poll(async () => (await worker.status()).seen, { timeout: 60_000, intervals: [20] }).toBe(1));

  // Offline, and back.
  phone.net.meet = cut;
  const second = await save('the second', 1);
  await expect.poll(async () => (await worker.status()).activity, { timeout: 60_000 }).toBe('resting');
  expect((await worker.status()).waiting).toBe(1);
  const before = await a.row(first).boundingBox();
  phone.net.meet = undefined;
  worker.nudge();
  await arrived();
  await timed('from receipt to both boards', () => both((x) => expect(x.page.getByText(x.t('queue.fresh', { n: 1 }))).toBeVisible(within(2_000))));
  expect(await a.row(first).boundingBox()).toEqual(before);
  await expect(a.row(second)).toHaveCount(0);
  await both((x) => x.press('n'));
  await both((x) => expect(x.row(second)).toBeVisible());
  await expect(a.report).toContainText('the first');

  // Both press claim.
  await both((x) => x.stand(second));
  await both((x) => x.press('c'));
  const mine = (x: Board) => x.row(second).getByText(x.t('claim.you')).count();
  await expect.poll(async () => [await mine(a), await mine(b)].sort(), within(10_000)).toEqual([0, 1]);
  const [winner, loser] = (await mine(a)) ? [a, b] : [b, a];
  await expect(loser.row(second)).toContainText('claimed it first');
  console.log(`the loser reads: ${await loser.row(second).innerText()}`);
  await expect(winner.row(second)).toContainText(winner.t('claim.you'));

  // Taking over has a reason, which stands with the report.
  await loser.press('o');
  await loser.sheet.getByRole('textbox').fill('she has gone home');
  await loser.sheet.getByRole('button', { name: loser.t('claim.over'), exact: true }).click();
  await expect(loser.row(second)).toContainText(loser.t('claim.you'));
  await winner.press('Enter');
  await expect(winner.report).toContainText('she has gone home');
  await expect(winner.row(second)).not.toContainText(winner.t('claim.you'));
  worker.lock();
  await kept;
  expect([...a.errors, ...b.errors]).toEqual([]);
});

for (const [how, end] of [['in good order', () => server.stop()], ['by a power cut', () => server.kill()]] as const) {
  test(`[R4] the server stops ${how}: both boards say so, an ask is no claim, and what arrives later needs no reload`, async () => {
    worker = await phone.vaults.unlock((await phone.vaults.list())[0]!.id, '4711');
    const asked = await save(`asked for ${how}`, 2);
    await worker.sync();
    await both((x) => expect(x.page.getByText(x.t('queue.fresh', { n: 1 }))).toBeVisible(within(5_000)));
    await both((x) => x.press('n'));
    await end();
    await timed(`until both say it, ${how}`, () => both((x) => expect(x.strip).toContainText(x.t('age.stale'), within(5_000))));
    await both((x) => expect(x.strip).toContainText(/This is from .+, .+ ago\./));
    await expect(a.row(asked).getByRole('button', { name: a.t('claim.ask') })).toBeVisible();
    await a.stand(asked);
    await a.press('c');
    await expect(a.row(asked)).toContainText(a.t('claim.asked'));
    const later = await save(`later, ${how}`, 0);
    const streamed = Promise.all([a, b].map((x) => x.page.waitForResponse(subscribed, within(10_000))));
    await server.start();
    await timed(`until both have a stream again, ${how}`, () => streamed);
    await worker.sync();
    await timed(`until both are live again, ${how}`, () => both((x) => expect(x.strip).toContainText(x.t('age.live'), within(10_000))));
    await both((x) => expect(x.page.getByText(x.t('queue.fresh', { n: 1 }))).toBeVisible(within(10_000)));
    await both((x) => x.press('n'));
    await both((x) => expect(x.row(later)).toBeVisible());
    await expect(a.row(asked)).toContainText(a.t('claim.you'), { timeout: 60_000 });
    worker.lock();
    expect([...a.errors, ...b.errors]).toEqual([]);
  });
}

test('[R4] a connection that hangs without an end is noticed, and the other board goes on', async () => {
  way.hang();
  await timed('until a hanging connection is told', () => expect(a.strip).toContainText(a.t('age.stale'), within(5_000)));
  await expect(b.strip).toContainText(b.t('age.live'));
  worker = await phone.vaults.unlock((await phone.vaults.list())[0]!.id, '4711');
  const id = await save('while it hung', 0);
  await worker.sync();
  await expect(b.page.getByText(b.t('queue.fresh', { n: 1 }))).toBeVisible(within(5_000));
  way.mend();
  await timed('until it is live again', () => expect(a.strip).toContainText(a.t('age.live'), { timeout: 60_000 }));
  await expect(a.page.getByText(a.t('queue.fresh', { n: 1 }))).toBeVisible({ timeout: 60_000 });
  await both((x) => x.press('n'));
  await both((x) => expect(x.row(id)).toBeVisible());
  worker.lock();
  expect([...a.errors, ...b.errors]).toEqual([]);
});
