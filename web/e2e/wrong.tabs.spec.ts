// The same app in two tabs of one phone.
import { expect, test } from '@playwright/test';
import { gunzipSync } from 'node:zlib';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { PIN, Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';

test('[DEV-2] two tabs: both work and show the same, one sends, each report goes once; the other takes over; who leaves one leaves both', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const first = await new Phone(way.url).on(`/#invite=${await server.invite()}`);
  /** The numbers that went up, in the order in which they did. */
  const sent = (): number[] => way.passed.filter((p) => p.path === '/api/sync/push' && p.answer.includes('verdicts')).flatMap(({ body }) =>
    (JSON.parse(String(body[0] === 0x1f ? gunzipSync(body) : body)) as { mutations: { n: number }[] }).mutations.map((m) => m.n));
  try {
    await first.setUp();
    const second = await first.tab();
    await second.unlock();
    way.down = true;
    const write = async (phone: Phone, text: string): Promise<void> => {
      await phone.stop();
      await phone.note(text);
      await phone.done();
    };
    await Promise.all([write(first, 'from the first tab'), write(second, 'from the second tab')]);
    for (const tab of [first, second]) await expect(tab.rows('state.waiting')).toHaveCount(2);
    // A draft that is begun in one is there in the other.
    await first.stop();
    await first.chip('vehicle.rv').check();
    await first.button('back').click();
    await expect(second.rows('state.saved')).toHaveCount(1);

    way.down = false;
    await Promise.all([first.online(), second.online()]);
    for (const tab of [first, second]) await expect(tab.rows('state.received')).toHaveCount(2);
    expect(sent()).toEqual([1, 2]);

    // The one that sends is closed: the other does it from now on.
    await first.page.close();
    await write(second, 'after the first was closed');
    await expect(second.rows('state.received')).toHaveCount(3);
    expect(sent()).toEqual([1, 2, 3]);
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    expect((await desk.notes('observations')).sort()).toEqual(['after the first was closed', 'from the first tab', 'from the second tab']);

    const third = await second.tab();
    await third.unlock();
    await third.button('exit').click();
    await expect(third.page.getByRole('table')).toBeVisible();
    await expect(second.says('lock.enter')).toBeVisible();
    await second.unlock(PIN);
    expect([...first.errors, ...second.errors, ...third.errors]).toEqual([]);
  } finally {
    await first.browser.kill();
    await way.stop();
    await server.stop();
  }
});
