// The battery is empty in the middle of a tap.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';

test('[DEV-1] [DEV-2] dead while Done is pressed: it is a draft or a report, never both and never neither, and it arrives once', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.setUp();
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    const words: string[] = [];
    // Dead at once, and a little later each time: before the write, in it, and in the sending.
    for (const later of [0, 30, 150]) {
      const text = `night ${later}`;
      words.push(text);
      await phone.stop();
      await phone.note(text);
      await phone.chip('vehicle.van').check(); // on the disk with all before it, or this tap alone is not
      await expect(phone.page.locator('.state')).toContainText(/\d/);
      await phone.page.waitForTimeout(500); // a night's tap is older than that when a phone dies
      await phone.page.evaluate((label) => { [...document.querySelectorAll('button')].find((b) => b.textContent?.trim() === label)?.click(); }, phone.t('done'));
      if (later > 0) await phone.page.waitForTimeout(later);
      await phone.browser.kill();

      await phone.on();
      await phone.unlock();
      const main = phone.page.getByRole('main').getByRole('listitem');
      await expect(main.filter({ hasText: new RegExp([phone.t('state.saved'), phone.t('state.waiting'), phone.t('state.received')].join('|')) })).toHaveCount(words.length);
      if (await phone.rows('state.saved').count() === 1) {
        await phone.rows('state.saved').getByRole('button').click();
        await expect(phone.page.getByRole('textbox', { name: /Anything else|Algo más/ })).toHaveValue(text);
        await expect(phone.chip('vehicle.van')).toBeChecked();
        await phone.done();
      }
      await expect(phone.rows('state.received')).toHaveCount(words.length);
    }
    expect((await desk.notes('observations')).sort()).toEqual(words.sort());
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
