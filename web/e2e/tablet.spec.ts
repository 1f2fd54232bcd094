// Two people, one tablet: what one wrote goes up through the other, who learns
// nothing of it.
import { expect, test } from '@playwright/test';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { traces } from './rig/traces.ts';

const form = JSON.parse(readFileSync(new URL('../../content/forms/hotel_front.v2.json', import.meta.url), 'utf8')) as { 'title::en': string };
const words = 'merlin-5e21-feldspar';

/** A locks, and B enrols by a link that is opened where the page already stands, and locks. */
async function joined(tablet: Phone, link: string): Promise<void> {
  await lockNow(tablet);
  await tablet.page.goto(link);
  await tablet.enrol('2222', false);
  await lockNow(tablet);
}

async function lockNow(tablet: Phone): Promise<void> {
  await tablet.button('settings').click();
  await tablet.button('set.lockNow').click();
}

/** The nth person of the tablet unlocks. */
async function become(tablet: Phone, n: number, pin: string): Promise<void> {
  await tablet.button('lock.other').click();
  await tablet.row(tablet.t('lock.person', { n })).click();
  await tablet.unlock(pin);
}

test('[R12] [SEALED] A is locked, B unlocks, signal is back: A\'s report arrives, and neither B\'s session nor a disk has held its text', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const staff = ['--site', 'The Cedar Inn', '--served-by', 'Night Outreach'];
  const tablet = await new Phone(way.url).on(`/#invite=${await server.invite('staff', 'The Cedar Inn', ...staff)}`);
  try {
    // Who runs the site, and who serves it, let its staff write notes: otherwise there would be no text of A's own to look for.
    const admin = await Desk.open(server.url, await server.invite('admin', 'The Cedar Inn'));
    for (const o of await admin.device.records('organizations')) await admin.device.update('organizations', o.id, { allows: { add: ['staff_notes'] } });
    expect([...new Set((await admin.device.sync()).push.verdicts.map((v) => v.verdict))]).toEqual(['applied']);

    await tablet.enrol('1111');
    const { page } = tablet;
    await joined(tablet, `${way.url}/#invite=${await server.invite()}`);
    await become(tablet, 1, '1111');
    way.down = true;
    await tablet.list(form['title::en']);
    await tablet.item(0).getByRole('radio', { name: tablet.t('list.yes') }).check();
    await tablet.note(words);
    await tablet.done();
    await expect(tablet.rows('state.waiting')).toHaveCount(1);
    await tablet.button('exit').click();
    expect((await traces(server.dir, words)).found).toEqual([]);

    await page.reload();
    const from = way.passed.length;
    way.down = false;
    await become(tablet, 2, '2222');
    await expect.poll(() => way.calls.filter((c) => c.startsWith('POST /api/sync/recovery')).length, { timeout: 30_000 }).toBeGreaterThan(0);
    await expect.poll(() => way.passed.filter((p) => p.path === '/api/sync/recovery').map((p) => p.answer.toString()).join(), { timeout: 20_000 }).toContain('"applied"');
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    await expect.poll(() => desk.notes('submissions'), { timeout: 20_000 }).toEqual([words]);
    await desk.openAll();

    // B looks at everything there is to look at; nothing came or went in the clear.
    await expect(tablet.says('home.nothing')).toBeVisible();
    await tablet.button('home.nothing').click();
    expect(await page.evaluate(() => document.body.innerText)).not.toContain(form['title::en']);
    for (const p of way.passed.slice(from)) {
      expect(`${p.path} ${p.body.toString('latin1')} ${p.answer.toString('latin1')}`).not.toContain(words);
    }
    expect(server.log).not.toContain(words);
    await tablet.button('exit').click();
    await tablet.browser.stop();
    expect((await traces(tablet.browser.profile, words)).found).toEqual([]);

    // A comes back, and learns what became of it.
    await tablet.on();
    await become(tablet, 1, '1111');
    await expect(tablet.rows('state.seen')).toHaveCount(1);
    expect(tablet.errors).toEqual([]);
  } finally {
    await tablet.browser.kill();
    await way.stop();
    await server.stop();
  }
});

/** A picture that no other is like, in any part of it. */
const noise = async (page: Page): Promise<Buffer> => Buffer.from(await page.evaluate(() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1200, height: 900 });
  const on = canvas.getContext('2d')!;
  const drawn = on.createImageData(1200, 900);
  for (let at = 0; at < drawn.data.length; at += 65_536) crypto.getRandomValues(new Uint8Array(drawn.data.buffer, at, Math.min(65_536, drawn.data.length - at)));
  for (let at = 3; at < drawn.data.length; at += 4) drawn.data[at] = 255;
  on.putImageData(drawn, 0, 0);
  return canvas.toDataURL('image/jpeg', 0.9).split(',')[1]!;
}), 'base64');

