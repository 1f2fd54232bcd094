// A photo of a vehicle, from a phone's file picker to the board: drawn anew, with
// nothing of what the camera wrote beside it, and gone when it is taken out.
import AxeBuilder from '@axe-core/playwright';
import { chromium, expect, test, type Page } from '@playwright/test';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { observation, Phone as Device } from '../sdk/test/support/phone.ts';
import { Board } from './rig/board.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { stage, strike } from './rig/stage.ts';
import { looked } from './rig/state.ts';

const CANARY = 'taken by Rosa at 39.0997 N 94.5786 W';
const sum = (b: Uint8Array): string => createHash('sha256').update(b).digest('hex');

/** A picture as a phone's camera keeps it: lying on its side, with where and by whom it was taken. */
async function photographed(page: Page): Promise<Buffer<ArrayBuffer>> {
  const drawn = Buffer.from(await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 3000, height: 1500 });
    const on = canvas.getContext('2d')!;
    on.fillStyle = '#456';
    on.fillRect(0, 0, 3000, 1500);
    on.fillStyle = '#cde';
    on.fillRect(400, 500, 1900, 600);
    return canvas.toDataURL('image/jpeg', 0.9).split(',')[1]!;
  }), 'base64');
  const text = Buffer.from(`${CANARY}\0`);
  const tiff = Buffer.alloc(8 + 2 + 24 + 4);
  tiff.write('II*\0', 0, 'latin1');
  tiff.writeUInt32LE(8, 4);
  tiff.writeUInt16LE(2, 8);
  const entry = (at: number, tag: number, type: number, count: number, value: number): void => {
    tiff.writeUInt16LE(tag, at);
    tiff.writeUInt16LE(type, at + 2);
    tiff.writeUInt32LE(count, at + 4);
    tiff.writeUInt32LE(value, at + 8);
  };
  entry(10, 0x010e, 2, text.length, tiff.length); // what it shows
  entry(22, 0x0112, 3, 1, 6); // turned by a quarter
  const body = Buffer.concat([Buffer.from('Exif\0\0'), tiff, text]);
  const head = Buffer.from([0xff, 0xd8, 0xff, 0xe1, (body.length + 2) >> 8, (body.length + 2) & 255]);
  return Buffer.concat([head, body, drawn.subarray(2)]) as Buffer<ArrayBuffer>;
}

/** The photos that a server holds. */
const kept = (server: Server): string[] => {
  try {
    return readdirSync(join(server.dir, 'media'), { recursive: true, encoding: 'utf8' }).map((f) => join(server.dir, 'media', f)).filter((f) => statSync(f).isFile());
  } catch {
    return [];
  }
};

