import { beforeEach, describe, expect, test } from 'vitest';
import type { Device } from '../device.ts';
import type { ViewRecord } from '../view.ts';
import { Summer } from '../wire/digest.ts';
import { cut, observation, Phone, PIN } from './support/phone.ts';
import { FakeServer, fault, url } from './support/server.ts';

let server: FakeServer;
let phone: Phone;
let d: Device;
beforeEach(async () => {
  server = new FakeServer();
  phone = new Phone({ sleep: async () => undefined });
  server.serve(phone.net);
  d = await phone.enrolled(url, 'invite');
});

const site = (i: number): string => `site${String(i).padStart(11, '0')}`;
const names = async (): Promise<string[]> => (await d.records('sites')).map((r) => String(r.fields.name));

describe('pulling', () => {
  test('[PULL-2] [PULL-5] a view comes page by page, and goes on behind the last page that was stored', async () => {
    server.limits.changes = 10;
    for (let i = 0; i < 35; i++) server.put('sites', site(i), { id: site(i), name: `stop ${i}` });
    let pages = 0;
    phone.net.answer = (at, res) => {
      if (at.endsWith('/pull') && ++pages === 3) return cut();
      return res;
    };
    phone.net.meet = undefined;
    server.serve(phone.net);
    const serve = phone.net.meet!;
    phone.net.meet = async (at, init) => {
      const res = (await serve(at, init))!;
      if (at.endsWith('/pull') && ++pages === 3) cut();
      return res;
    };
    await expect(d.pull()).rejects.toMatchObject({ kind: 'offline' });
    expect((await d.records('sites')).length).toBe(20);
    expect((await d.status()).resetting).toBe(true);
    await d.pull();
    expect((await d.records('sites')).length).toBe(35);
    expect(server.resets).toBe(1); // not begun anew
  });

  test('[PULL-3] what goes out of the view goes from here', async () => {
    server.put('sites', site(1), { id: site(1), name: 'one' });
    server.put('sites', site(2), { id: site(2), name: 'two' });
    await d.pull();
    server.drop(site(1));
    const { changes } = await d.pull();
    expect(changes.map((c) => [c.kind, c.id])).toEqual([['gone', site(1)]]);
    expect(await names()).toEqual(['two']);
  });

  test('[PULL-4] a reset drops what it did not send, but not what has waiting changes of its own', async () => {
    for (const i of [1, 2, 3]) server.put('sites', site(i), { id: site(i), name: `stop ${i}` });
    await d.pull();
    await d.update('sites', site(3), { name: 'changed here' });
    server.records.delete(site(2)); // out of scope, and no tombstone
    server.records.delete(site(3));
    server.rewound.add((await d.status()).device);
    const { reset } = await d.pull();
    expect(reset).toBe(true);
    expect(await names()).toEqual(['stop 1', 'changed here']);
    server.decide = () => ({ verdict: 'refused', code: 'gone' });
    await d.push();
    expect(await names()).toEqual(['stop 1']); // it has its verdict, and goes
  });

  test('[PULL-5] waiting changes are laid over what is pulled, and do not delay it', async () => {
    server.put('sites', site(1), { id: site(1), name: 'old', notes: 'a', tags: ['x', 'y'] });
    await d.pull();
    await d.update('sites', site(1), { name: 'mine', tags: { add: ['z'], remove: ['x'] } });
    server.put('sites', site(1), { id: site(1), name: 'theirs', notes: 'b', tags: ['x', 'y'] });
    phone.net.meet = async (at, init) => (at.endsWith('/push') ? fault(500, 'internal') : server.answer(at, init));
    await expect(d.sync()).rejects.toMatchObject({ code: 'internal' });
    expect((await d.record('sites', site(1)))!.fields).toMatchObject({ name: 'mine', notes: 'b', tags: ['y', 'z'] });
    expect((await d.confirmed('sites')).get(site(1))).toBe(2);
    expect(JSON.parse((await d.outbox())[0]!.raw!).ops[0].base).toBe(1); // the version that was looked at
  });

  test('[PULL-5] asked again the view is the same as long as only drafts changed; an own change, a pull and a seen report make it anew', async () => {
    server.put('sites', site(1), { id: site(1), name: 'one' });
    await d.pull();
    const { ids } = await d.create('observations', observation());
    const sites = await d.records('sites');
    const reports = await d.records('observations');
    await d.keepDraft('x', { tapped: 1 });
    expect(await d.records('sites')).toBe(sites);
    expect(await d.records('observations')).toBe(reports);
    await d.update('sites', site(1), { name: 'changed here' });
    expect(await names()).toEqual(['changed here']);
    await d.create('observations', observation());
    expect(await d.records('observations')).toHaveLength(2);
    await d.sync();
    expect((await d.records('observations')).map((r) => r.word)).toEqual(['received', 'received']);
    server.seen.push(ids[0]!);
    await d.pull();
    expect((await d.records('observations')).find((r) => r.id === ids[0])?.word).toBe('seen');
    server.put('sites', site(2), { id: site(2), name: 'two' });
    await d.pull();
    expect(await names()).toContain('two');
  });

  test('[PULL-5] over random pulls and own changes the view is what another tab reads from the disk, and an untouched record the same object', async () => {
    const any = (below: number): number => Math.floor(Math.random() * below);
    const other = await phone.open().unlock((await phone.vaults.list())[0]!.id, PIN); // another tab reads all of it at each change
    let before = new Map<string, ViewRecord>();
    let same = 0;
    for (let round = 0; round < 25; round++) {
      for (let i = any(4); i > 0; i--) {
        const id = site(any(12));
        if (any(5) > 0) server.put('sites', id, { id, name: `pulled ${round}`, tags: ['x'] });
        else if (server.records.delete(id)) server.gone.push({ collection: 'sites', id, seq: ++server.seq });
      }
      if (any(3) > 0) await d.pull();
      if (any(3) === 0 && before.size > 0) await d.update('sites', [...before.keys()][any(before.size)]!, { name: `mine ${round}` });
      server.decide = () => (any(4) === 0 ? { verdict: 'refused', code: 'gone' } : undefined);
      if (any(3) === 0) await d.push();
      const now = await d.records('sites');
      expect(now, `round ${round}`).toEqual(await other.records('sites'));
      const own = new Set((await d.outbox()).flatMap((e) => e.records.map((r) => r.id))); // these may be made anew
      for (const r of now) {
        if (own.has(r.id) || before.get(r.id)?.seq !== r.seq) continue;
        expect(r).toBe(before.get(r.id));
        same++;
      }
      before = new Map(now.map((r) => [r.id, r]));
    }
    expect(same).toBeGreaterThan(20);
  });

  test('[PULL-5] what the server has taken stays in sight until a pull brings it', async () => {
    await d.create('observations', observation('mine'));
    await d.push();
    expect((await d.records('observations')).map((r) => [r.fields.note, r.word, r.seq])).toEqual([['mine', 'received', 0]]);
    await d.pull();
    expect((await d.records('observations')).map((r) => [r.word, r.seq])).toEqual([['received', 1]]);
  });

  test('[R4] a report is seen when a coordinator has opened it, and not before', async () => {
    const { ids } = await d.create('observations', observation());
    await d.sync();
    expect((await d.records('observations'))[0]!.word).toBe('received');
    server.seen = [ids[0]!];
    await d.sync();
    expect((await d.records('observations'))[0]!.word).toBe('seen');
    const s = await d.status();
    expect([s.saved, s.received, s.seen]).toEqual([1, 0, 1]);
  });

  test('[PULL-8] a view that differs is pulled anew, at most three times a day, and then is doubtful', async () => {
    server.put('sites', site(1), { id: site(1), name: 'one' });
    await d.pull();
    const agrees = await d.check();
    expect(agrees.check).toMatchObject({ agrees: true, resets: 0 });
    const wrong = new Summer();
    wrong.add('somethingelse00', 9);
    server.digestsOf = () => ({ sites: wrong.digest() });
    const before = server.resets;
    const { check } = await d.check();
    expect(check).toMatchObject({ agrees: false, differed: ['sites'], doubtful: ['sites'], resets: 3 });
    expect(server.resets - before).toBe(3);
    await d.check();
    expect(server.resets - before).toBe(3); // the day's are used up
    expect((await d.status()).doubtful).toEqual(['sites']);
    server.digestsOf = undefined;
    expect((await d.check()).check).toMatchObject({ agrees: true, cleared: ['sites'] });
    expect((await d.status()).doubtful).toEqual([]);
  });

  test('[PULL-8] the check is made once a day by itself', async () => {
    const asked: boolean[] = [];
    phone.net.meet = async (at, init) => {
      if (at.endsWith('/pull')) asked.push(JSON.parse(String(init.body)).digests);
      return server.answer(at, init);
    };
    await d.pull();
    await d.pull();
    phone.skew = 25 * 3600 * 1000;
    await d.pull();
    await d.pull();
    expect(asked).toEqual([true, false, true, false]);
  });
});

