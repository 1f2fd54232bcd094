import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Device } from '../device.ts';
import { AutoLock } from '../autolock.ts';
import { Database } from '../database.ts';
import { deriveKey, LEAST, measure } from '../kdf.ts';
import { openSealed } from '../seal.ts';
import type { Sealer } from '../sealer.ts';
import { UnlockError, strength } from '../vaults.ts';
import { fromBase64url, text, utf8 } from '../wire/bytes.ts';
import { sealedAAD } from '../wire/sealed.ts';
import { loseAnswers } from './support/lost.ts';
import { cut, observation, Phone, PIN } from './support/phone.ts';
import { FakeServer, scalar, sealKey, url } from './support/server.ts';

const canary = 'kestrel-9f2c-quartz';

let server: FakeServer;
let phone: Phone;
let a: Device;
beforeEach(async () => {
  server = new FakeServer();
  phone = new Phone({ sleep: async () => undefined });
  server.serve(phone.net);
  a = await phone.enrolled(url, 'invite', 'A');
});

/** Everything that lies in the database, as text of each kind in which a canary could show. */
async function everything(name = phone.name): Promise<string> {
  const options = typeof indexedDB === 'undefined' ? await import('fake-indexeddb').then(({ indexedDB, IDBKeyRange }) => ({ indexedDB, IDBKeyRange })) : {};
  const db = new Database(name, options);
  await db.open();
  const parts: string[] = [];
  const walk = (v: unknown): void => {
    if (typeof v === 'string') parts.push(v);
    else if (v instanceof Uint8Array) parts.push(Array.from(v, (b) => String.fromCharCode(b)).join(''));
    else if (typeof v === 'object' && v !== null) for (const [k, x] of Object.entries(v)) { parts.push(k); walk(x); }
  };
  for (const table of db.tables) for (const row of await table.toArray()) walk(row);
  db.close();
  return parts.join('\n');
}

describe('what lies on the disk', () => {
  test('[R10] nothing that a person wrote, drafted, set or pulled can be read without the secret, nor the names of what it is', async () => {
    server.put('sites', 'site00000000001', { id: 'site00000000001', name: `${canary} truck stop` });
    await a.sync();
    await a.keepDraft(`${canary}-draft`, { note: canary });
    await a.set('hint', canary);
    await a.create('observations', observation(canary));
    expect((await a.records('sites'))[0]?.fields.name).toContain(canary);
    const disk = await everything();
    for (const word of [canary, 'observations', 'sites', 'outbox', 'draft', 'site00000000001', 'http', server.devices.values().next().value!.token]) {
      expect(disk.includes(word), word).toBe(false);
    }
    expect(disk.length).toBeGreaterThan(2000);
  });

  test('[R10] the same look finds it all in a store that is not sealed', async () => {
    const open = new Phone({
      sealer: async (): Promise<Sealer> => ({ name: (t) => t, seal: async (_, t) => utf8(t), open: async (_, b) => text(b), close: () => undefined }),
    });
    server.serve(open.net);
    const d = await open.enrolled(url, 'invite');
    await d.create('observations', observation(canary));
    const disk = await everything(open.name);
    expect(disk).toContain(canary);
    expect(disk).toContain('outbox');
  });

  test('[R10] cells cannot be changed for each other', async () => {
    await a.keepDraft('one', { note: 'first' });
    await a.keepDraft('two', { note: 'second' });
    const options = typeof indexedDB === 'undefined' ? await import('fake-indexeddb').then(({ indexedDB, IDBKeyRange }) => ({ indexedDB, IDBKeyRange })) : {};
    const db = new Database(phone.name, options);
    await db.open();
    const cells = await db.cells.toArray();
    const g = [...new Set(cells.map((c) => c.g))].find((x) => cells.filter((c) => c.g === x).length === 2)!;
    const [x, y] = cells.filter((c) => c.g === g);
    await db.cells.bulkPut([{ ...x!, c: y!.c }, { ...y!, c: x!.c }]);
    db.close();
    const again = await phone.open().unlock(a.vault, PIN);
    await expect(again.drafts()).rejects.toMatchObject({ kind: 'store', code: 'store_damaged' });
  });

  test('[SEALED] what is carried opens for the installation alone, with what was saved in it', async () => {
    const saved = await a.create('observations', observation(canary));
    const [file] = await phone.vaults.carriedFiles();
    const { device, mutations } = JSON.parse(file!);
    expect(mutations).toHaveLength(1);
    const opened = await openSealed(fromBase64url(scalar), mutations[0].sealed, sealedAAD(device, saved.n, saved.stamp));
    expect(JSON.parse(text(opened)).ops[0].fields.note).toBe(canary);
    expect(file).not.toContain(canary);
    expect(sealKey).not.toContain(scalar);
  });
});

