// The device against the real program: what the protocol's two ends must agree
// on, put to the end that is not this library's.
import { cp, rm } from 'node:fs/promises';
import { IDBKeyRange, indexedDB } from 'fake-indexeddb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Database } from '../../database.ts';
import type { Table } from '../../tables.ts';
import { newest } from '../../checklist/checklists.ts';
import { parseInvite } from '../../enroll.ts';
import { observation, Phone, PIN } from '../support/phone.ts';
import { Installation } from './installation.ts';

let server: Installation;
beforeAll(async () => { server = await Installation.start(); });
afterAll(() => server.stop());

const worker = async (phone = new Phone()) => phone.enrolled(server.url, await server.invite());
const coordinator = async (phone = new Phone()) => phone.enrolled(server.url, await server.invite('coordinator'));

/** The same store twice: a restored backup of a phone, a copied profile. */
async function copy(from: Phone): Promise<Phone> {
  const to = new Phone();
  const options = { indexedDB, IDBKeyRange };
  const [a, b] = [new Database(from.name, options), new Database(to.name, options)];
  await Promise.all([a.open(), b.open()]);
  for (const [i, table] of a.tables.entries()) await (b.tables[i] as Table<object>).bulkPut(await table.toArray());
  a.close();
  b.close();
  return to;
}