test('[R13] [PHOTO-6] [BOARD] a photo goes from a phone to the board with no metadata, and goes for good when it is taken out', async () => {
  const server = await Server.start();
  const browser = await chromium.launch({ executablePath: process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.setUp();
    const input = (kind: 'photo.place' | 'photo.vehicle') => phone.page.getByLabel(phone.t('photo.take', { kind: phone.t(kind) }));
    await phone.stop();
    await phone.chip('vehicle.van').check();
    await expect(input('photo.vehicle')).toHaveCount(0); // nobody has allowed it
    await server.command('allow', 'photos', '--organization', 'Night Outreach');
    await phone.online();
    await expect(input('photo.vehicle')).toHaveCount(1);
    await expect(phone.says('photo.no')).toBeVisible();

    const original = await photographed(phone.page);
    expect(original.includes(CANARY)).toBe(true);
    await input('photo.place').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') });
    await expect(phone.says('photo.bad')).toBeVisible();
    await input('photo.vehicle').setInputFiles({ name: 'IMG_2041.jpg', mimeType: 'image/jpeg', buffer: original });
    const thumb = () => phone.page.getByRole('img', { name: phone.t('photo.one', { n: 1, kind: phone.t('photo.vehicle') }) });
    await expect(thumb()).toBeVisible();
    expect((await new AxeBuilder({ page: phone.page }).analyze()).violations.map((v) => v.id)).toEqual([]);

    // The battery is empty; the draft has its photo.
    await phone.browser.kill();
    await phone.on();
    await phone.unlock();
    await phone.rows('state.saved').getByRole('button').first().click();
    await expect(thumb()).toBeVisible();
    await phone.done();
    await expect(phone.rows('state.received')).toContainText(`${phone.t('photo.count', { n: 1 })}: ${phone.t('state.received')}`);

    const files = kept(server);
    expect(files).toHaveLength(1);
    const arrived = readFileSync(files[0]!);
    expect(arrived.includes('Exif') || arrived.includes('Rosa') || arrived.includes('ICC')).toBe(false);

    const board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
    await board.rows.first().getByRole('button').first().click();
    await board.button('photos.show', { n: 1 }).click();
    const shown = board.report.getByRole('img', { name: board.t('photos.one', { n: 1, kind: board.t('photos.vehicle') }) });
    await expect(shown).toBeVisible();
    // Upright, and no larger than it may be.
    await expect.poll(() => shown.evaluate((i: HTMLImageElement) => [i.naturalWidth, i.naturalHeight])).toEqual([1024, 2048]);
    expect((await new AxeBuilder({ page: board.page }).include('article.report').analyze()).violations.map((v) => v.id)).toEqual([]);

    // The control: the same file as the camera wrote it, past the app.
    const past = await new Device({ timeout: 20_000 }).enrolled(server.url, await server.invite());
    const id = await past.keepPhoto('d', { bytes: new Uint8Array(original), kind: 'vehicle', type: 'image/jpeg' });
    await past.create('observations', observation(), { draft: 'd' });
    await past.sync();
    await past.sendPhotos();
    expect(await past.photos()).toMatchObject([{ id, word: 'attention', code: 'photo_has_metadata' }]);
    past.lock();
    expect(kept(server)).toHaveLength(1);

    const desk = await new Device({ timeout: 20_000 }).enrolled(server.url, await server.invite('coordinator'));
    await desk.sync();
    const record = (await desk.records('attachments')).find((r) => r.fields['sha256'] === sum(arrived));
    expect(record?.fields['raw_sha256']).toBe(sum(original));

    await board.button('photos.out', { n: 1 }).click();
    await board.button('photos.yes').click();
    await expect(shown).toHaveCount(0);
    await expect.poll(() => kept(server)).toEqual([]);
    await desk.sync();
    expect(await desk.record('attachments', record!.id)).toBeNull();
    desk.lock();
    expect([...phone.errors, ...board.errors]).toEqual([]);
  } finally {
    await phone.browser.kill();
    await browser.close();
    await server.stop();
  }
});

test('[R13] [R24] photos in practice stay in memory: they are drawn and wait as others do, nothing of them goes, and the end of practice ends them', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.setUp();
    await server.command('allow', 'photos', '--organization', 'Night Outreach');
    await phone.online();
    const { page } = phone;
    const original = await photographed(page);
    const take = async (): Promise<void> => {
      const input = page.getByLabel(phone.t('photo.take', { kind: phone.t('photo.vehicle') }));
      await expect(input).toHaveCount(1);
      await input.setInputFiles({ name: 'IMG_1.jpg', mimeType: 'image/jpeg', buffer: original });
      await expect(page.getByRole('img', { name: phone.t('photo.one', { n: 1, kind: phone.t('photo.vehicle') }) })).toBeVisible();
    };
    const cells = () => page.evaluate(() => new Promise<number>((resolve, reject) => {
      const open = indexedDB.open('notes');
      open.onerror = () => reject(open.error as DOMException);
      open.onsuccess = () => {
        const count = open.result.transaction('cells').objectStore('cells').count();
        count.onsuccess = () => { open.result.close(); resolve(count.result); };
      };
    }));
    await phone.row(phone.t('home.learn')).click();
    await phone.row(phone.t('learn.practice.say')).click();
    const before = await cells();
    await phone.stop();
    await phone.chip('vehicle.van').check();
    await take();
    await phone.done();
    await expect(phone.rows('state.waiting')).toContainText(`${phone.t('photo.count', { n: 1 })}: ${phone.t('state.waiting')}`);
    expect(await cells()).toBe(before);
    await page.waitForTimeout(500);
    expect(kept(server)).toEqual([]);
    await phone.row(phone.t('home.learn')).click();
    await phone.row(phone.t('practice.stop')).click();
    await expect(phone.rows('state.waiting')).toHaveCount(0);
    // The control: the same outside of practice is on the disk, and goes.
    await phone.stop();
    await phone.chip('vehicle.van').check();
    await take();
    expect(await cells()).toBeGreaterThan(before);
    await phone.done();
    await expect.poll(() => kept(server).length).toBe(1);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});

test('[R4] [PHOTO-6] a photo that the server has no room for: the report\'s row says why it waits until there is room', async () => {
  const { server, way, phone } = await stage();
  try {
    await phone.setUp();
    await server.command('allow', 'photos', '--organization', 'Night Outreach');
    await phone.online();
    await phone.stop();
    await phone.chip('vehicle.van').check();
    await phone.page.getByLabel(phone.t('photo.take', { kind: phone.t('photo.vehicle') })).setInputFiles({ name: 'IMG_1.jpg', mimeType: 'image/jpeg', buffer: await photographed(phone.page) });
    await expect(phone.page.getByRole('img', { name: phone.t('photo.one', { n: 1, kind: phone.t('photo.vehicle') }) })).toBeVisible();
    // As the server says it where an upload begins; only 5 GiB of photos would make it.
    way.meet = (method, path) => (method === 'POST' && path === '/api/sync/files' ? { status: 507, type: 'application/json', body: JSON.stringify({
      status: 507, message: 'The organization\'s room for photos is used up.', data: {}, code: 'no_room', hint: 'An administrator must make room. The photo is kept on this device.', retry: 'later',
    }) } : undefined);
    await phone.done();
    await phone.page.locator('.tally').click();
    await expect(phone.page.getByRole('heading', { level: 1, name: phone.t('out.title') })).toBeVisible();
    const row = phone.rows('photo.room');
    const photo = (state: 'waiting' | 'received'): string => `${phone.t('photo.count', { n: 1 })}: ${phone.t(`state.${state}`)}`;
    await expect(row).toContainText(`${photo('waiting')} · ${phone.t('photo.room')}`);
    await expect(row).toContainText(phone.t('state.received')); // the report is there: its photo alone waits
    await looked(phone, 'photo-room');
    expect(kept(server)).toEqual([]);
    way.meet = undefined;
    await phone.button('out.try').click();
    await expect(phone.rows('state.received')).toContainText(photo('received'));
    await expect(row).toHaveCount(0);
    expect(kept(server)).toHaveLength(1);
    expect(phone.errors).toEqual([]);
  } finally {
    await strike({ server, way, phone });
  }
});
