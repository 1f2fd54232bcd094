// What a large vault costs, and what two tabs do to each other.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Database } from '../database.ts';
import type { Device } from '../device.ts';
import { vaultSealer } from '../sealer.ts';
import type { Store } from '../store.ts';
import type { Vaults } from '../vaults.ts';
import { loseAnswers } from './support/lost.ts';
import { observation, Phone, PIN } from './support/phone.ts';
import { FakeServer, url } from './support/server.ts';

const many = 600;
let phone: Phone;
let first: Device;
let opened = 0; // cells
let held: Promise<void> | undefined; // until then none opens
beforeEach(async () => {
  const server = new FakeServer();
  phone = new Phone({ sleep: async () => undefined });
  server.serve(phone.net);
  first = await phone.enrolled(url, 'invite');
  opened = 0;
  held = undefined;
});

/** The program begun anew, counting the cells that it opens. */
async function again(vaults: Vaults = phone.open({
  sealer: async (key) => {
    const s = await vaultSealer(key);
    return { ...s, open: async (name, sealed) => { await held; opened++; return s.open(name, sealed); } };
  },
})): Promise<Device> {
  return vaults.unlock((await vaults.list())[0]!.id, PIN);
}
const storeOf = (d: Device): Store => (d as unknown as { store: Store }).store;
const save = (d: Device, note: string) => d.create('observations', observation(note));

describe('a vault with many reports', () => {
  test('[DEV-1] they are opened once for all who ask, what is saved meanwhile is on the disk before they are, and is among them', async () => {
    for (let i = 0; i < many; i++) await save(first, `number ${i}`);
    first.lock();
    const d = await again();
    let release = (): void => undefined;
    held = new Promise((r) => { release = r; });
    const read = Promise.all([d.records('observations'), d.outbox(), d.status()]);
    await new Promise((r) => setTimeout(r, 50)); // they are being opened
    await d.keepDraft('a', 'typed meanwhile');
    const { ids } = await save(d, 'saved meanwhile');
    release();
    const [records, outbox, status] = await read;
    // As it was before the save or after it, whole; and who asks now has it all.
    for (const n of [records.length, outbox.length, status.waiting]) expect([many, many + 1]).toContain(n);
    expect((await d.records('observations')).map((r) => r.id)).toContain(ids[0]);
    expect((await d.status()).waiting).toBe(many + 1);
    expect((await d.drafts()).map((x) => x.value)).toEqual(['typed meanwhile']);
    expect(opened).toBeLessThan(many + 20);
  });

  test('[DEV-1] what a screen shows first opens none of them', async () => {
    for (let i = 0; i < 40; i++) await save(first, `number ${i}`);
    await first.keepDraft('a', 'begun');
    first.lock();
    const d = await again();
    await Promise.all([d.status(false), d.drafts(), d.pulled('sites'), d.checklists(), d.setting('duty')]);
    expect(opened).toBeLessThan(10);
    expect((await d.status()).waiting).toBe(40); // the control
    expect(opened).toBeGreaterThan(40);
  });
});

