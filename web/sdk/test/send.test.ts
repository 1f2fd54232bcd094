import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Device } from '../device.ts';
import { Store } from '../store.ts';
import { cut, observation, Phone, PIN } from './support/phone.ts';
import { FakeServer, fault, json, url } from './support/server.ts';

let server: FakeServer;
let phone: Phone;
let d: Device;

async function fresh(options: ConstructorParameters<typeof Phone>[0] = {}): Promise<void> {
  server = new FakeServer();
  phone = new Phone({ sleep: async () => undefined, ...options });
  server.serve(phone.net);
  d = await phone.enrolled(url, 'invite');
}
beforeEach(() => fresh());
afterEach(() => vi.restoreAllMocks());

const save = async (n: number): Promise<string[]> => {
  const ids = [];
  for (let i = 0; i < n; i++) ids.push((await d.create('observations', observation(`number ${i}`))).ids[0]!);
  return ids;
};
const phases = async (): Promise<string[]> => (await d.outbox()).map((e) => e.phase);

describe('saving', () => {
  test('[DEV-1] record, mutation and n are saved together: a save that fails leaves none of them', async () => {
    await save(1);
    const proto = (typeof IDBObjectStore === 'undefined' ? (await import('fake-indexeddb')).IDBObjectStore : IDBObjectStore).prototype;
    const real = proto.put;
    let puts = 0;
    vi.spyOn(proto, 'put').mockImplementation(function (this: IDBObjectStore, ...args: Parameters<IDBObjectStore['put']>) {
      if (++puts === 2) throw new DOMException('no room', 'QuotaExceededError');
      return real.apply(this, args);
    });
    const failed = d.create('observations', observation('does not fit'));
    await expect(failed).rejects.toMatchObject({ kind: 'disk', code: 'store_unwritable' });
    expect(puts).toBeGreaterThanOrEqual(2); // the first had been put, and is not there
    vi.restoreAllMocks();
    expect((await d.outbox()).map((e) => e.n)).toEqual([1]);
    expect(await d.records('observations')).toHaveLength(1);
    expect((await d.create('observations', observation())).n).toBe(2);
  });

  test('[DEV-1] a draft ends in the transaction that saves what came of it', async () => {
    await d.keepDraft('draft', { note: 'begun' });
    expect(await d.drafts()).toMatchObject([{ id: 'draft', value: { note: 'begun' } }]);
    await d.create('observations', observation(), { draft: 'draft' });
    expect(await d.drafts()).toEqual([]);
    expect((await d.status()).waiting).toBe(1);
  });

  test('[DEV-1] what was saved is there after the program is started anew', async () => {
    const [id] = await save(1);
    const again = await phone.open().unlock((await phone.vaults.list())[0]!.id, PIN);
    expect((await again.records('observations')).map((r) => [r.id, r.word])).toEqual([[id, 'waiting']]);
  });

  test('[STAMP] a clock that was set back gives no stamp twice, and voids the offset', async () => {
    await d.sync();
    const now = vi.spyOn(Date, 'now').mockReturnValue(1_800_000_000_000);
    await save(1);
    phone.skew = -60_000;
    await save(1);
    phone.skew = 0;
    await save(1);
    now.mockRestore();
    const made = await d.outbox();
    expect(new Set(made.map((e) => e.stamp)).size).toBe(3);
    expect(JSON.parse(made[1]!.raw!).offset).toBeNull();
  });

  test('[STAMP] [PUSH-12] an offset measured after the clock was set back while the program was off counts, and no stamp comes twice', async () => {
    const now = vi.spyOn(Date, 'now').mockReturnValue(1_800_000_000_000);
    phone.skew = -60_000;
    await save(1);
    phone.skew = 0;
    await save(1);
    await d.sync();
    phone.skew = -60_000;
    d = await phone.open().unlock((await phone.vaults.list())[0]!.id, PIN);
    await d.sync();
    await save(1);
    now.mockRestore();
    const made = await d.outbox();
    expect(new Set(made.map((e) => e.stamp)).size).toBe(3);
    expect(made[2]!.stamp.slice(0, 13)).toBe('1799999940000');
    expect(JSON.parse(made[2]!.raw!).offset).not.toBeNull();
  });

  test('[PUSH-4] what the form of an op forbids is not saved at all', async () => {
    await expect(d.save([])).rejects.toMatchObject({ code: 'bad_ops' });
    await expect(d.save([{ op: 'update', collection: 'sites', id: 'short', fields: { a: 1 } }])).rejects.toMatchObject({ code: 'bad_ops' });
    await expect(d.create('observations', { note: 'x'.repeat(1_100_000) })).rejects.toMatchObject({ code: 'too_large' });
    expect(await d.outbox()).toEqual([]);
  });
});