describe('the secret', () => {
  test('[R10] a wrong one opens nothing, and the right one does', async () => {
    await a.create('observations', observation());
    a.lock();
    await expect(phone.vaults.unlock(a.vault, '0000')).rejects.toMatchObject({ code: 'wrong_secret', triesLeft: 9 });
    const again = await phone.vaults.unlock(a.vault, PIN);
    expect(await again.records('observations')).toHaveLength(1);
    expect((await phone.vaults.list())[0]).toMatchObject({ label: 'A', triesLeft: 10 });
  });

  test('[R10] a try is counted before it is made, and after three there is a rest between them', async () => {
    for (let i = 0; i < 3; i++) await expect(phone.vaults.unlock(a.vault, '0000')).rejects.toMatchObject({ code: 'wrong_secret' });
    await expect(phone.vaults.unlock(a.vault, PIN)).rejects.toMatchObject({ code: 'try_later', triesLeft: 7 });
    phone.skew = 6_000;
    await expect(phone.vaults.unlock(a.vault, '0000')).rejects.toMatchObject({ code: 'wrong_secret', triesLeft: 6 });
    phone.skew = 0; // a clock that is set back does not lock anybody out
    phone.skew = 30_000;
    await phone.vaults.unlock(a.vault, PIN);
  });

  test('[R10] a try whose count was on the disk when the connection was lost is counted once', async () => {
    for (let i = 0; i < 2; i++) await expect(phone.vaults.unlock(a.vault, '0000')).rejects.toMatchObject({ code: 'wrong_secret' });
    const lost = await loseAnswers({ name: 'InvalidStateError', of: 'vaults' });
    await expect(phone.vaults.unlock(a.vault, '0000')).rejects.toMatchObject({ code: 'wrong_secret', triesLeft: 7 });
    expect(lost.count).toBe(1);
    vi.restoreAllMocks();
    expect((await phone.vaults.list())[0]!.triesLeft).toBe(7);
  });

  test('[R10] [DEV-3] after the last wrong try the vault is gone, and what was not handed in is left as a recovery file', async () => {
    await a.create('observations', observation('handed in'));
    await a.sync();
    await a.create('observations', observation(canary));
    a.lock();
    let last: unknown;
    for (let i = 0; i < 10; i++) {
      phone.skew += 3_600_000;
      last = await phone.vaults.unlock(a.vault, '0000').catch((err: unknown) => err);
    }
    expect(last).toBeInstanceOf(UnlockError);
    expect(last).toMatchObject({ code: 'vault_wiped', triesLeft: 0 });
    expect(await phone.vaults.list()).toEqual([]);
    await expect(phone.vaults.unlock(a.vault, PIN)).rejects.toMatchObject({ code: 'unknown_vault' });
    const files = await phone.vaults.carriedFiles();
    expect(files).toHaveLength(1);
    expect(JSON.parse(files[0]!).mutations[0].n).toBe(2);
    // A coordinator's code makes a new vault, and the old one's report goes up through it.
    const b = await phone.enrolled(url, 'another', 'A again', '8888');
    const report = await b.sync();
    expect(report.carried).toEqual({ delivered: 1, left: 0 });
    expect(server.recoveries).toHaveLength(1);
    expect(await phone.vaults.carriedFiles()).toEqual([]);
  });

  test('[R10] another secret opens the same vault, and the old one no more', async () => {
    await a.create('observations', observation());
    await phone.vaults.changeSecret(a.vault, PIN, 'a much longer passphrase');
    await expect(phone.vaults.unlock(a.vault, PIN)).rejects.toMatchObject({ code: 'wrong_secret' });
    const again = await phone.vaults.unlock(a.vault, 'a much longer passphrase');
    expect(await again.records('observations')).toHaveLength(1);
    expect(await a.records('observations')).toHaveLength(1); // nothing was sealed anew
    await expect(phone.vaults.create('123')).rejects.toMatchObject({ code: 'short_secret' });
  });

  test('[R10] the parameters of Argon2id are measured, and never below the least', async () => {
    const found = await measure();
    expect(found.memory).toBeGreaterThanOrEqual(LEAST.memory);
    expect(found.iterations).toBeGreaterThanOrEqual(LEAST.iterations);
    const salt = new Uint8Array(16);
    const began = performance.now();
    await deriveKey(PIN, { name: 'argon2id', parallelism: 1, salt, ...found });
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('[R10] what a secret holds up against is told by its length', () => {
    expect(['4711', '12345', '123456', 'otter', 'kestrel', 'four plain words here'].map(strength))
      .toEqual(['short_pin', 'short_pin', 'long_pin', 'short_pin', 'long_pin', 'passphrase']);
  });
});

describe('locking', () => {
  test('[R10] a locked device gives nothing, and what was under way ends', async () => {
    await a.create('observations', observation());
    phone.net.meet = () => new Promise(() => undefined);
    const sync = a.sync();
    const keep = a.keep();
    a.lock();
    await expect(sync).rejects.toMatchObject({ kind: 'locked', code: 'vault_locked' });
    await keep;
    for (const call of [(): Promise<unknown> => a.records('observations'), () => a.create('observations', observation()), () => a.status(), () => a.outbox()]) {
      await expect(Promise.resolve().then<unknown>(call)).rejects.toMatchObject({ code: 'vault_locked' });
    }
  });

  test('[R10] after a time without a touch the device locks; a touch that comes too late does not save it', () => {
    let now = 0;
    const elapsed = (): number => now;
    const lock = vi.spyOn(a, 'lock');
    const auto = new AutoLock(a, { after: 60_000, elapsed });
    now = 59_000;
    expect(auto.touch()).toBe(true);
    now = 118_000;
    expect(auto.check()).toBe(true);
    now = 119_001; // the timer slept with the phone
    expect(auto.touch()).toBe(false);
    expect(lock).toHaveBeenCalledOnce();
  });

  test('[R10] it locks by itself', async () => {
    const auto = new AutoLock(a, { after: 300 });
    await new Promise((resolve) => { a.locked.addEventListener('abort', resolve); });
    auto.stop();
    await expect(Promise.resolve().then(() => a.status())).rejects.toMatchObject({ code: 'vault_locked' });
  });
});

describe('several people on one device', () => {
  test('[R12] each has a vault of one\'s own, and sees nothing of the other', async () => {
    const b = await phone.enrolled(url, 'other', 'B', '2222');
    await a.create('observations', observation(canary));
    expect(await b.records('observations')).toEqual([]);
    expect((await b.status()).waiting).toBe(0);
    expect((await b.status()).device).not.toBe((await a.status()).device);
    expect((await phone.vaults.list()).map((v) => v.label)).toEqual(['A', 'B']);
    await expect(phone.vaults.unlock(a.vault, '2222')).rejects.toMatchObject({ code: 'wrong_secret' });
  });

  test('[R12] [RECOVERY] what a locked person saved goes up through whoever is signed in, once, and its own device is answered from the receipt', async () => {
    phone.net.meet = cut;
    await a.create('observations', observation(canary));
    await a.create('observations', observation('second'));
    a.lock();
    server.serve(phone.net);
    const b = await phone.enrolled(url, 'other', 'B', '2222');
    const held = async (v: { id: string }) => (await phone.vaults.carriedFiles(v.id)).flatMap((f) => f.trim().split('\n')).length;
    expect(await Promise.all((await phone.vaults.list()).map(async (v) => [v.label, await held(v)]))).toEqual([['A', 2], ['B', 0]]);
    expect((await b.sync()).carried).toEqual({ delivered: 2, left: 0 });
    expect(server.recoveries.map((r) => r.n)).toEqual([1, 2]);
    expect((await b.sync()).carried).toEqual({ delivered: 0, left: 0 });
    a = await phone.vaults.unlock(a.vault, PIN);
    expect((await a.status()).waiting).toBe(2); // nothing was noted in the locked vault
    const { verdicts } = await a.push();
    expect(verdicts.map((v) => [v.verdict, v.replayed])).toEqual([['applied', true], ['applied', true]]);
    expect((await a.status()).received).toBe(2);
  });

  test('[R12] [DEV-4] a file that the server does not take keeps no other back, and is tried again later', async () => {
    await a.create('observations', observation());
    const c = await phone.enrolled(url, 'third', 'C', '3333');
    await c.create('observations', observation());
    const b = await phone.enrolled(url, 'other', 'B', '2222');
    const unknown = (await a.status()).device;
    const known = server.devices.get(unknown)!;
    server.devices.delete(unknown); // restored to before it knew A
    expect((await b.sync()).carried).toEqual({ delivered: 1, left: 1 });
    expect((await b.sync()).carried).toEqual({ delivered: 0, left: 0 }); // not at once again
    server.devices.set(unknown, known);
    phone.skew = 120_000;
    expect((await b.sync()).carried).toEqual({ delivered: 1, left: 0 });
  });

  test('[R12] [EPOCH-3] after a rewind what was carried goes up once more', async () => {
    await a.create('observations', observation());
    a.lock();
    const b = await phone.enrolled(url, 'other', 'B', '2222');
    await b.sync();
    server.receipts.clear();
    server.rewound.add((await b.status()).device);
    expect((await b.sync()).carried.delivered).toBe(1);
  });

  test('[R12] what lies beside a vault is let go of when the server holds it for good', async () => {
    await a.create('observations', observation());
    await a.sync();
    a.lock();
    const b = await phone.enrolled(url, 'other', 'B', '2222');
    expect((await b.sync()).carried).toEqual({ delivered: 0, left: 0 }); // its own device had the verdict
    expect(server.recoveries).toEqual([]);
    a = await phone.vaults.unlock(a.vault, PIN);
    server.durableSeq = server.seq;
    await a.sync();
    expect((await a.outbox()).map((e) => [e.phase, e.ops])).toEqual([['settled', []]]);
    server.rewound.add((await b.status()).device);
    await b.sync();
    expect(server.recoveries).toEqual([]); // there is nothing left of it to carry
  });

  test('[SEALED] what staff save goes out sealed, and stays readable here', async () => {
    server.role = 'staff';
    const s = await phone.enrolled(url, 'staff', 'S', '5555');
    await s.create('observations', observation(canary));
    await s.push();
    const [sent] = server.pushes.at(-1)!;
    expect(sent!.sealed).not.toBe('');
    expect(JSON.stringify(sent!.whole)).not.toContain(canary);
    server.durableSeq = server.seq;
    await s.sync();
    expect((await s.outbox())[0]).toMatchObject({ phase: 'settled', sealed: true });
    expect((await s.records('observations')).find((r) => r.n === 1)?.fields.note ?? (await s.outbox())[0]!.ops[0]!.fields!.note).toBe(canary);
  });
});
