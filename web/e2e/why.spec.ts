// Words that few people ever see: each is reached by what it is about.
import { expect, test } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';

test('[R4] [DEV-3] a place that is no longer one\'s own: the note says so, and goes with another place', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const phone = new Phone(way.url);
  try {
    const invite = await server.invite();
    for (const site of ['The Cedar Inn', 'The Elm Inn']) await server.invite('staff', site, '--site', site, '--served-by', 'Night Outreach');
    await server.invite('coordinator', 'Day Outreach');
    await phone.on(`/#invite=${invite}`);
    await phone.setUp();
    way.down = true;
    await phone.stop();
    await phone.chip('vehicle.van').check();
    await phone.row(phone.t('change')).click();
    await phone.row(/The Cedar Inn/).click();
    await phone.done();
    await expect(phone.rows('state.waiting')).toContainText('The Cedar Inn');
    // Meanwhile others are to serve it.
    const { device } = await Desk.open(server.url, await server.invite('admin'));
    const site = (await device.records('sites')).find((s) => s.fields['name'] === 'The Cedar Inn');
    const day = (await device.records('organizations')).find((o) => o.fields['name'] === 'Day Outreach');
    await device.update('sites', site!.id, { served_by: day!.id });
    expect((await device.sync()).push.verdicts.map((v) => v.verdict)).toEqual(['applied']);
    way.down = false;
    await phone.online();
    await expect(phone.rows('state.attention')).toHaveCount(1, { timeout: 30_000 });
    await phone.page.locator('.tally').click();
    await expect(phone.says('why.place')).toBeVisible({ timeout: 30_000 });
    await looked(phone, 'why-place');
    await phone.button('out.place').click();
    await phone.row(/The Elm Inn/).click();
    await phone.done();
    await expect(phone.rows('state.received')).toContainText('The Elm Inn');
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});

test('[R4] [ENROL-2] more in a day than the server takes of who came by a poster: the note says how many, and waits', async () => {
  test.setTimeout(300_000);
  const server = await Server.start();
  const phone = new Phone(server.url);
  try {
    await server.invite('staff', 'The Cedar Inn', '--site', 'The Cedar Inn', '--served-by', 'Night Outreach');
    const page = join(server.dir, 'poster.html');
    await server.command('invite', 'poster', '--site', 'The Cedar Inn', '--url', server.url, '--out', page);
    const code = /class="code">([^<]+)</.exec(readFileSync(page, 'utf8'))?.[1];
    await phone.on(`/#invite=${code ?? ''}`);
    await phone.setUp();
    const form = JSON.parse(readFileSync(new URL('../../content/forms/hotel_front.v2.json', import.meta.url), 'utf8')) as { 'title::en': string };
    for (let n = 0; n < 21; n++) {
      await phone.list(form['title::en']);
      await phone.done();
    }
    await expect(phone.rows('state.waiting')).toHaveCount(1, { timeout: 30_000 });
    await expect(phone.rows('state.waiting')).toContainText(phone.t('note.quota'), { timeout: 30_000 });
    await expect(phone.rows('state.received')).toHaveCount(20);
    await looked(phone, 'note-quota');
    // Confirmed, it goes.
    const [line] = (await server.command('staff', 'list', '--unconfirmed', '--json')).split('\n');
    const { label } = JSON.parse(line ?? '') as { label: string };
    await server.command('staff', 'confirm', label);
    await phone.online();
    await expect(phone.rows('state.waiting')).toHaveCount(0, { timeout: 60_000 });
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});

test('[R10] [R4] on the home screen of a phone that promises nothing: Home says what helps', async () => {
  const server = await Server.start();
  const phone = new Phone(server.url);
  phone.browser.keeps = false;
  try {
    await phone.on(`/#invite=${await server.invite()}`, async (page) => {
      // As iOS tells a page that was opened from there.
      await page.addInitScript(() => Object.defineProperty(navigator, 'standalone', { value: true }));
    });
    await phone.setUp();
    await expect(phone.banner).toContainText(phone.t('fault.storage.far'));
    await looked(phone, 'fault-storage-far');
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