/** The photos that a server holds. */
const kept = (server: Server): Buffer[] => {
  const folder = join(server.dir, 'media');
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((f) => join(folder, f)).filter((f) => statSync(f).isFile()).map((f) => readFileSync(f));
  } catch {
    return [];
  }
};

/** Pieces of a picture from all over it, each enough to know it by. */
const pieces = (photo: Buffer): Buffer[] => Array.from({ length: 40 }, (_, i) => photo.subarray(1000 + i * Math.floor((photo.length - 2000) / 40)).subarray(0, 24));

test('[R12] [PHOTO-7] A is locked with a photo, B unlocks, signal is back: it arrives, though the browser is killed on the way, and neither B\'s session nor the disk has held the picture', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const tablet = await new Phone(way.url).on(`/#invite=${await server.invite()}`);
  try {
    await tablet.enrol('1111');
    await server.command('allow', 'photos', '--organization', 'Night Outreach');
    const { page } = tablet;
    await joined(tablet, `${way.url}/#invite=${await server.invite()}`);
    await become(tablet, 1, '1111');
    await tablet.online();
    await tablet.stop();
    await tablet.chip('vehicle.van').check();
    const take = page.getByLabel(tablet.t('photo.take', { kind: tablet.t('photo.vehicle') }));
    await expect(take).toHaveCount(1);
    way.down = true;
    await take.setInputFiles({ name: 'IMG_1.jpg', mimeType: 'image/jpeg', buffer: await noise(page) });
    await expect(page.getByRole('img', { name: tablet.t('photo.one', { n: 1, kind: tablet.t('photo.vehicle') }) })).toBeVisible();
    await tablet.done();
    await expect(tablet.rows('state.waiting')).toHaveCount(1);
    await tablet.button('exit').click();

    await page.reload();
    const from = way.passed.length;
    const patches = () => way.passed.slice(from).filter((p) => p.method === 'PATCH');
    let cut = 0;
    way.meet = (method) => {
      if (method !== 'PATCH' || cut > 0 || patches().length < 3) return undefined;
      cut = patches().length;
      way.down = true;
      return { status: 502, type: 'text/html', body: 'gone' };
    };
    way.down = false;
    await become(tablet, 2, '2222');
    await expect.poll(() => cut, { timeout: 30_000 }).toBe(3);
    await tablet.browser.kill();
    expect(kept(server)).toEqual([]);
    way.down = false;
    await tablet.on();
    await become(tablet, 2, '2222');
    await expect.poll(() => kept(server).length, { timeout: 30_000 }).toBe(1);
    await expect(tablet.says('home.nothing')).toBeVisible();
    await expect(tablet.page.getByRole('img')).toHaveCount(0);

    const [photo] = kept(server);
    const bits = pieces(photo!);
    // Each byte once: the bytes as they lie, a nonce, a tag, filled to 64 KiB.
    const sealed = Math.ceil(photo!.length / 65_536) * 65_536 + 28;
    expect(patches().filter((_, i) => i !== cut - 1).reduce((n, p) => n + p.body.length, 0)).toBe(sealed);
    for (const p of way.passed.slice(from)) for (const bit of bits) expect(p.body.includes(bit) || p.answer.includes(bit), p.path).toBe(false);
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    const [record] = await desk.device.records('attachments');
    expect(record?.fields['stored']).not.toBe('');
    expect(way.passed.slice(from).map((p) => p.path).join()).not.toContain(record!.id);

    await tablet.button('exit').click();
    await tablet.browser.stop();
    expect((await traces(tablet.browser.profile, bits)).found).toEqual([]);
    await tablet.on();
    await become(tablet, 1, '1111');
    await expect(tablet.rows('state.received')).toContainText(`${tablet.t('photo.count', { n: 1 })}: ${tablet.t('state.received')}`);
    // The control: the same picture in a store that seals nothing is found.
    await tablet.page.evaluate((text) => new Promise<void>((resolve, reject) => {
      const open = indexedDB.open('plain');
      open.onupgradeneeded = () => open.result.createObjectStore('photos');
      open.onerror = () => reject(open.error as DOMException);
      open.onsuccess = () => {
        const tx = open.result.transaction('photos', 'readwrite');
        tx.objectStore('photos').put(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), 1);
        tx.oncomplete = () => { open.result.close(); resolve(); };
      };
    }), photo!.toString('base64'));
    await tablet.browser.stop();
    expect((await traces(tablet.browser.profile, bits)).found).not.toEqual([]);
    expect(tablet.errors).toEqual([]);
  } finally {
    await tablet.browser.kill();
    await way.stop();
    await server.stop();
  }
});
