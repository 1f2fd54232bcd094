// A night with no signal (the first sentence): Rosa's phone, from the
// invite's link to "seen".
import { expect, test } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { Desk } from './rig/desk.ts';
import { PIN, Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';

const form = JSON.parse(readFileSync(new URL('../../content/forms/hotel_house.v2.json', import.meta.url), 'utf8')) as { 'title::es': string };

test('[R4] [DEV-2] a night with no server, a dead phone in the middle, and all of it arrives, is received, is seen', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.spanish();
    await phone.enrol();
    const { page } = phone;
    await page.evaluate(() => navigator.serviceWorker.ready);
    await server.stop();

    // A cold start with no server: the service worker alone.
    await page.reload();
    await phone.unlock();
    await expect(phone.says('home.nothing')).toBeVisible();

    await phone.stop();
    await phone.chip('vehicle.van').check();
    await phone.chip('color.white').check();
    await phone.more('stop.adults');
    await phone.note('la van blanca, puerta rota');
    await phone.done();

    await phone.list(form['title::es']);
    await phone.item(0).getByRole('radio', { name: 'Sí' }).check();
    await phone.item(1).getByRole('radio', { name: 'No', exact: true }).check();
    await phone.item(2).getByRole('radio', { name: 'No sé' }).check();
    await page.getByRole('group', { name: phone.t('list.basis') }).first().getByRole('radio', { name: phone.t('list.told') }).check();
    await phone.done();
    await expect(phone.rows('state.waiting')).toHaveCount(2);
    await expect(phone.says('home.waiting.do')).toBeVisible();

    // The third: taps, a second, one more tap, and the battery is empty.
    await phone.stop();
    await phone.chip('vehicle.rv').check();
    await phone.more('stop.kits');
    await phone.more('stop.kits');
    await phone.note('dos personas, una con gorra');
    await page.waitForTimeout(1_000);
    await phone.chip('color.red').check();
    await phone.browser.kill();

    await phone.on();
    await phone.unlock(PIN);
    await expect(phone.rows('state.waiting')).toHaveCount(2);
    await phone.rows('state.saved').getByRole('button').click();
    await expect(phone.chip('vehicle.rv')).toBeChecked();
    await expect(phone.page.getByRole('group', { name: phone.t('stop.kits') }).getByRole('status')).toHaveText('2');
    await expect(phone.page.getByRole('textbox', { name: /Algo más/ })).toHaveValue('dos personas, una con gorra');
    await phone.done();
    await expect(phone.rows('state.waiting')).toHaveCount(3);

    await server.start();
    await phone.page.evaluate(() => dispatchEvent(new Event('online')));
    await expect(phone.rows('state.received')).toHaveCount(3);
    await expect(phone.says('home.nothing')).toBeVisible();

    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    expect((await desk.notes('observations')).sort()).toEqual(['dos personas, una con gorra', 'la van blanca, puerta rota']);
    const [filled] = await desk.device.records('submissions');
    expect(Object.values(filled?.fields['answers'] as object)).toEqual(['yes', 'no', 'unsure']);
    expect(Object.values(filled?.fields['basis'] as object)).toEqual(['told']);
    expect(await desk.openAll()).toBe(3);
    await expect(phone.rows('state.seen')).toHaveCount(3);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
