// Leaving in a hurry, and practice.
import { expect, test, type Page } from '@playwright/test';
import { Gateway } from './rig/gateway.ts';
import { PIN, Phone } from './rig/phone.ts';
import type { Server } from './rig/server.ts';
import { stage, strike } from './rig/stage.ts';

let server: Server;
let way: Gateway;
let phone: Phone;
test.beforeAll(async () => {
  ({ server, way, phone } = await stage());
  await phone.enrol();
});
test.afterAll(() => strike({ server, way, phone }));

/** What somebody sees who takes the phone now. */
const seen = (page: Page) => page.evaluate(() => ({ title: document.title, path: location.href.slice(location.origin.length), entries: history.length, state: history.state as unknown, words: document.body.innerText }));

async function calendar(page: Page): Promise<void> {
  await expect(page.getByRole('table')).toBeVisible();
  const month = new Intl.DateTimeFormat('en-US', { month: 'long' }).format(new Date());
  expect(await seen(page)).toMatchObject({ title: month, path: '/' });
  expect((await seen(page)).words).not.toMatch(/Night|Saved|Waiting|Van|Daybook/);
}

async function comeBack(page: Page): Promise<void> {
  const name = page.getByRole('heading', { level: 1 }).getByRole('button');
  await name.hover();
  await page.mouse.down();
  await expect(phone.says('lock.enter')).toBeVisible({ timeout: 5_000 });
  await page.mouse.up();
}

test('[R11] quick exit by the button: locked, a calendar, the same history, and the way back leads to the PIN', async () => {
  const { page } = phone;
  const { entries } = await seen(page);
  await phone.stop();
  await phone.chip('vehicle.van').check();
  // Typed an instant before: it is kept all the same.
  await page.getByRole('textbox', { name: phone.t('stop.plate.end') }).pressSequentially('7Q4');
  await phone.button('exit').click();
  await calendar(page);
  expect((await seen(page)).entries).toBe(entries);

  // A short press is none.
  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await calendar(page);
  for (let i = 0; i < 3; i++) {
    await page.evaluate(() => history.back());
    await page.waitForTimeout(200);
    await calendar(page);
  }
  expect((await seen(page)).entries).toBe(entries);
  await comeBack(page);
  expect((await seen(page)).title).toBe(phone.t('name.daybook'));
  await phone.unlock(PIN);
  await phone.rows('state.saved').getByRole('button').click();
  await expect(page.getByRole('textbox', { name: phone.t('stop.plate.end') })).toHaveValue('7Q4');
  await phone.button('back').click();
});

test('[R11] three times Escape, from a text field and from before unlock', async () => {
  const { page } = phone;
  await phone.rows('state.saved').getByRole('button').click();
  await page.getByRole('textbox', { name: /Anything else/ }).pressSequentially('two people, one cap');
  for (let i = 0; i < 3; i++) await page.keyboard.press('Escape');
  await calendar(page);
  await comeBack(page);
  for (let i = 0; i < 3; i++) await page.keyboard.press('Escape');
  await calendar(page);
  await comeBack(page);
  await phone.unlock(PIN);
  await phone.rows('state.saved').getByRole('button').click();
  await expect(page.getByRole('textbox', { name: /Anything else/ })).toHaveValue('two people, one cap');
  await phone.done();
  await expect(phone.rows('state.received')).toHaveCount(1);
  expect(phone.errors).toEqual([]);
});

/** What this build has dialled: it notes a number in the place of calling it. */
const dialled = (page: Page) => page.evaluate(() => (globalThis as unknown as { dialled?: string[] }).dialled ?? []);

test('[R24] practice: nothing is sent, nothing dials, nothing stays; and outside of it the same buttons dial', async () => {
  const watched = await Gateway.before(() => server.url, process.env.FIELDPOST_E2E_PLAIN_DIR);
  const trainee = await new Phone(watched.url).on(`/#invite=${await server.invite()}`);
  try {
    const { page } = trainee;
    await trainee.enrol();
    await trainee.row(trainee.t('home.learn')).click();
    await trainee.row(trainee.t('learn.practice.say')).click();
    await expect(trainee.says('practice')).toBeVisible();
    const before = watched.passed.length;
    await trainee.stop();
    await trainee.note('practised words');
    await trainee.button('help').click();
    const numbers = page.getByRole('button', { name: trainee.t('call.practice') });
    expect(await numbers.count()).toBeGreaterThan(2);
    for (const n of (await numbers.all()).slice(0, 4)) await n.click();
    await trainee.button('call.back').click();
    await trainee.done();
    await expect(trainee.rows('state.waiting')).toHaveCount(1);
    await page.waitForTimeout(500);
    expect(watched.passed.slice(before).filter((p) => p.path.startsWith('/api/sync/push') || p.body.includes('practised'))).toEqual([]);
    expect(await dialled(page)).toEqual([]);

    await trainee.row(trainee.t('home.learn')).click();
    await trainee.row(trainee.t('practice.stop')).click();
    await expect(trainee.says('home.nothing')).toBeVisible();
    await expect(trainee.rows('state.waiting')).toHaveCount(0);
    await trainee.button('help').click();
    await trainee.button('call.911').click();
    expect(await dialled(page)).toEqual(['tel:911']);
    expect(trainee.errors).toEqual([]);
  } finally {
    await trainee.browser.kill();
    await watched.stop();
  }
});
