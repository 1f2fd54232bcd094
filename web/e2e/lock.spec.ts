// PINs that are wrong or forgotten.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { PIN, Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';

let server: Server;
test.beforeAll(async () => { server = await Server.start(); });
test.afterAll(() => server.stop());

/** Enrols, and leaves one note that waits. */
async function withNote(note: string): Promise<Phone> {
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  await phone.enrol();
  await phone.page.context().setOffline(true);
  await phone.stop();
  await phone.note(note);
  await phone.done();
  await phone.button('settings').click();
  await phone.button('set.lockNow').click();
  return phone;
}

test('[R10] ten wrong PINs: words, rests, a warning, a wipe; and what waited goes up through the next person', async () => {
  const phone = await withNote('seen before the wipe');
  try {
    const { page } = phone;
    // The rests are minutes: the page's clock is turned on.
    await page.clock.install();
    for (let left = 9; left >= 2; left--) {
      await phone.type('0000');
      await expect(phone.says('lock.wrong', { n: left })).toBeVisible();
      if (left === 7) {
        await phone.type('0000');
        await expect(page.getByText(/^Wait \d+ seconds?, then try again\.$/)).toBeVisible();
      }
      if (left <= 7) await page.clock.fastForward(310_000);
    }
    await phone.type('0000');
    await expect(phone.says('lock.last')).toBeVisible();
    await page.clock.fastForward(310_000);
    await phone.type('0000');
    await expect(page.getByText(/^Wiped\. 1 waiting note is kept sealed/)).toBeVisible();

    await page.context().setOffline(false);
    await phone.browser.stop();
    await phone.on(`/#invite=${await server.invite()}`);
    await phone.enrol('2580');
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    await expect.poll(() => desk.notes('observations'), { timeout: 20_000 }).toContain('seen before the wipe');
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
  }
});

test('[R10] a PIN that was forgotten: a new code makes a new vault, and the old one goes up sealed', async () => {
  const phone = await withNote('written under the forgotten PIN');
  try {
    await phone.page.context().setOffline(false);
    await phone.button('lock.other').click();
    await phone.button('lock.forgot').click();
    await expect(phone.says('lock.forgot.say')).toBeVisible();
    await phone.button('lock.forgot.go').click();
    await phone.page.getByRole('textbox').fill(await server.invite());
    await phone.enrol('2580', false);
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    await expect.poll(() => desk.notes('observations'), { timeout: 20_000 }).toContain('written under the forgotten PIN');
    // The new person sees nothing of it; the old one, remembering, finds it received.
    await expect(phone.rows('state.received')).toHaveCount(0);
    await phone.button('settings').click();
    await phone.button('set.lockNow').click();
    await phone.button('lock.other').click();
    await phone.row(phone.t('lock.person', { n: 1 })).click();
    await phone.unlock(PIN);
    await expect(phone.rows('state.received')).toHaveCount(1);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
  }
});

test('[R10] another PIN, longer: a wrong or mistyped one changes nothing, and the pad waits for the last digit', async () => {
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.enrol();
    await phone.button('settings').click();
    const change = async (old: string, fresh: string, again: string): Promise<void> => {
      await phone.page.getByLabel(phone.t('set.pin.old'), { exact: true }).fill(old);
      await phone.page.getByLabel(phone.t('set.pin.new'), { exact: true }).fill(fresh);
      await phone.page.getByLabel(phone.t('enrol.pin.again'), { exact: true }).fill(again);
      await phone.button('change').click();
    };
    await change('0000', '280419', '280419');
    await expect(phone.says('pin.left', { n: 9 })).toBeVisible();
    await change(PIN, '280419', '280418');
    await expect(phone.says('enrol.pin.differ')).toBeVisible();
    await change(PIN, '280419', '280419');
    await expect(phone.says('set.pin.changed')).toBeVisible();
    await phone.button('set.lockNow').click();
    await phone.spanish();
    await phone.unlock('280419');
    // Nothing but the database says how long it is, and which language: what a page stores beside it, a browser that dies forgets.
    await phone.page.evaluate(() => localStorage.clear());
    await phone.page.reload();
    await expect(phone.page.locator('html')).toHaveAttribute('lang', 'es');
    await phone.unlock('280419');
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
  }
});