describe('history that goes back', () => {
  test('[EPOCH-3] what was acknowledged is kept until it is held elsewhere, and sent again, in order, before what is new', async () => {
    for (let i = 0; i < 3; i++) await d.create('observations', observation(`number ${i}`));
    await d.sync();
    server.durableSeq = 1;
    await d.sync();
    expect((await d.outbox()).map((e) => e.phase)).toEqual(['settled', 'acknowledged', 'acknowledged']);
    await d.create('observations', observation('new'));
    server.receipts.clear();
    server.records.clear();
    server.pushes = [];
    server.epoch = 'epoch2';
    server.rewound.add((await d.status()).device);
    const { push } = await d.sync();
    expect(push.rewound).toBe(true);
    // The rewind is told with the answer to 4; 2 and 3 follow, and 1 is held elsewhere.
    expect(server.sent().flat()).toEqual([4, 2, 3]);
    expect((await d.outbox()).map((e) => e.phase)).toEqual(['settled', 'acknowledged', 'acknowledged', 'acknowledged']);
  });

  test('[EPOCH-3] before a change of what is kept goes out, the server is asked whether it still has it', async () => {
    server.put('sites', site(1), { id: site(1), name: 'one' });
    await d.sync();
    await d.update('sites', site(1), { name: 'two' });
    await d.sync();
    await d.update('sites', site(1), { name: 'three' });
    server.pushes = [];
    server.receipts.clear();
    server.rewound.add((await d.status()).device);
    await d.sync();
    expect(server.sent()).toEqual([[], [1, 2]]);
  });

  test('[EPOCH-3] a server that has forgotten the device takes it in again by an invite, and gets what it lost', async () => {
    await d.create('observations', observation());
    await d.sync();
    server.devices.clear();
    server.receipts.clear();
    await d.create('observations', observation('new'));
    await expect(d.sync()).rejects.toMatchObject({ kind: 'refused', code: 'bad_signature' });
    expect((await d.status()).problem?.hint).toContain('new invite');
    const before = (await d.status()).person!.id;
    const person = await d.enroll(url, 'a new invite', 'again');
    expect(person.id).not.toBe(before);
    server.pushes = [];
    await d.sync();
    expect(server.sent().flat()).toEqual([1, 2]);
  });

  test('[ENROL-1] an invite for another role is no way back: what one role wrote does not go out as another\'s', async () => {
    await d.create('observations', observation());
    await d.sync();
    server.devices.clear();
    server.role = 'coordinator';
    await expect(d.enroll(url, 'x', 'again')).rejects.toMatchObject({ code: 'another_person' });
  });

  test('[PUSH-3] a copied store goes on under a name of its own, with the stamps it had, and says nothing twice', async () => {
    await d.create('observations', observation('before the copy'));
    // The copy: the same vault in another program, which goes on from the same place.
    const id = (await d.status()).device;
    await d.sync();
    await d.create('observations', observation('of this one'));
    server.receipts.set(`${id}/2`, { content: 'what the other copy has said', verdict: { n: 2, verdict: 'applied', seq: 9 } });
    const stamps = (await d.outbox()).map((e) => e.stamp);
    const { push } = await d.sync();
    expect(push.forked).toBe(true);
    const s = await d.status();
    expect(s.device).not.toBe(id);
    expect(s.lineage).toEqual([id]);
    expect(server.devices.has(s.device)).toBe(true);
    expect((await d.outbox()).map((e) => e.stamp)).toEqual(stamps);
    expect((await d.outbox()).map((e) => e.phase)).toEqual(['acknowledged', 'acknowledged']);
    expect(server.records.size).toBe(2);
    // What lies beside the vault is signed by the new one.
    expect(JSON.parse((await d.exportRecovery(true)).file || '{"device":"none"}').device).toBe('none');
  });

  test('[EPOCH-4] a reset leaves the outbox as it is', async () => {
    await d.create('observations', observation());
    const before = await d.outbox();
    server.rewound.add((await d.status()).device);
    await d.pull();
    expect(await d.outbox()).toEqual(before);
  });
});