describe('the real server', () => {
  test('[PULL-8] the digests of a view are the server\'s, for a worker and for a coordinator', async () => {
    const w = await worker();
    for (let i = 0; i < 12; i++) await w.create('observations', observation(`number ${i}`));
    await w.sync();
    expect((await w.check()).check).toMatchObject({ agrees: true, resets: 0 });
    const c = await coordinator();
    await c.sync();
    expect(await c.collections()).toContain('triage');
    expect((await c.check()).check).toMatchObject({ agrees: true, resets: 0 });
  });

  test('[CONTENT] the checklists come, in both languages, and the newest of each in the person\'s', async () => {
    const w = await worker();
    await w.sync();
    const all = await w.checklists('es');
    const one = newest(all);
    expect(one.length).toBeGreaterThan(5);
    expect(new Set(one.map((c) => c.key)).size).toBe(one.length);
    expect(one.filter((c) => c.locale === 'es').length).toBeGreaterThan(5);
    expect(one[0]!.items[0]!.text).not.toBe('');
  });

  test('[DEV-3] a report that the server refuses needs attention, and its corrected copy arrives', async () => {
    const w = await worker();
    await w.create('observations', { ...observation(), indicators: [{ indicator: 'no.such', basis: 'saw' }] });
    await w.sync();
    const [parked] = await w.outbox('parked');
    expect(parked).toMatchObject({ code: 'invalid', word: 'attention' });
    await w.correct(parked!.n, [{ ...parked!.ops[0]!, fields: observation('put right') }]);
    await w.sync();
    expect((await w.outbox()).map((e) => e.phase)).toEqual(['corrected', 'acknowledged']);
  });

  test('[LIVE-1] a coordinator who keeps up sees a report soon after it was sent, by the stream and by held pulls', async () => {
    const w = await worker();
    for (const stream of [true, false]) {
      const c = await coordinator(new Phone({ stream }));
      await c.sync();
      const keeping = c.keep();
      await expect.poll(async () => (await c.status()).activity, { timeout: 15_000 }).toBe(stream ? 'live' : 'polling');
      const { ids } = await w.create('observations', observation(`live ${stream}`));
      await w.push();
      const began = Date.now();
      await expect.poll(async () => (await c.record('observations', ids[0]!))?.fields.note, { timeout: 10_000, interval: 50 }).toBe(`live ${stream}`);
      expect(Date.now() - began).toBeLessThan(8_000); // a safety pull would come at 20 s
      c.lock();
      await keeping;
    }
  });

  test('[R4] a report is seen when a coordinator has opened it', async () => {
    const w = await worker();
    const { ids } = await w.create('observations', observation());
    await w.sync();
    const c = await coordinator();
    await c.sync();
    expect((await w.records('observations'))[0]!.word).toBe('received');
    const triage = (await c.records('triage')).find((t) => t.fields.observation === ids[0])!;
    await c.update('triage', triage.id, { opened: true });
    await c.sync();
    await w.sync();
    expect((await w.records('observations'))[0]!.word).toBe('seen');
  });

  test('[SEALED] [R12] what staff saved on a shared tablet goes up through the next person, and neither hears of the other', async () => {
    const tablet = new Phone();
    const staff = ['staff', 'The Cedar Inn', '--site', 'The Cedar Inn', '--served-by', 'Night Outreach'];
    const s = await tablet.enrolled(server.url, await server.invite(staff[0], staff[1], ...staff.slice(2)), 'M.');
    await s.sync();
    const list = newest(await s.checklists('en')).find((c) => c.key.startsWith('hotel'))!;
    const item = list.items[0]!.id;
    await s.create('submissions', { checklist: list.id, version: list.version, event_time: '2026-01-11T04:55:00.000Z', answers: { [item]: 'yes' }, basis: { [item]: 'saw' } });
    s.lock();
    const next = await tablet.enrolled(server.url, await server.invite(), 'R.', '2222');
    expect((await next.sync()).carried).toEqual({ delivered: 1, left: 0 });
    expect(await next.records('submissions')).toEqual([]);
    const again = await tablet.vaults.unlock(s.vault, PIN);
    const { push } = await again.sync();
    expect(push.verdicts.map((v) => [v.verdict, v.replayed])).toEqual([['applied', true]]);
    expect((await again.records('submissions')).map((r) => r.word)).toEqual(['received']);
  });

  test('[RECOVERY] a phone that cannot get through gives a file, and another one hands it in', async () => {
    const w = await worker();
    for (let i = 0; i < 3; i++) await w.create('observations', observation(`carried ${i}`));
    const { file } = await w.exportRecovery();
    const carrier = await worker();
    expect((await carrier.deliverRecovery(file)).verdicts.map((v) => v.verdict)).toEqual(['applied', 'applied', 'applied']);
    const { push } = await w.sync();
    expect(push.verdicts.every((v) => v.replayed)).toBe(true);
    expect((await w.records('observations')).map((r) => r.word)).toEqual(['received', 'received', 'received']);
  });

  test('[PUSH-3] of two copies of a phone the second goes on under a name of its own, and nothing is there twice', async () => {
    const phone = new Phone();
    const w = await worker(phone);
    await w.create('observations', observation('before'));
    await w.sync();
    const twin = await copy(phone);
    const t = await twin.vaults.unlock(w.vault, PIN);
    await w.create('observations', observation('of the one'));
    await t.create('observations', observation('of the other'));
    await w.sync();
    const { push } = await t.sync();
    expect(push.forked).toBe(true);
    expect((await t.status()).lineage).toEqual([(await w.status()).device]);
    await w.sync();
    const notes = (await w.records('observations')).map((r) => r.fields.note).sort();
    expect(notes).toEqual(['before', 'of the one', 'of the other']);
    expect((await t.check()).check).toMatchObject({ agrees: true });
  });

  test('[ENROL-1] enrolling twice is one person; the id of a device that is known is no other\'s', async () => {
    const phone = new Phone();
    const w = await worker(phone);
    const again = await w.enroll(server.url, await server.invite(), 'again');
    expect(again.id).toBe((await w.status()).person!.id);
    await expect(w.enroll(server.url, 'no such invite', 'x')).rejects.toMatchObject({ kind: 'refused' });
    expect(await w.status()).toMatchObject({ enrolled: true, belonging: { organization: { name: 'Night Outreach' } } });
  });
});

