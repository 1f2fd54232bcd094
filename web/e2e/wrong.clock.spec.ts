// A phone whose clock is wrong, and jumps.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';
import { turn, turnable } from './rig/turned.ts';

const HOUR = 3_600_000;

test('[DEV-1] [R4] a clock that jumps: the phone locks, nothing is lost, and while it is wrong that is said; right again it is not', async () => {
  const server = await Server.start();
  const phone = new Phone(server.url);
  await phone.on(`/#invite=${await server.invite()}`, (page) => turnable(page));
  try {
    const { page } = phone;
    await phone.setUp();
    await phone.stop();
    await phone.note('before the jump');

    // Three hours on: nobody knows how long it was left alone, so it locks; what was typed is kept.
    await turn(page, 3 * HOUR);
    await page.mouse.click(5, 5); // the first touch locks it
    await expect(phone.says('lock.enter')).toBeVisible();
    await phone.unlock();
    await phone.online();
    await expect(phone.banner).toContainText(phone.t('fault.clock'));
    await expect(phone.banner).toContainText(phone.t('fault.clock.do'));
    await looked(phone, 'fault-clock');
    await phone.rows('state.saved').getByRole('button').click();
    await expect(page.getByRole('textbox', { name: /Anything else|Algo más/ })).toHaveValue('before the jump');
    await phone.done();
    await expect(phone.rows('state.received')).toHaveCount(1);

    // Two days back, as after a battery was out.
    await turn(page, -48 * HOUR);
    await page.mouse.click(5, 5);
    await expect(phone.says('lock.enter')).toBeVisible();
    await phone.unlock();
    await phone.stop();
    await phone.note('two days back');
    await phone.done();
    await expect(phone.banner).toContainText(phone.t('fault.clock'));

    await turn(page, 0);
    await page.mouse.click(5, 5);
    await expect(phone.says('lock.enter')).toBeVisible();
    await phone.unlock();
    await phone.stop();
    await phone.note('right again');
    await phone.done();
    await expect(phone.banner).toHaveCount(0);

    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    await expect.poll(async () => (await desk.notes('observations')).sort(), { timeout: 20_000 }).toEqual(['before the jump', 'right again', 'two days back']);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