describe('recovery', () => {
  test('[RECOVERY] a file is written without a server, and handed in by another device', async () => {
    phone.net.meet = cut;
    for (let i = 0; i < 3; i++) await d.create('observations', observation(`number ${i}`));
    const out = await d.exportRecovery();
    expect(out).toMatchObject({ mutations: 3, parts: 1, tooLarge: [] });
    const other = new Phone();
    server.serve(other.net);
    const carrier = await other.enrolled(url, 'other');
    const delivered = await carrier.deliverRecovery(out.file);
    expect(delivered.verdicts.map((v) => [v.n, v.verdict])).toEqual([[1, 'applied'], [2, 'applied'], [3, 'applied']]);
    expect((await carrier.deliverRecovery(out.file)).verdicts.every((v) => v.replayed)).toBe(true);
    await expect(carrier.deliverRecovery(out.file.slice(0, -20))).rejects.toMatchObject({ code: 'not_recovery_file' });
    await expect(carrier.deliverRecovery(out.file.replace('"n":1', '"n":0'))).rejects.toMatchObject({ kind: 'refused' });
    expect((await d.status()).waiting).toBe(3);
  });
});

describe('keeping up', () => {
  test('[DEV-4] after failures it rests longer each time, with jitter and a visible end, and goes on at once when nudged', async () => {
    const rests: number[] = [];
    let stop = (): void => undefined;
    phone = new Phone({
      sleep: (ms, signal) => {
        rests.push(ms);
        if (rests.length < 8) return Promise.resolve();
        stop();
        return new Promise((_, reject) => {
          const end = (): void => reject(new DOMException('x', 'AbortError'));
          if (signal?.aborted) end();
          else signal?.addEventListener('abort', end);
        });
      },
    });
    server.serve(phone.net);
    const k = await phone.enrolled(url, 'invite');
    phone.net.meet = cut;
    const resting = new Promise<void>((resolve) => { stop = resolve; });
    const ending = new AbortController();
    const keeping = k.keep(ending.signal);
    await resting;
    const s = await k.status();
    expect(s.activity).toBe('resting');
    expect(s.next).toBeGreaterThan(Date.now());
    expect(s.problem).toMatchObject({ code: 'no_server' });
    rests.slice(0, 7).forEach((ms, i) => {
      const base = Math.min(1000 * 2 ** i, 60_000);
      expect(ms).toBeGreaterThanOrEqual(base * 0.5);
      expect(ms).toBeLessThanOrEqual(base * 1.5);
    });
    expect(new Set(rests).size).toBe(rests.length); // no two devices in step
    server.serve(phone.net);
    await k.create('observations', observation());
    k.nudge();
    await expect.poll(async () => (await k.status()).received, { timeout: 5_000 }).toBe(1);
    ending.abort();
    await keeping;
    expect((await k.status()).activity).toBe('idle');
  });

  test('[DEV-4] where only a person can help, it stops and says so', async () => {
    phone.net.meet = async (at, init) => (at.endsWith('/push') || at.endsWith('/pull') || at.endsWith('/renew') ? fault(403, 'device_revoked') : server.answer(at, init));
    await expect(d.keep()).rejects.toMatchObject({ kind: 'refused', code: 'device_revoked' });
    const s = await d.status();
    expect(s.activity).toBe('stopped');
    expect(s.problem?.code).toBe('device_revoked');
  });

  test('[DEV-2] of two tabs one keeps up; when it closes, the other goes on, and what either saves is sent', async () => {
    let held = 0;
    phone.net.meet = async (at, init) => {
      if (at.endsWith('/pull') && JSON.parse(String(init.body)).wait > 0) {
        held++;
        return new Promise(() => undefined); // as a server holds it
      }
      return server.answer(at, init);
    };
    const other = await phone.open({ sleep: async () => undefined }).unlock((await phone.vaults.list())[0]!.id, PIN);
    const first = d.keep();
    await expect.poll(() => held).toBeGreaterThan(0);
    const second = other.keep();
    await other.create('observations', observation('from the other tab'));
    await expect.poll(() => server.records.size, { timeout: 10_000 }).toBe(1);
    expect((await other.status()).activity).toBe('idle');
    d.lock();
    await first;
    await other.create('observations', observation('afterwards'));
    await expect.poll(() => server.records.size, { timeout: 10_000 }).toBe(2);
    other.lock();
    await second;
  });
});

test('[PULL-6] a pull says which app it is and how much waits; of staff never how much, and of no app nothing', async () => {
  const bodies: Record<string, unknown>[] = [];
  const asked = async (role: string, app: string): Promise<Record<string, unknown>> => {
    const server = new FakeServer();
    server.role = role;
    const phone = new Phone({ app });
    server.serve(phone.net);
    const rest = phone.net.meet!;
    phone.net.meet = (at, init) => {
      if (at.endsWith('/api/sync/pull')) bodies.push(JSON.parse(String(init.body)) as Record<string, unknown>);
      return rest(at, init);
    };
    const device = await phone.enrolled(url, 'invite');
    await device.create('observations', observation());
    await device.pull();
    device.lock();
    return bodies.at(-1)!;
  };
  expect(await asked('worker', 'field 0.1.0')).toMatchObject({ app: 'field 0.1.0', waiting: 1 });
  const staff = await asked('staff', 'field 0.1.0');
  expect(staff).toMatchObject({ app: 'field 0.1.0' });
  expect(staff).not.toHaveProperty('waiting');
  expect(await asked('worker', '')).not.toHaveProperty('app');
});
