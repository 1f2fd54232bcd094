// A store that is gone, or that cannot be reached.
import { expect, test, type Page } from '@playwright/test';
import type { Gateway } from './rig/gateway.ts';
import { PIN, type Phone } from './rig/phone.ts';
import type { Server } from './rig/server.ts';
import { stage, strike } from './rig/stage.ts';
import { looked } from './rig/state.ts';

let server: Server;
let way: Gateway;
let phone: Phone;
test.beforeEach(async () => {
  ({ server, way, phone } = await stage());
  await phone.setUp();
});
test.afterEach(() => strike({ server, way, phone }));

/** One note that the server has, one that it has not, and a draft. */
async function threeNotes(): Promise<void> {
  await phone.stop();
  await phone.done();
  await expect(phone.rows('state.received')).toHaveCount(1);
  way.down = true;
  await phone.stop();
  await phone.done();
  await expect(phone.rows('state.waiting')).toHaveCount(1);
  await phone.stop();
  await phone.chip('vehicle.van').check();
  await expect.poll(() => phone.page.evaluate(() => localStorage.getItem('here'))).toContain('"lost":2');
}

/** What a browser does that needs room: what it manages by quota goes, the rest stays. */
const evict = async (page: Page): Promise<void> => {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Storage.clearDataForOrigin', { origin: new URL(page.url()).origin, storageTypes: 'indexeddb,cache_storage,service_workers,file_systems' });
};

test('[DEV-1] [R4] the browser clears the store under the app: it says what is gone and what the server has, and a new code begins anew', async () => {
  await threeNotes();
  await evict(phone.page);
  await phone.chip('color.white').check();
  await expect(phone.banner).toContainText(phone.t('fault.evicted'));
  await expect(phone.banner).toContainText(phone.t('fault.evicted.sum', { there: 1, lost: 2 }));
  // What was being written still stands there to be read.
  await expect(phone.chip('vehicle.van')).toBeChecked();
  await looked(phone, 'fault-evicted');
  await phone.button('done').click();
  await expect(phone.banner).toContainText(phone.t('fault.evicted'));

  way.down = false;
  await phone.banner.getByRole('button').click();
  await expect(phone.says('gone.evicted')).toBeVisible();
  await expect(phone.says('gone.evicted.sum', { there: 1, lost: 2 })).toBeVisible();
  await phone.button('lock.forgot.go').click();
  await phone.page.getByRole('textbox').fill(await server.invite());
  await phone.enrol();
  await expect(phone.says('home.nothing')).toBeVisible();
  // Said once: the next start is a start like any other.
  await phone.page.reload();
  await phone.unlock(PIN);
  expect(phone.errors).toEqual([]);
});

test('[DEV-1] [R4] cleared while the app was closed: the next start says so before it asks for a code', async () => {
  await threeNotes();
  await phone.page.goto('about:blank');
  way.down = false;
  const cdp = await phone.page.context().newCDPSession(phone.page);
  await cdp.send('Storage.clearDataForOrigin', { origin: way.url, storageTypes: 'indexeddb,cache_storage,service_workers' });
  await phone.page.goto(way.url);
  await expect(phone.says('gone.evicted')).toBeVisible();
  await expect(phone.says('gone.evicted.sum', { there: 1, lost: 2 })).toBeVisible();
  await looked(phone, 'gone-evicted');
  await phone.button('lock.help').click();
  await expect(phone.button('call.911')).toBeVisible();
  await phone.button('call.back').click();
  await expect(phone.says('gone.evicted')).toBeVisible();
  expect(phone.errors).toEqual([]);
});

/** Lets the page's connections to its store be lost, and new ones fail while `refuse` holds. */
async function breakable(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const open = IDBFactory.prototype.open;
    const made: IDBDatabase[] = [];
    const store = {
      refuse: false,
      lose: (): void => { for (const db of made.splice(0)) { db.close(); db.dispatchEvent(new Event('close')); } },
    };
    Object.assign(globalThis, { store });
    IDBFactory.prototype.open = function (name: string, version?: number) {
      if (store.refuse) throw new DOMException('Connection to Indexed Database server lost. Refresh the page to try again', 'UnknownError');
      const asked = open.call(this, name, version);
      asked.addEventListener('success', () => made.push(asked.result));
      return asked;
    };
  });
}
type Broken = { store: { refuse: boolean; lose: () => void } };
const lose = (page: Page, refuse: boolean): Promise<void> =>
  page.evaluate((r) => { const { store } = globalThis as unknown as Broken; store.refuse = r; store.lose(); }, refuse);
const mend = (page: Page): Promise<void> => page.evaluate(() => { (globalThis as unknown as Broken).store.refuse = false; });

test('[DEV-1] the connection to the store is lost: a new one is made unnoticed; where none is to be had it is said, and it goes on when there is one', async () => {
  const { page } = phone;
  await breakable(page);
  await page.reload();
  await phone.unlock(PIN);
  await phone.stop();
  await phone.chip('vehicle.van').check();
  await lose(page, false);
  await phone.chip('color.white').check();
  await phone.more('stop.adults');
  await expect(phone.banner).toHaveCount(0);

  await lose(page, true);
  await phone.more('stop.adults');
  await expect(phone.banner).toContainText(phone.t('fault.lost'));
  await looked(phone, 'fault-lost');
  await phone.button('done').click();
  await expect(page.getByRole('heading', { level: 1, name: phone.t('stop.title') })).toBeVisible();
  await expect(phone.banner).toContainText(phone.t('fault.lost.do'));
  await mend(page);
  await phone.more('stop.adults');
  await expect(phone.banner).toHaveCount(0);
  await phone.done();
  await expect(phone.rows('state.received')).toHaveCount(1);

  // At the lock: said, and no PIN is taken for wrong.
  await lose(page, true);
  await phone.button('settings').click();
  await phone.button('set.lockNow').click();
  await expect(phone.says('lock.lost')).toBeVisible();
  await looked(phone, 'lock-lost');
  await mend(page);
  await phone.button('fault.again').click();
  await phone.unlock(PIN);
  await expect(phone.rows('state.received')).toHaveCount(1);
  expect(phone.errors).toEqual([]);
});

test('[DEV-1] [R4] a report that is written is told as written, also where the store cannot be read right after it', async () => {
  way.down = true;
  await phone.stop();
  await phone.chip('vehicle.van').check();
  await phone.page.evaluate(() => {
    let lost = 0;
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args: Parameters<typeof transaction>) {
      if (performance.now() < lost) throw new DOMException('gone for a while', 'UnknownError');
      const tx = transaction.apply(this, args);
      // The report is written together with what others may carry of it.
      const { put } = IDBObjectStore.prototype;
      if (args[1] === 'readwrite') {
        const { objectStore } = tx;
        tx.objectStore = (name) => {
          const store = objectStore.call(tx, name);
          store.put = (...row) => {
            if (name === 'carried') tx.addEventListener('complete', () => { lost = performance.now() + 1_500; });
            return put.apply(store, row);
          };
          return store;
        };
      }
      return tx;
    };
  });
  await phone.button('done').click();
  await expect(phone.page.getByRole('heading', { name: phone.t('state.waiting') })).toBeVisible();
  await phone.button('after.home').click();
  await expect(phone.banner).toContainText(phone.t('fault.lost'));
  await expect(phone.rows('state.waiting')).toHaveCount(1);
  await expect(phone.banner).toHaveCount(0);
  way.down = false;
  await phone.online();
  await expect(phone.rows('state.received')).toHaveCount(1, { timeout: 60_000 });
});
