// What a large vault costs, and what two tabs do to each other.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Device } from '../device.ts';
import { vaultSealer } from '../sealer.ts';
import type { Store } from '../store.ts';
import type { Vaults } from '../vaults.ts';
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
    const { store } = other as unknown as { store: Store };
    await store.write('take long', async (tx) => {
      tries++;
      await new Promise((r) => setTimeout(r, 100));
      tx.put('drafts', 'b', { changed: 1, value: 'long' });
    }).finally(() => { ended = true; });
    await often;
    expect(tries).toBeGreaterThan(1); // the control: they were in each other's way
    expect((await first.drafts()).map((x) => x.id).sort()).toEqual(['a', 'b']);
  });

  test('[DEV-1] a vault that another tab has wiped takes nothing more, and says so', async () => {
    await save(first, 'one');
    await phone.open().wipe(first.vault);
    await expect(first.keepDraft('a', 1)).rejects.toMatchObject({ code: 'vault_gone' });
    await expect(save(first, 'two')).rejects.toMatchObject({ code: 'vault_gone' });
  });
});