describe('two tabs', () => {
  test('[DEV-1] neither writes over what the other has written since it last read', async () => {
    const other = await again();
    for (let i = 0; i < 3; i++) {
      await save(first, 'one');
      await save(other, 'two');
    }
    await Promise.all([save(first, 'both'), save(other, 'both'), first.keepDraft('a', 1), other.keepDraft('b', 2)]);
    for (const d of [first, other]) {
      expect((await d.outbox()).map((e) => e.n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect((await d.drafts()).map((x) => x.id).sort()).toEqual(['a', 'b']);
    }
  });

  test('[DEV-1] what takes long to write comes to its end beside one that writes at every moment', async () => {
    const other = await again();
    let tries = 0;
    let ended = false;
    const often = (async () => { for (let i = 0; !ended; i++) await first.keepDraft('a', i); })();
    await storeOf(other).write('take long', async (tx) => {
      tries++;
      await new Promise((r) => setTimeout(r, 100));
      tx.put('drafts', 'b', { changed: 1, value: 'long' });
    }).finally(() => { ended = true; });
    await often;
    expect(tries).toBeGreaterThan(1); // the control: they were in each other's way
    expect((await first.drafts()).map((x) => x.id).sort()).toEqual(['a', 'b']);
  });

  test('[DEV-1] who is asked to wait does so however long it takes', async () => {
    const other = await again();
    let skew = 0;
    const { now } = Date;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + skew);
    let tries = 0;
    const written: Promise<void>[] = [];
    await storeOf(other).write('take very long', async (tx) => {
      tries++;
      skew += 20_000;
      written.push(first.keepDraft('a', tries)); // a tap now and then
      await new Promise((r) => setTimeout(r, 50));
      tx.put('drafts', 'b', { changed: 1, value: 'long' });
    });
    await Promise.all(written);
    clock.mockRestore();
    expect(tries).toBeGreaterThan(2); // the control
    expect((await first.drafts()).map((x) => [x.id, x.value]).sort()).toEqual([['a', tries], ['b', 'long']]);
  });

  test('[DEV-1] what reads at length comes to its end beside writes at every moment, of its own tab too', async () => {
    const other = await again();
    for (const writer of [first, other]) {
      let tries = 0;
      let ended = false;
      const often = (async () => { for (let i = 0; !ended; i++) await writer.keepDraft('a', i); })();
      await storeOf(first).read('read at length', async (tx) => {
        tries++;
        for (const group of ['x', 'y', 'z']) {
          await tx.get(group, `${tries}`);
          await new Promise((r) => setTimeout(r, 50));
        }
      }).finally(() => { ended = true; });
      await often;
      expect(tries).toBeGreaterThan(5); // the control: without the lock it was overtaken each time
    }
  });

  test('[DEV-1] a vault that another tab has wiped takes nothing more, and says so', async () => {
    await save(first, 'one');
    await phone.open().wipe(first.vault);
    await expect(first.keepDraft('a', 1)).rejects.toMatchObject({ code: 'vault_gone' });
    await expect(save(first, 'two')).rejects.toMatchObject({ code: 'vault_gone' });
  });
});

describe('a connection that is lost after a write is on the disk, and before that is told', () => {
  afterEach(() => vi.restoreAllMocks());

  test.each(['AbortError', 'UnknownError', 'InvalidStateError', 'DatabaseClosedError'])('[DEV-1] (%s) a save is told as saved, and saved once', async (name) => {
    await first.keepDraft('a', 'begun');
    const lost = await loseAnswers({ name });
    const { n, ids } = await first.create('observations', observation(), { draft: 'a' });
    expect(lost.count).toBe(1); // the control
    expect(n).toBe(1);
    expect((await first.outbox()).map((e) => e.n)).toEqual([1]);
    expect((await first.records('observations')).map((r) => r.id)).toEqual(ids);
    expect(await first.drafts()).toEqual([]);
    expect((await save(first, 'next')).n).toBe(2);
  });

  test.each(['AbortError', 'InvalidStateError'])('[DEV-1] (%s) also when another tab has written since', async (name) => {
    const other = await again();
    const lost = await loseAnswers({ name, before: async () => { await save(other, 'of the other tab'); } });
    const { n } = await save(first, 'one');
    expect(lost.count).toBe(1);
    expect(n).toBe(1);
    expect((await other.outbox()).map((e) => [e.n, e.ops[0]!.fields!.note])).toEqual([[1, 'one'], [2, 'of the other tab']]);
  });

  test('[DEV-1] where nobody can say whether it is on the disk, the same pressed again is the same report', async () => {
    for (const written of [true, false]) {
      await first.keepDraft('a', 'begun');
      const lost = await loseAnswers({ name: 'AbortError', written, silent: 1 });
      const done = () => first.create('observations', observation(`${written}`), { draft: 'a' });
      await expect(done()).rejects.toMatchObject({ code: 'store_lost' });
      expect(lost.count).toBe(1);
      await first.keepDraft('a', 'begun'); // the screen still shows it
      const { n, ids } = await done();
      const entry = (await first.outbox()).at(-1)!;
      expect([n, ids]).toEqual([entry.n, entry.records.map((r) => r.id)]);
      expect(n).toBe(written ? 1 : 2);
      expect(await first.drafts()).toEqual([]);
      vi.restoreAllMocks();
    }
    expect((await first.outbox()).map((e) => e.ops[0]!.fields!.note)).toEqual(['true', 'false']);
    // What is told as saved and then said again is another.
    expect((await first.create('observations', observation('false'), { draft: 'a' })).n).toBe(3);
  });

  test('[DEV-1] a photo is kept once', async () => {
    const lost = await loseAnswers({ name: 'InvalidStateError' });
    const id = await first.keepPhoto('a', { bytes: new Uint8Array([1, 2, 3]), kind: 'place', type: 'image/jpeg' });
    expect(lost.count).toBe(1);
    expect((await first.photos()).map((p) => p.id)).toEqual([id]);
  });

  test('[DEV-3] a vault that ended has ended', async () => {
    for (const name of ['AbortError', 'InvalidStateError']) {
      const d = await phone.enrolled(url, 'invite', name);
      await loseAnswers({ name });
      expect(await storeOf(d).destroy('end', async () => true)).toBe(true);
      vi.restoreAllMocks();
    }
  });

  test.each(['AbortError', 'UnknownError'])('[DEV-1] (%s) what is not on the disk is told as failed, and is not there', async (name) => {
    await first.keepDraft('a', 'begun');
    const lost = await loseAnswers({ name, written: false });
    await expect(first.create('observations', observation(), { draft: 'a' })).rejects.toMatchObject({ code: 'store_lost' });
    expect(lost.count).toBe(1);
    expect(await first.outbox()).toEqual([]);
    expect(await first.drafts()).toHaveLength(1);
    expect((await save(first, 'next')).n).toBe(1);
  });
});

test('[DEV-1] who notices late that the connection was lost does not end the next one, which others work on', async () => {
  const db = new Database(`lost-${Math.random()}`, typeof indexedDB === 'undefined' ? await import('fake-indexeddb') : {});
  await db.open();
  const lost = (): never => { throw new DOMException('it was lost', 'InvalidStateError'); };
  let notice = (): void => undefined;
  let late = 0;
  let tries = 0;
  const other = db.run('late', async () => {
    if (late++ > 0) return;
    await new Promise<void>((r) => { notice = r; });
    lost();
  });
  await db.run('at work', async () => {
    if (tries++ === 0) lost();
    await db.vaults.get('one');
    notice();
    for (let i = 0; i < 10; i++) await null;
    await db.vaults.get('two');
  });
  await other;
  expect([late, tries]).toEqual([2, 2]);
  db.end();
});

test('[DEV-1] a screen that fails at the news of a save makes no failure of it', async () => {
  const said = 'reportError' in globalThis ? vi.spyOn(globalThis, 'reportError') : vi.spyOn(console, 'error');
  said.mockImplementation(() => undefined);
  let heard = 0;
  first.onChange(() => { throw new Error('a fault of the screen'); });
  first.onChange(() => { heard++; });
  expect((await save(first, 'one')).n).toBe(1);
  expect(heard).toBeGreaterThan(0);
  expect(said).toHaveBeenCalled(); // and it is not silent
  said.mockRestore();
});
