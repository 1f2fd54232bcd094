// An app that is several versions old.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { PIN, Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';

test('[PUSH-9] [R4] an app too old to read: what it writes goes up all the same, it says that a newer one is needed, and one tap brings it', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const phone = await new Phone(way.url).on(`/#invite=${await server.invite()}`);
  try {
    const { page } = phone;
    await phone.setUp();
    await page.evaluate(() => navigator.serviceWorker.ready);
    // Three releases on, the server no longer answers what this app asks in; what it sends is taken for ever.
    const newer = { status: 426, code: 'upgrade_required', message: 'This app is too old to read from this server.', hint: 'Update the app.', retry: 'never' };
    way.meet = (_, path) => (path === '/api/sync/pull' ? { status: 426, type: 'application/json', body: JSON.stringify(newer) } : undefined);
    await phone.stop();
    await phone.note('written by an old app');
    await phone.done();
    await expect(phone.banner).toContainText(phone.t('fault.old'));
    await expect(phone.rows('state.received')).toHaveCount(1);
    await looked(phone, 'fault-old');
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    expect(await desk.notes('observations')).toEqual(['written by an old app']);

    // No newer one is to be had yet: it says so, and goes on taking reports.
    await phone.button('update.do').click();
    await expect(phone.banner).toContainText(phone.t('fault.old.none'));
    await phone.stop();
    await phone.done();
    await expect(phone.rows('state.received')).toHaveCount(2);

    const worker = await (await fetch(`${server.url}/sw.js`)).text();
    way.meet = (_, path) => (path === '/sw.js' ? { status: 200, type: 'text/javascript', body: worker.replace(/const VERSION = "([^"]+)"/, 'const VERSION = "$1-next"') } : undefined);
    await phone.button('update.do').click();
    await phone.unlock(PIN);
    expect(await page.evaluate(() => caches.keys())).toEqual([expect.stringMatching(/-next$/)]);
    await expect(phone.banner).toHaveCount(0);
    await expect(phone.rows('state.received')).toHaveCount(2);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});
