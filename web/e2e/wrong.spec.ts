// What goes wrong, as it looks on the screen.
import { expect, test } from '@playwright/test';
import type { Gateway } from './rig/gateway.ts';
import { PIN, type Phone } from './rig/phone.ts';
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

test('[DEV-7] a captive portal answers in the server\'s place: it waits, and says why', async () => {
  way.meet = (_, path) => (path.startsWith('/api/') ? { status: 200, type: 'text/html', body: '<h1>Welcome. Sign in.</h1>' } : undefined);
  await phone.stop();
  await phone.more('stop.cards');
  await phone.done();
  await expect(phone.says('home.portal')).toBeVisible();
  await expect(phone.rows('state.waiting')).toContainText(phone.t('note.portal'));
  way.meet = undefined;
  await phone.page.evaluate(() => dispatchEvent(new Event('online')));
  await expect(phone.rows('state.received')).toHaveCount(1);
  await expect(phone.says('home.nothing')).toBeVisible();
});

test('[DEV-1] a tap that the disk does not take is said at once, and Done does not pretend', async () => {
  const { page } = phone;
  const before = await phone.rows('state.received').count();
  await phone.stop();
  await page.evaluate(() => {
    const put = IDBObjectStore.prototype.put;
    const full = { refused: 0, mend: () => { IDBObjectStore.prototype.put = put; } };
    Object.assign(globalThis, { full });
    IDBObjectStore.prototype.put = () => { full.refused++; throw new DOMException('full', 'QuotaExceededError'); };
  });
  await phone.chip('vehicle.car').check();
  const banner = page.getByRole('region', { name: phone.t('state.attention') });
  await expect(banner).toContainText(phone.t('fault.room'));
  await phone.button('done').click();
  await expect(banner).toContainText(phone.t('fault.room'));
  await expect(page.getByRole('heading', { level: 1, name: phone.t('stop.title') })).toBeVisible();
  type Full = { full: { refused: number; mend: () => void } };
  await expect.poll(() => page.evaluate(() => (globalThis as unknown as Full).full.refused)).toBeGreaterThan(1);
  await expect(page.getByRole('heading', { level: 1, name: phone.t('stop.title') })).toBeVisible();
  await page.evaluate(() => (globalThis as unknown as Full).full.mend());
  await phone.more('stop.kits');
  await expect(banner).toHaveCount(0);
  // Pressed twice, it is one report.
  await phone.button('done').dblclick();
  await phone.button('after.home').click();
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await expect(phone.rows('state.received')).toHaveCount(before + 1);
  await expect(phone.rows('state.saved')).toHaveCount(0);
});

test('[FIELD] a new version waits for a tap, and comes with it', async () => {
  const { page } = phone;
  const before = await phone.rows('state.received').count();
  const worker = await (await fetch(`${server.url}/sw.js`)).text();
  way.meet = (_, path) => (path === '/sw.js' ? { status: 200, type: 'text/javascript', body: worker.replace(/const VERSION = "([^"]+)"/, 'const VERSION = "$1-next"') } : undefined);
  await phone.button('settings').click();
  await phone.button('set.update').click();
  await phone.button('back').click();
  await expect(phone.says('update')).toBeVisible();
  await phone.button('update.do').click();
  await phone.unlock(PIN);
  expect(await page.evaluate(() => caches.keys())).toEqual([expect.stringMatching(/-next$/)]);
  await expect(phone.rows('state.received')).toHaveCount(before);
  expect(phone.errors).toEqual([]);
});