describe('sending', () => {
  test('[DEV-2] two tabs that send at the same time send each mutation once, in order', async () => {
    await save(5);
    const other = await phone.open().unlock((await phone.vaults.list())[0]!.id, PIN);
    await Promise.all([d.push(), other.push(), d.push()]);
    expect(server.sent().flat()).toEqual([1, 2, 3, 4, 5]);
    expect(await phases()).toEqual(Array(5).fill('acknowledged'));
  });

  test('[DEV-2] two tabs that save at the same time give out no n twice, and lose nothing', async () => {
    const other = await phone.open().unlock((await phone.vaults.list())[0]!.id, PIN);
    await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? d : other).create('observations', observation(`tab ${i}`))));
    expect((await d.outbox()).map((e) => e.n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await d.records('observations')).toHaveLength(10);
  });

  test('[DEV-2] a tab that is closed in the middle of a send loses nothing, and the next one goes on', async () => {
    await save(3);
    let arrived!: () => void;
    const sending = new Promise<void>((resolve) => { arrived = resolve; });
    phone.net.meet = async (at, init) => {
      if (!at.endsWith('/push')) return server.answer(at, init);
      await server.answer(at, init); // the server has it
      arrived();
      return new Promise(() => undefined); // and the answer never comes
    };
    const push = d.push();
    await sending;
    d.lock(); // the tab is gone
    await expect(push).rejects.toMatchObject({ kind: 'locked' });
    server.serve(phone.net);
    d = await phone.open().unlock((await phone.vaults.list())[0]!.id, PIN);
    const { verdicts } = await d.push();
    expect(verdicts.map((v) => [v.n, v.replayed])).toEqual([[1, true], [2, true], [3, true]]);
    expect(server.records.size).toBe(3);
  });

  test('[DEV-3] what is refused stays: it can be looked at, exported, sent again and corrected', async () => {
    server.decide = (m) => (m.n === 2 ? { verdict: 'refused', code: 'invalid', message: 'No.', quarantine: 'q00000000000001' } : undefined);
    const [, id] = await save(3);
    await d.sync();
    expect(await phases()).toEqual(['acknowledged', 'parked', 'acknowledged']);
    const [parked] = await d.outbox('parked');
    expect(parked).toMatchObject({ n: 2, word: 'attention', code: 'invalid', message: 'No.' });
    expect(parked!.ops[0]!.fields).toMatchObject({ note: 'number 1' });
    expect((await d.records('observations')).find((r) => r.id === id)?.word).toBe('attention');
    expect((await d.exportRecovery(true)).mutations).toBe(1);
    await d.sync();
    expect(await d.outbox('parked')).toHaveLength(1); // no sync takes it away
    await d.retry(2);
    await d.push();
    expect((await d.outbox('parked'))[0]!.verdict).toMatchObject({ replayed: true });
    const saved = await d.correct(2, [{ ...parked!.ops[0]!, fields: { ...parked!.ops[0]!.fields, note: 'put right' } }]);
    expect(saved.ids[0]).not.toBe(id);
    await d.push();
    expect((await d.outbox()).map((e) => [e.phase, e.correctedBy, e.correctionOf])).toEqual(
      [['acknowledged', 0, 0], ['corrected', 4, 0], ['acknowledged', 0, 0], ['acknowledged', 0, 2]]);
  });

  test('[DEV-3] what a coordinator has released is received, and nobody corrects it any more', async () => {
    server.decide = () => ({ verdict: 'refused', code: 'not_allowed', quarantine: 'q00000000000001' });
    await save(1);
    await d.sync();
    server.put('quarantine', 'q00000000000001', { id: 'q00000000000001', state: 'released' });
    await d.sync();
    expect(await phases()).toEqual(['acknowledged']);
    await expect(d.correct(1, [])).rejects.toMatchObject({ code: 'not_parked' });
  });

  test('[DEV-4] an unknown 4xx splits the batch until the one culprit is found, which is parked; the rest goes on', async () => {
    await save(9);
    phone.net.meet = async (at, init) => {
      const res = await poisoned(at, init, [4]);
      return res ?? server.answer(at, init);
    };
    const report = await d.push();
    expect(report.parked).toBe(1);
    expect((await d.outbox()).filter((e) => e.phase === 'parked').map((e) => [e.n, e.code])).toEqual([[4, 'cannot_be_sent']]);
    expect((await d.outbox('acknowledged')).map((e) => e.n)).toEqual([1, 2, 3, 5, 6, 7, 8, 9]);
    expect(phone.net.requests.filter((r) => r.endsWith('/push')).length).toBeLessThan(20);
  });

  test('[DEV-4] a server that fails on everything has no culprit: nothing is parked', async () => {
    await save(6);
    phone.net.meet = async (at, init) => (at.endsWith('/push') ? fault(500, 'internal') : server.answer(at, init));
    for (let i = 0; i < 25; i++) await expect(d.push()).rejects.toMatchObject({ kind: 'later', code: 'internal' });
    expect(await phases()).toEqual(Array(6).fill('waiting'));
    expect((await d.status()).problem).toMatchObject({ code: 'internal', push: true });
  });

  test('[DEV-4] a single mutation that meets a 5xx again and again, while an empty push goes through, is parked at last', async () => {
    await save(1);
    phone.net.meet = async (at, init) => (await poisoned(at, init, [1], 500)) ?? server.answer(at, init);
    for (let i = 0; i < 4; i++) await expect(d.push()).rejects.toMatchObject({ code: 'internal' });
    expect(await phases()).toEqual(['waiting']);
    await d.push();
    expect(await phases()).toEqual(['parked']);
  });

  test('[DEV-4] [PUSH-13] too much at once is halved; what is too large alone is parked by the server\'s word', async () => {
    await save(7);
    server.limits.mutations = 3;
    await d.push(); // the limits of hello were others
    expect(server.sent().map((p) => p.length).every((l) => l <= 3)).toBe(true);
    expect(await phases()).toEqual(Array(7).fill('acknowledged'));
    await save(1);
    phone.net.meet = (at, init) => (at.endsWith('/push') ? fault(413, 'too_large') : server.answer(at, init));
    await d.push();
    expect((await d.outbox('parked'))[0]).toMatchObject({ n: 8, code: 'too_large' });
  });

  test('[DEV-4] order per record is kept: a change does not overtake one of the same record that is stuck', async () => {
    const [id] = await save(1);
    await d.update('observations', id!, { note: 'changed' });
    await save(1);
    phone.net.meet = async (at, init) => (await poisoned(at, init, [1], 500)) ?? server.answer(at, init);
    await d.push().catch(() => undefined);
    // 2 went only after 1 had been set aside for a person, and after what has nothing to do with either.
    expect(server.sent().flat()).toEqual([3, 2]);
    expect((await d.outbox('parked')).map((e) => e.n)).toEqual([1]);
  });

  test('[DEV-4] [PUSH-7] what is deferred waits, is tried again after what it waits for, and stays in order', async () => {
    await save(3);
    let ready = false;
    server.decide = (m) => {
      if (m.n === 3) ready = true;
      return m.n === 1 && !ready ? { verdict: 'deferred', code: 'missing_dependency' } : undefined;
    };
    await d.push();
    expect(await phases()).toEqual(Array(3).fill('acknowledged'));
    server.decide = () => ({ verdict: 'deferred', code: 'busy' });
    await save(1);
    const before = server.pushes.length;
    await d.push();
    expect(server.pushes.length - before).toBeLessThan(4); // it ends
    expect((await d.outbox('waiting'))[0]).toMatchObject({ n: 4, code: 'busy' });
  });

  test('[DEV-5] when noting an answer fails, the send has not: the same goes again and is answered from the receipt', async () => {
    await save(2);
    const real = Store.prototype.write;
    const broken = vi.spyOn(Store.prototype, 'write').mockImplementation(function (this: Store, op, work) {
      return op === 'note verdicts' ? Promise.reject(new DOMException('no room', 'QuotaExceededError')) : real.call(this, op, work);
    } as typeof real);
    await expect(d.push()).rejects.toBeDefined();
    broken.mockRestore();
    expect(await phases()).toEqual(['waiting', 'waiting']); // not parked, not counted as failed
    const { verdicts } = await d.push();
    expect(verdicts.map((v) => v.replayed)).toEqual([true, true]);
    expect(await phases()).toEqual(['acknowledged', 'acknowledged']);
    expect(server.records.size).toBe(2);
  });

  test('[DEV-6] a token that has expired is renewed by the key, and the queue is kept through it', async () => {
    await save(2);
    for (const known of server.devices.values()) known.expired = true;
    await d.push();
    expect(phone.net.requests.filter((r) => r.endsWith('/renew'))).toHaveLength(1);
    expect(server.sent()).toEqual([[1, 2]]);
  });

  test('[DEV-6] a push and a pull that find the token over at the same time renew it once', async () => {
    await save(1);
    for (const known of server.devices.values()) known.expired = true;
    await Promise.all([d.push(), d.pull()]);
    expect(phone.net.requests.filter((r) => r.endsWith('/renew'))).toHaveLength(1);
  });

  test('[DEV-6] a renewal that is cut off leaves the queue as it was', async () => {
    await save(2);
    for (const known of server.devices.values()) known.expired = true;
    phone.net.meet = (at, init) => (at.endsWith('/renew') ? cut() : server.answer(at, init));
    await expect(d.push()).rejects.toMatchObject({ kind: 'offline' });
    server.serve(phone.net);
    await d.push();
    expect(server.sent()).toEqual([[1, 2]]);
  });

  test('[DEV-4] where nobody answered, the next push asks whether somebody does before it packs much; few go at once', async () => {
    const met: unknown[] = [];
    const nobody: typeof phone.net.meet = (_, init) => { met.push(init?.body); return cut(); };
    await save(60);
    phone.net.meet = nobody;
    await expect(d.push()).rejects.toMatchObject({ kind: 'offline' });
    await expect(d.push()).rejects.toMatchObject({ kind: 'offline' });
    expect(met.map((body) => typeof body)).toEqual(['object', 'string']); // packed, and an empty push
    expect(JSON.parse(met[1] as string)).toMatchObject({ mutations: [] });
    server.serve(phone.net);
    await d.push();
    expect(server.sent().map((p) => p.length)).toEqual([0, 60]);
    expect(new Set(await phases())).toEqual(new Set(['acknowledged']));

    await save(2);
    phone.net.meet = nobody;
    await expect(d.push()).rejects.toMatchObject({ kind: 'offline' });
    server.serve(phone.net);
    await d.push();
    expect(server.sent().slice(2).map((p) => p.length)).toEqual([2]);
  });

  test.each([
    ['a page with 200', () => new Response('<html>Welcome to the hotel</html>', { headers: { 'Content-Type': 'text/html' } })],
    ['a page that says it is JSON', () => new Response('<html>', { headers: { 'Content-Type': 'application/json' } })],
    ['JSON of somebody else', () => json(200, { login: 'please' })],
    ['verdicts without a place in history', () => json(200, { verdicts: [] })],
    ['an answer without verdicts', () => json(200, { epoch: 'e', now: '2026-01-01T00:00:00.000Z', mark: 'm', durableSeq: 999, verdicts: [] })],
    ['a redirect', () => new Response(null, { status: 302, headers: { Location: 'http://portal.test/' } })],
    ['a 401 of the portal', () => new Response('sign in', { status: 401 })],
    ['a 403 page in JSON', () => json(403, { error: 'blocked' })],
  ])('[DEV-7] what is not ours is no answer: %s', async (_, portal) => {
    await save(1);
    phone.net.meet = portal;
    await expect(d.push()).rejects.toMatchObject({ kind: 'not_ours' });
    await expect(d.pull()).rejects.toMatchObject({ kind: 'not_ours' });
    expect(await phases()).toEqual(['waiting']);
    const s = await d.status();
    expect(s.problem?.code).toBe('not_fieldpost');
    server.serve(phone.net);
    await d.sync();
    expect(await phases()).toEqual(['acknowledged']);
    expect((await d.status()).problem).toBeNull();
  });
});

/** A fault for a push that holds one of these n; undefined for others. */
async function poisoned(at: string, init: RequestInit, bad: number[], status = 418): Promise<Response | undefined> {
  if (!at.endsWith('/push')) return undefined;
  const before = new FakeServer();
  let found = false;
  before.decide = (m) => {
    found ||= bad.includes(m.n);
    return undefined;
  };
  for (const [id, known] of server.devices) before.devices.set(id, known);
  await before.answer(at, init);
  return found ? fault(status, status >= 500 ? 'internal' : 'teapot') : undefined;
}
