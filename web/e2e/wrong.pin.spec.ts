// Wrong PINs in the settings: they count as at the lock.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';

test('[R10] ten wrong PINs in the settings: words, rests, a warning, a wipe that says what is kept; and what waited goes up', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    const { page } = phone;
    await phone.setUp();
    await page.context().setOffline(true);
    await phone.stop();
    await phone.note('waited at the wipe');
    await phone.done();
    await phone.button('settings').click();
    await page.clock.install();
    const wrong = async (): Promise<void> => {
      await page.getByLabel(phone.t('set.pin.old'), { exact: true }).fill('0000');
      await page.getByLabel(phone.t('set.pin.new'), { exact: true }).fill('2580');
      await page.getByLabel(phone.t('enrol.pin.again'), { exact: true }).fill('2580');
      await phone.button('change').click();
    };
    for (let left = 9; left >= 2; left--) {
      await wrong();
      await expect(phone.says('pin.left', { n: left })).toBeVisible();
      if (left === 7) {
        await wrong();
        await expect(page.getByText(/^(Wait|Espere) \d+ se/)).toBeVisible();
        await looked(phone, 'pin-wait');
      }
      // The rests are minutes; a touch in between keeps the app open.
      if (left <= 7) for (let m = 0; m < 6; m++) { await page.clock.fastForward(55_000); await page.mouse.click(5, 5); }
    }
    await wrong();
    await expect(phone.says('pin.last')).toBeVisible();
    await looked(phone, 'pin-last');
    for (let m = 0; m < 6; m++) { await page.clock.fastForward(55_000); await page.mouse.click(5, 5); }
    await page.evaluate(() => localStorage.setItem('picture', 'a lock screen')); // of a start before
    await wrong();
    await expect(page.getByText(/^(Wiped|Borrado)\. 1 .*: [A-Z0-9]{6}$/)).toBeVisible();
    await looked(phone, 'gone-pin');
    expect(await page.evaluate(() => localStorage.getItem('picture'))).toBeNull();

    await page.context().setOffline(false);
    await phone.browser.stop();
    await phone.on(`/#invite=${await server.invite()}`);
    await phone.enrol('2580');
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    await expect.poll(() => desk.notes('observations'), { timeout: 20_000 }).toContain('waited at the wipe');
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
