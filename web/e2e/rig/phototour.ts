// Photos on every screen that shows them: taken, waiting, on their way, refused,
// gone, and in practice.
import { expect, type Locator } from '@playwright/test';
import type { Gateway } from './gateway.ts';
import type { Phone } from './phone.ts';

/** Told of each screen while it is there; `at` is what of it is to be in sight. */
export type PhotoVisit = (name: string, at?: Locator) => Promise<void>;

/** A van on a lot at night, each time a little further. */
async function van(phone: Phone, n: number): Promise<Buffer> {
  return Buffer.from(await phone.page.evaluate((n) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1600, height: 1200 });
    const on = canvas.getContext('2d')!;
    const fill = (color: string, x: number, y: number, w: number, h: number): void => { on.fillStyle = color; on.fillRect(x, y, w, h); };
    const sky = on.createLinearGradient(0, 0, 0, 1200);
    sky.addColorStop(0, '#0b1420');
    sky.addColorStop(1, '#5a4a2e');
    on.fillStyle = sky;
    on.fillRect(0, 0, 1600, 1200);
    fill('#1d1f22', 0, 800, 1600, 400);
    for (let i = 0; i < 6; i++) fill('#c9b458', 60 + i * 280, 1000, 160, 14);
    const x = 200 + n * 220;
    fill('#cfd4d8', x, 460, 820, 360);
    fill('#202a33', x + 40, 500, 200, 120);
    fill('#d8402c', x + 790, 640, 30, 60);
    for (const w of [150, 640]) { on.fillStyle = '#0a0a0a'; on.beginPath(); on.arc(x + w, 830, 90, 0, 7); on.fill(); }
    for (let i = 0; i < 240_000; i++) fill(`rgb(${(i * 73) % 255} ${(i * 31) % 255} ${(i * 17) % 255} / .35)`, Math.random() * 1600, Math.random() * 1200, 2, 2); // grain: it takes more than one piece
    return canvas.toDataURL('image/jpeg', 0.9).split(',')[1]!;
  }, n), 'base64');
}

/** A night stop whose photos are asked for; gives the part of the screen that does. */
async function begun(phone: Phone): Promise<Locator> {
  await phone.stop();
  await phone.chip('vehicle.van').check();
  const section = phone.page.getByRole('region', { name: phone.t('photo.title') });
  await expect(section).toBeVisible();
  return section;
}

async function take(phone: Phone, kind: 'photo.place' | 'photo.vehicle', n: number): Promise<void> {
  const shown = phone.page.getByRole('region', { name: phone.t('photo.title') }).getByRole('img');
  const before = await shown.count();
  await phone.page.getByLabel(phone.t('photo.take', { kind: phone.t(kind) })).setInputFiles({ name: 'IMG_1.jpg', mimeType: 'image/jpeg', buffer: await van(phone, n) });
  await expect(shown).toHaveCount(before + 1);
}

/** From Home to Home, with a network and where the organization takes photos. */
export async function photoScreens(phone: Phone, way: Gateway, visit: PhotoVisit): Promise<void> {
  const { page } = phone;
  const word = (n: number, state: 'waiting' | 'received' | 'attention'): string => `${phone.t('photo.count', { n })}: ${phone.t(`state.${state}`)}`;
  let section = await begun(phone);
  await visit('photo-none', section);
  await take(phone, 'photo.place', 0);
  await take(phone, 'photo.vehicle', 1);
  await take(phone, 'photo.vehicle', 2);
  await visit('photo-taken', section);
  await page.getByLabel(phone.t('photo.take', { kind: phone.t('photo.place') })).setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') });
  await expect(phone.says('photo.bad')).toBeVisible();
  await visit('photo-bad', section);

  way.down = true;
  await phone.done();
  const row = page.getByRole('main').getByRole('listitem').filter({ hasText: phone.t('photo.count', { n: 3 }) }).first();
  await expect(row).toContainText(word(3, 'waiting'));
  await visit('photo-waiting');
  // Back in the net, which breaks behind the first piece of the first photo.
  let pieces = 0;
  way.meet = (method) => (method === 'PATCH' && ++pieces > 1 ? { status: 502, type: 'text/html', body: 'gone' } : undefined);
  way.down = false;
  await phone.online();
  await expect(row).toContainText(phone.t('photo.part', { n: 1, all: 3, part: 99 }).replace(/99.*/, ''), { timeout: 60_000 });
  await visit('photo-part');
  way.meet = undefined;
  await phone.online();
  await expect(row).toContainText(word(3, 'received'), { timeout: 60_000 });

  // Refused, and gone: the browser has cleared what lay here.
  section = await begun(phone);
  await take(phone, 'photo.vehicle', 1);
  await take(phone, 'photo.vehicle', 2);
  way.down = true;
  await phone.done();
  await page.evaluate(() => new Promise<void>((resolve, reject) => {
    const open = indexedDB.open('notes');
    open.onerror = () => reject(open.error as DOMException);
    open.onsuccess = () => {
      const tx = open.result.transaction(['parcels', 'blobs'], 'readwrite');
      const parcels = tx.objectStore('parcels').getAll();
      parcels.onsuccess = () => {
        const waiting = (parcels.result as { k: string; delivered: number }[]).filter((p) => p.delivered === 0);
        tx.objectStore('blobs').delete(waiting[0]!.k);
      };
      tx.oncomplete = () => { open.result.close(); resolve(); };
    };
  }));
  way.meet = (method) => (method === 'PATCH' ? { status: 422, type: 'application/json', body: JSON.stringify({ status: 422, code: 'photo_has_metadata', message: 'x', hint: 'y', retry: 'never' }) } : undefined);
  way.down = false;
  await phone.online();
  await expect(page.getByRole('main')).toContainText(word(2, 'attention'), { timeout: 60_000 });
  await visit('photo-attention');
  await page.locator('.tally').click();
  await expect(phone.says('photo.why.metadata')).toBeVisible({ timeout: 60_000 });
  await expect(phone.says('photo.why.missing')).toBeVisible();
  await visit('photo-refused', page.getByRole('region', { name: phone.t('photo.attention', { n: 2 }) }));
  way.meet = undefined;
  for (let left = 2; left > 0; left--) {
    await page.getByRole('button', { name: phone.t('photo.drop') }).first().click();
    await expect(page.getByRole('button', { name: phone.t('photo.drop') })).toHaveCount(left - 1);
  }
  await phone.button('back').click();

  await phone.row(phone.t('home.learn')).click();
  await phone.row(phone.t('learn.practice')).click();
  await expect(phone.says('practice')).toBeVisible();
  section = await begun(phone);
  await take(phone, 'photo.vehicle', 1);
  await visit('photo-practice', section);
  await phone.done();
  await expect(phone.rows('state.waiting').first()).toContainText(word(1, 'waiting'));
  await visit('photo-practised');
  await phone.row(phone.t('home.learn')).click();
  await phone.button('practice.stop').click();
  await phone.home();
}

/** The app begun anew and unlocked, in Spanish. */
export async function inSpanish(phone: Phone, way: Gateway): Promise<void> {
  await phone.button('exit').click();
  await phone.page.goto(way.url);
  await phone.spanish();
  await phone.unlock();
}
