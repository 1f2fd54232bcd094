// What needs attention: looked at, corrected, sent again; and a draft that is cleared.
import { expect, test, type Page } from '@playwright/test';
import { gunzipSync } from 'node:zlib';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';

let server: Server;
let way: Gateway;
let phone: Phone;
const town = 'Paper Lantern Outreach (invented)';
const hotel = 'Hotel Marmalade (invented)';

/** Serves a place by somebody of one's own, or of another organization. */
const serve = (site: string, by: string): Promise<string> => server.invite('staff', site, '--site', site, '--served-by', by);

test.beforeEach(async () => {
  server = await Server.start();
  way = await Gateway.before(() => server.url);
  const invite = await server.invite('worker', town);
  await serve(hotel, town);
  await serve('Lost Mitten Truck Stop (invented)', town);
  phone = await new Phone(way.url).on(`/#invite=${invite}`);
  await phone.setUp();
});
test.afterEach(async () => {
  await phone.browser.kill();
  await way.stop();
  await server.stop();
});

/** The server answers that it does not take what comes, in its own words: it is the wire that says so, and nothing of the phone's. */
function refuse(code: string): void {
  way.meet = (method, path) => {
    if (method !== 'POST' || path !== '/api/sync/push') return undefined;
    const raw = way.passed.findLast((p) => p.path === path)?.body ?? Buffer.alloc(0);
    const sent = JSON.parse(String(raw[0] === 0x1f ? gunzipSync(raw) : raw)) as { mutations: { n: number }[] };
    const place = JSON.parse(String(way.passed.findLast((p) => p.path.startsWith('/api/sync/p') && String(p.answer).startsWith('{'))?.answer)) as { [field: string]: unknown };
    const body = { epoch: place['epoch'], now: new Date().toISOString(), mark: place['mark'], durableSeq: place['durableSeq'], verdicts: sent.mutations.map((m) => ({ n: m.n, verdict: 'refused', code, message: '' })) };
    return { status: 200, type: 'application/json', body: JSON.stringify(body) };
  };
}

const outbox = async (page: Page): Promise<void> => {
  await page.locator('.tally').click();
  await expect(page.getByRole('heading', { level: 1, name: phone.t('out.title') })).toBeVisible();
};

test('[R4] [DEV-4] a report that was not taken: why, corrected once however often it is pressed, and another sent again as it is', async () => {
  const { page } = phone;
  refuse('invalid');
  await phone.stop();
  await phone.chip('vehicle.van').check();
  await phone.note('the first words');
  await phone.done();
  await expect(phone.rows('state.attention')).toHaveCount(1);
  await outbox(page);
  await expect(page.getByText(phone.t('why.invalid'))).toBeVisible();
  await expect(page.getByText(phone.t('out.kept'))).toBeVisible();
  await looked(phone, 'outbox-attention');

  await phone.button('out.correct').click();
  await expect(phone.chip('vehicle.van')).toBeChecked();
  await phone.button('back').click();
  await phone.button('out.correct').click();
  await phone.note('the words as they are now');
  await phone.button('back').click();
  await expect(phone.rows('state.saved')).toHaveCount(1);
  await phone.button('out.correct').click();
  way.meet = undefined;
  await phone.button('done').click();
  await phone.button('after.home').click();
  await expect(phone.rows('state.received')).toHaveCount(1);
  await expect(phone.rows('state.attention')).toHaveCount(0);
  await expect(phone.rows('state.saved')).toHaveCount(0);

  // As it is, when it was the server that had to change.
  refuse('not_allowed');
  await phone.stop();
  await phone.note('taken the second time');
  await phone.done();
  await expect(phone.rows('state.attention')).toHaveCount(1);
  way.meet = undefined;
  await outbox(page);
  await expect(page.getByText(phone.t('why.not_allowed'))).toBeVisible();
  const saved = page.waitForEvent('download');
  await phone.button('out.copy').click();
  expect((await saved).suggestedFilename()).toMatch(/\.bin$/);
  await expect(phone.says('out.copied')).toBeVisible();
  await phone.button('out.resend').click();
  await phone.button('back').click();
  await expect(phone.rows('state.received')).toHaveCount(2);
  const desk = await Desk.open(server.url, await server.invite('coordinator', town));
  expect((await desk.notes('observations')).sort()).toEqual(['taken the second time', 'the words as they are now']);
  expect(phone.errors).toEqual([]);
});

test('[R4] a draft is cleared by one press, and comes back by one for ten seconds', async () => {
  const { page } = phone;
  way.down = true;
  await phone.stop();
  await phone.note('not finished');
  await phone.button('back').click();
  await expect(phone.rows('state.saved')).toHaveCount(1);
  await outbox(page);
  const clear = page.getByRole('button', { name: phone.t('out.clear.one', { title: '' }).trim() });
  await clear.click();
  await expect(phone.says('out.cleared')).toBeVisible();
  await expect(phone.rows('state.saved')).toHaveCount(0);
  await looked(phone, 'outbox-cleared');
  await phone.button('undo').click();
  await expect(phone.rows('state.saved')).toHaveCount(1);
  await looked(phone, 'outbox-draft');
  await phone.rows('state.saved').getByRole('button').first().click();
  await expect(page.getByRole('textbox', { name: /Anything else|Algo más/ })).toHaveValue('not finished');
  await phone.button('back').click();

  await clear.click();
  await expect(phone.button('undo')).toBeVisible();
  await expect(phone.button('undo')).toHaveCount(0, { timeout: 20_000 });
  await expect(phone.button('out.try')).toBeVisible();
  await page.reload();
  await phone.unlock();
  await expect(phone.rows('state.saved')).toHaveCount(0);
  expect(phone.errors).toEqual([]);
});
