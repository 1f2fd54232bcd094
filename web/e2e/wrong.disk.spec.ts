// A disk that fills up: the browser's own quota, not a stand-in for it.
import { expect, test } from '@playwright/test';
import { PIN, Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';

/** Something else takes all the room, in ever smaller pieces, until not the smallest has any. How many bytes it took. */
async function fill(): Promise<number> {
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const asked = indexedDB.open('filler', 1);
    asked.onupgradeneeded = () => void asked.result.createObjectStore('bytes', { autoIncrement: true });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  db.onversionchange = () => db.close();
  let taken = 0;
  for (const piece of [1_048_576, 262_144, 32_768, 4_096, 256]) {
    for (let refused = 0; refused < 3;) {
      const put = await new Promise<boolean>((resolve) => {
        const tx = db.transaction('bytes', 'readwrite', { durability: 'strict' });
        tx.oncomplete = () => resolve(true);
        tx.onabort = () => resolve(false);
        tx.objectStore('bytes').add(new Uint8Array(piece));
      });
      if (put) taken += piece;
      else refused++;
    }
  }
  return taken;
}

test('[DEV-1] almost full is said in time; full, the last tap is not saved and says so; with room again all goes on', async () => {
  const server = await Server.start();
  const phone = new Phone(server.url);
  // Chromium tells pages of ten gigabytes, whatever there is. Others tell what there is, and so does this one here.
  phone.browser.flags.push('--disable-features=PredictableReportedQuota,StaticStorageQuota');
  await phone.on(`/#invite=${await server.invite()}`);
  try {
    const { page } = phone;
    await phone.setUp();
    const cdp = await page.context().newCDPSession(page);
    const quota = async (left: number): Promise<void> => {
      const { usage = 0 } = await page.evaluate(() => navigator.storage.estimate());
      await cdp.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: usage + left });
    };
    const last = page.getByRole('textbox', { name: phone.t('stop.plate.end') });

    await phone.stop();
    await quota(5 * 1_048_576);
    await phone.chip('vehicle.van').check();
    await expect(phone.banner).toContainText(phone.t('fault.full'));
    await looked(phone, 'fault-full');

    expect(await page.evaluate(fill)).toBeGreaterThan(1_048_576);
    await last.fill('7Q4');
    await expect(phone.banner).toContainText(phone.t('fault.room'));
    await expect(phone.banner).toContainText(phone.t('fault.room.do'));
    await looked(phone, 'fault-room');
    await phone.button('done').click();
    await expect(phone.banner).toContainText(phone.t('fault.room'));
    await expect(page.getByRole('heading', { level: 1, name: phone.t('stop.title') })).toBeVisible();
    // Whoever knows the PIN gets in on a full disk too, to what was saved before.
    await phone.button('back').click();
    await phone.button('settings').click();
    await phone.button('set.lockNow').click();
    await phone.unlock(PIN);
    await phone.rows('state.saved').getByRole('button').click();
    await expect(phone.chip('vehicle.van')).toBeChecked();
    await expect(last).toHaveValue('');

    await page.evaluate(() => new Promise((resolve, reject) => {
      const gone = indexedDB.deleteDatabase('filler');
      gone.onsuccess = resolve;
      gone.onerror = reject;
    }));
    await quota(100 * 1_048_576);
    await last.fill('7Q4');
    await expect(phone.banner).toHaveCount(0);
    await phone.done();
    await expect(phone.rows('state.received')).toHaveCount(1);
    // And what stopped for want of room goes on by itself.
    await phone.stop();
    await phone.more('stop.kits');
    await phone.done();
    await expect(phone.rows('state.received')).toHaveCount(2);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