describe('a server that stumbles', () => {
  test('[PUSH-2] killed in the middle of pushes, it has everything once in the end', async () => {
    const own = await Installation.start('killed');
    try {
      const w = await new Phone().enrolled(own.url, await own.invite());
      for (let i = 0; i < 30; i++) await w.create('observations', observation(`number ${i}`));
      const { port } = own;
      for (let i = 0; i < 3; i++) {
        const push = w.push().catch((err: unknown) => err);
        await new Promise((resolve) => { setTimeout(resolve, 15 * i); });
        await own.stop('SIGKILL');
        await push;
        await own.start(port);
        await w.create('observations', observation(`after ${i}`));
      }
      await w.sync();
      expect((await w.status()).received).toBe(33);
      expect(await w.records('observations')).toHaveLength(33);
      expect((await w.check()).check).toMatchObject({ agrees: true });
    } finally {
      await own.stop();
    }
  });

  test('[EPOCH-1] [EPOCH-3] put back into its own past, it gets again what it lost, once', async () => {
    const own = await Installation.start('rewound');
    try {
      const w = await new Phone().enrolled(own.url, await own.invite());
      const other = await new Phone().enrolled(own.url, await own.invite());
      await w.create('observations', observation('before'));
      await w.sync();
      const { port } = own;
      await own.stop();
      await cp(own.dir, `${own.dir}-snapshot`, { recursive: true, preserveTimestamps: true });
      await own.start(port);
      for (let i = 0; i < 5; i++) await w.create('observations', observation(`lost ${i}`));
      await w.sync();
      await own.stop();
      await rm(own.dir, { recursive: true });
      await cp(`${own.dir}-snapshot`, own.dir, { recursive: true, preserveTimestamps: true });
      await own.start(port);
      await other.create('observations', observation('grown past the cursor'));
      for (let i = 0; i < 5; i++) await other.create('observations', observation(`grown ${i}`));
      await other.sync();
      await w.create('observations', observation('new'));
      const report = await w.sync();
      expect(report.push.rewound || report.pull.rewound).toBe(true);
      expect((await w.records('observations')).map((r) => r.fields.note).sort())
        .toEqual(['before', 'lost 0', 'lost 1', 'lost 2', 'lost 3', 'lost 4', 'new']);
      expect((await w.status()).received).toBe(7);
      expect((await w.status()).rewound).toMatchObject({ notes: 6 }); // for the screen to say: all but the new one went up before
      expect((await w.check()).check).toMatchObject({ agrees: true });
    } finally {
      await own.stop();
    }
  });
});

describe('a device that is told to wipe itself', () => {
  test('[DEV-3] hands everything in first, and then nothing of it is left', async () => {
    const phone = new Phone();
    const w = await worker(phone);
    await w.create('observations', observation('sent before'));
    await w.sync();
    // Put off by the server for thirty days: it has no verdict that stands.
    await w.create('addenda', { observation: w.newID(), text: 'to a report that nobody has sent' });
    await w.create('observations', observation('saved since'));
    const { device: id } = await w.status();
    await server.command('devices', 'wipe', id, '--reason', 'left behind on a bus');
    await expect(w.sync()).rejects.toMatchObject({ kind: 'wiped', code: 'wiped' });
    await expect(Promise.resolve().then(() => w.records('observations'))).rejects.toMatchObject({ code: 'wiped' });
    expect(await phone.vaults.list()).toEqual([]);
    expect(await phone.vaults.carriedFiles()).toEqual([]);
    const c = await coordinator();
    await c.sync();
    const notes = (await c.records('observations')).map((r) => r.fields.note);
    expect(notes).toContain('saved since');
    const shown = await server.command<string>('devices', 'leftovers');
    expect(shown).not.toBe('');
  });

  test('[DEV-3] that cannot reach the server keeps everything', async () => {
    const phone = new Phone();
    const w = await worker(phone);
    await w.sync();
    await w.create('observations', observation('kept'));
    const { device: id } = await w.status();
    await server.command('devices', 'wipe', id, '--reason', 'left behind on a bus');
    phone.net.meet = (url) => { if (url.endsWith('/wipe')) throw new TypeError('cut'); return undefined; };
    await expect(w.sync()).rejects.toMatchObject({ kind: 'offline' });
    expect(await w.records('observations')).toHaveLength(1);
    phone.net.meet = undefined;
    await expect(w.sync()).rejects.toMatchObject({ kind: 'wiped' });
    expect(await phone.vaults.list()).toEqual([]);
  });
});

test('[ENROL-2] what an invite would give is shown before anything is used up', async () => {
  const w = await new Phone().vaults.create(PIN);
  const invite = await server.invite();
  expect(await w.look(server.url, invite)).toMatchObject({ role: 'worker', organization: { name: 'Night Outreach' } });
  await expect(w.look(server.url, 'no such invite')).rejects.toMatchObject({ kind: 'refused', code: 'invite_invalid' });
  expect(parseInvite(`  ${server.url}/#invite=ABC  `)).toEqual({ address: server.url, code: 'ABC' });
  expect(parseInvite('ABC')).toEqual({ address: '', code: 'ABC' });
  expect(() => parseInvite('https://example.org/nothing')).toThrow('not an invite');
});
