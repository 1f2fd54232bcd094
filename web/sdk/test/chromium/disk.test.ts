// What only a real browser shows: its quota, its database under real load, and
// that its locks and channels do what the tests in memory take for granted.
import { cdp } from 'vitest/browser';
import { afterEach, expect, test } from 'vitest';
import { observation, Phone, PIN } from '../support/phone.ts';
import { FakeServer, url } from '../support/server.ts';

const session = cdp() as unknown as { send(method: string, params: object): Promise<unknown> };

/** A part of the browser's storage with a size of its own. */
interface Buckets { open(name: string, options: { quota: number }): Promise<{ indexedDB: IDBFactory }>; delete(name: string): Promise<void> }
const buckets = (navigator as unknown as { storageBuckets: Buckets }).storageBuckets;

afterEach(() => buckets.delete('small'));

test('[DEV-1] [DEV-5] a full disk is said, harms nothing that was saved earlier, and what was saved still goes out', async () => {
  const { indexedDB } = await buckets.open('small', { quota: 1_000_000 });
  const server = new FakeServer();
  const phone = new Phone({ indexedDB: { indexedDB, IDBKeyRange } });
  server.serve(phone.net);
  const d = await phone.enrolled(url, 'invite');
  await d.create('observations', observation('before'));
  let failed: unknown;
  for (let i = 0; i < 40 && !failed; i++) {
    failed = await d.create('observations', observation('x'.repeat(100_000))).then(() => undefined, (err: unknown) => err);
  }
  expect(failed).toMatchObject({ kind: 'disk', code: 'store_unwritable' });
  await expect(d.keepDraft('d', { note: 'x'.repeat(2_000_000) })).rejects.toMatchObject({ kind: 'disk' });
  const saved = (await d.outbox()).length;
  // Whoever has the secret gets in all the same, and whoever has not does not.
  const vaults = phone.open({ indexedDB: { indexedDB, IDBKeyRange } });
  for (let i = 0; i < 2; i++) await expect(vaults.unlock(d.vault, '0000')).rejects.toMatchObject({ code: 'wrong_secret', triesLeft: 9 - i });
  const again = await vaults.unlock(d.vault, PIN);
  const entries = await again.outbox();
  expect(entries.map((e) => e.n)).toEqual(Array.from({ length: saved }, (_, i) => i + 1)); // no n was lost with what failed
  expect(entries[0]!.ops[0]!.fields!.note).toBe('before');
  await again.push().catch(() => undefined); // it may not be possible to note it
  expect(server.records.size).toBe(saved);
  expect((await again.outbox()).some((e) => e.phase === 'parked')).toBe(false);
});

test('[DEV-2] the locks are the browser\'s: they are seen from outside while one sends', async () => {
  const server = new FakeServer();
  const phone = new Phone();
  server.serve(phone.net);
  const d = await phone.enrolled(url, 'invite');
  await d.create('observations', observation());
  let during: string[] = [];
  phone.net.meet = async (at, init) => {
    if (at.endsWith('/push')) during = ((await navigator.locks.query()).held ?? []).map((l) => l.name!);
    return server.answer(at, init);
  };
  await d.push();
  expect(during).toContain(`${phone.name}/${d.vault}/send`);
  expect(((await navigator.locks.query()).held ?? []).map((l) => l.name)).not.toContain(`${phone.name}/${d.vault}/send`);
});

test('[DEV-1] a store that a newer program has changed is left as it is, and that is said', async () => {
  const phone = new Phone();
  const server = new FakeServer();
  server.serve(phone.net);
  const d = await phone.enrolled(url, 'invite');
  await d.create('observations', observation('before'));
  // Another tab with a newer program asks to take over: the connection is closed under us.
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const open = indexedDB.open(phone.name);
    open.onsuccess = () => resolve(open.result);
    open.onerror = () => reject(open.error);
  });
  const { version } = db;
  db.close();
  const newer = indexedDB.open(phone.name, version + 1);
  await new Promise((resolve, reject) => {
    newer.onsuccess = () => { newer.result.close(); resolve(undefined); };
    newer.onerror = () => reject(newer.error);
  });
  await expect(d.create('observations', observation('after'))).rejects.toMatchObject({ kind: 'store', code: 'store_newer' });
});

test('[DEV-1] storage that the browser has cleared is said, and not taken for an empty vault', async () => {
  const phone = new Phone();
  const server = new FakeServer();
  server.serve(phone.net);
  const d = await phone.enrolled(url, 'invite');
  await d.create('observations', observation('before'));
  await session.send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb' });
  await expect(d.records('observations')).rejects.toMatchObject({ code: 'vault_gone' });
  await expect(d.create('observations', observation('after'))).rejects.toMatchObject({ code: 'vault_gone' });
  expect(await phone.vaults.list()).toEqual([]);
});
