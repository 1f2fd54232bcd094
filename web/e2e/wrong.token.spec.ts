// Away for months: the clock has gone on, the access has ended long ago.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { PIN, Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { turnable } from './rig/turned.ts';

const MONTHS = 150 * 24 * 3_600_000;

test('[DEV-6] [R4] a token that expired months ago renews by the device\'s key; what was written then arrives as of then', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const phone = new Phone(way.url);
  // It was set up five months ago, by its own clock.
  await phone.on(`/#invite=${await server.invite()}`, (page) => turnable(page, -MONTHS));
  try {
    await phone.setUp();
    way.down = true;
    await phone.stop();
    await phone.note('from five months ago');
    await phone.done();
    await expect(phone.rows('state.waiting')).toHaveCount(1);
    await phone.browser.stop();

    // The token that it holds, as the server reads it now: the same claims, and an end long ago.
    const before = way.passed.map((p) => p.path).filter((p) => p === '/api/sync/renew').length;
    let first = '';
    way.alter = (_, headers) => {
      const { authorization } = headers;
      if (!authorization || (first && authorization !== first)) return;
      first = authorization;
      const [head, claims, signature] = authorization.split('.') as [string, string, string];
      const old = { ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object), exp: Math.floor((Date.now() - 4 * 30 * 24 * 3_600_000) / 1000) };
      headers.authorization = `${head}.${Buffer.from(JSON.stringify(old)).toString('base64url')}.${signature}`;
    };
    way.down = false;
    await phone.on();
    await phone.unlock(PIN);
    // Of the night five months ago nothing stands under tonight; it is all in the outbox.
    await expect(phone.says('home.nothing')).toBeVisible();
    await phone.page.locator('.tally').click();
    await expect(phone.rows('state.received')).toHaveCount(1);
    await expect(phone.banner).toHaveCount(0);
    expect(way.passed.some((p) => p.answer.includes('token_expired'))).toBe(true);
    expect(way.passed.filter((p) => p.path === '/api/sync/renew').length - before).toBe(1);

    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    await desk.device.sync();
    const [got] = await desk.device.records('observations');
    expect(got?.fields['note']).toBe('from five months ago');
    const age = Date.now() - Date.parse(String(got?.fields['event_time']));
    expect(Math.abs(age - MONTHS)).toBeLessThan(15 * 60_000);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});
