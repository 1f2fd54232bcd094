// A server in memory, for what a device does when answers are late, lost, wrong
// or somebody else's. It decodes as the real one does and keeps receipts; what
// it decides is the test's.
import { decodePull, decodePush, type Received } from '../../wire/decode.ts';
import { hex, utf8 } from '../../wire/bytes.ts';
import { Summer } from '../../wire/digest.ts';
import { DEFAULT_LIMITS, Fault, type Key, type Limits, type Verdict } from '../../wire/messages.ts';
import { decodeRecovery } from '../../wire/recovery.ts';
import { verify } from '../../keys.ts';
import type { Net } from './phone.ts';

// An installation's key, as in the vectors: its scalar opens what is sealed for it.
export const sealKey = 'BH80IaKzSQKVGZrgpsBCJXqgQcxiKRl7klSSsUyzNrdRvHzwD-logGWUT6qyrDOCkjvA1Am6dPtyBmKzm-gdKX4';
export const scalar = 'ZL3ytRQ_HrlbBt_AISx2EqtK50Ih3qADmtAOmpbBj7o';
export const url = 'http://server.test';

interface Taken {
  content: string;
  verdict: Verdict;
}

export type Decide = (m: Received, device: string) => Partial<Verdict> | undefined;

export class FakeServer {
  epoch = 'epoch1';
  seq = 0;
  durableSeq = 0;
  limits: Limits = { ...DEFAULT_LIMITS };
  role = 'worker';
  skew = 0;
  devices = new Map<string, { key: Key; user: string; token: string; expired: boolean; revoked: boolean }>();
  receipts = new Map<string, Taken>();
  records = new Map<string, { collection: string; id: string; seq: number; record: any }>();
  gone: { collection: string; id: string; seq: number }[] = [];
  seen: string[] = [];
  /** Bodies of pushes, and those of them that were answered. */
  pushes: Received[][] = [];
  recoveries: { device: string; n: number }[] = [];
  decide: Decide = () => undefined;
  digestsOf: (() => any) | undefined;
  rewound = new Set<string>(); // devices that are told once
  private users = 0;
  private tokens = 0;
  private starts = 0;

  /** Puts a phone's network before this server. */
  serve(net: Net): void {
    net.meet = (at, init) => this.answer(at, init);
  }

  async answer(at: string, init: RequestInit): Promise<Response> {
    const path = new URL(at).pathname;
    let body = '';
    if (init.body) {
      const headers = init.headers as Record<string, string>;
      body = headers['Content-Encoding'] === 'gzip'
        ? await new Response(new Blob([init.body as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
        : String(init.body);
    }
    try {
      return json(200, await this.handle(path, body, (init.headers as Record<string, string>)?.Authorization));
    } catch (err) {
      if (err instanceof Fault) return fault(Number(statuses[err.code] ?? 400), err.code, err.limits ? { limits: err.limits } : {});
      throw err;
    }
  }

  private async handle(path: string, body: string, token?: string): Promise<unknown> {
    const now = new Date(Date.now() + this.skew).toISOString();
    switch (path) {
      case '/api/sync/hello':
        return { protocol: [1], schema: 2, minSchema: 1, epoch: this.epoch, now, durability: 'fsync', limits: this.limits };
      case '/api/sync/enroll': {
        const { device } = JSON.parse(body);
        const before = this.devices.get(device.id);
        if (before && before.key.x !== device.key.x) throw new Fault('device_exists', 'taken');
        const user = before?.user ?? `user${String(++this.users).padStart(11, '0')}`;
        return { token: this.admit(device.id, device.key, user), user: { id: user, role: this.role, organization: 'org000000000001', sites: [], locale: 'en' }, sealKey };
      }
      case '/api/sync/challenge':
        return { challenge: `c-${JSON.parse(body).device}`, expires: now };
      case '/api/sync/renew': {
        const { device, challenge, signature, newDevice } = JSON.parse(body);
        const known = this.devices.get(device);
        const { thumbprint } = await import('../../wire/ids.ts');
        const text = `fieldpost-renew-v1\n${device}\n${challenge}${newDevice ? `\n${newDevice.id}\n${thumbprint(newDevice.key)}` : ''}`;
        if (!known || !(await verify(known.key, utf8(text), signature))) throw new Fault('bad_signature', 'unknown');
        if (!newDevice) return { token: this.admit(device, known.key, known.user) };
        if (this.devices.has(newDevice.id)) throw new Fault('device_exists', 'taken');
        return { token: this.admit(newDevice.id, newDevice.key, known.user) };
      }
      case '/api/sync/push': {
        const p = decodePush(body, this.limits);
        this.check(p.device, token, true);
        for (const m of p.mutations) {
          const before = this.receipts.get(`${p.device}/${m.n}`);
          if (before && before.content !== hex(m.content)) throw new Fault('device_forked', 'forked');
        }
        this.pushes.push(p.mutations);
        const rewound = this.rewound.delete(p.device);
        return { ...this.place(now, rewound), verdicts: p.mutations.map((m) => this.take(m, p.device)) };
      }
      case '/api/sync/pull': {
        const p = decodePull(body, this.limits);
        this.check(p.device, token, false);
        const rewound = this.rewound.delete(p.device);
        const reset = p.cursor === null || rewound;
        const [, from] = /^c(\d+)$/.exec(p.cursor ?? '') ?? [];
        const since = reset ? 0 : Number(from);
        const changes = [...this.records.values(), ...(reset ? [] : this.gone.map((g) => ({ ...g, record: null })))]
          .filter((c) => c.seq > since).sort((a, b) => a.seq - b.seq);
        const page = changes.slice(0, p.limit);
        const more = changes.length > page.length;
        const cursor = `c${more ? page.at(-1)!.seq : this.seq}`;
        this.starts += reset ? 1 : 0;
        return {
          ...this.place(now, rewound), reset, more, cursor, changes: page, seen: this.seen,
          ...(p.digests && !more ? { digests: this.digestsOf?.() ?? this.digests() } : {}),
        };
      }
      case '/api/sync/recovery': {
        const r = decodeRecovery(body, this.limits);
        if (![...this.devices.values()].some((d) => d.token === token)) throw new Fault('unauthenticated', 'who');
        const known = this.devices.get(r.device);
        if (!known || !(await verify(known.key, utf8(r.signed), r.signature))) throw new Fault('bad_signature', 'unknown');
        const pushed = decodePush(JSON.stringify({ protocol: 1, device: r.device, mutations: r.mutations }), this.limits);
        return {
          epoch: this.epoch, now,
          verdicts: pushed.mutations.map((m) => {
            this.recoveries.push({ device: r.device, n: m.n });
            const { n, verdict, code, replayed } = this.take(m, r.device, true);
            return { n, verdict, ...(code ? { code } : {}), ...(replayed ? { replayed } : {}) };
          }),
        };
      }
    }
    throw new Fault('not_found', path);
  }

  get resets(): number {
    return this.starts;
  }

  private admit(id: string, key: Key, user: string): string {
    const token = `x.${btoa(JSON.stringify({ id: user }))}.${++this.tokens}`;
    this.devices.set(id, { key, user, token, expired: false, revoked: false });
    return token;
  }

  private check(device: string, token: string | undefined, pushing: boolean): void {
    const d = this.devices.get(device);
    if (!d || d.token !== token) throw new Fault('unauthenticated', 'who');
    if (d.expired) throw new Fault('token_expired', 'expired');
    if (d.revoked && !pushing) throw new Fault('device_revoked', 'revoked');
  }

  private place(now: string, rewound: boolean): object {
    return { epoch: this.epoch, now, mark: `m${this.seq}`, durableSeq: this.durableSeq, ...(rewound ? { rewound: true } : {}) };
  }

  /** A mutation taken by its stamp, whatever n it comes under, or for the first time. */
  private take(m: Received, device: string, carried = false): Verdict {
    const stamp = String(m.whole.stamp);
    const before = this.receipts.get(`${device}/${m.n}`) ?? (stamp ? this.receipts.get(stamp) : undefined);
    if (before) return { ...before.verdict, n: m.n, replayed: true };
    const said = this.decide(m, device);
    const verdict: Verdict = { n: m.n, verdict: 'applied', ...said };
    if (verdict.verdict === 'deferred') return verdict;
    if (verdict.verdict !== 'refused') {
      if (m.ops.length === 0) this.seq++;
      for (const op of m.ops) this.put(op.collection, op.id, { ...this.records.get(op.id)?.record, ...op.fields, id: op.id });
      verdict.seq = this.seq;
    }
    // What came sealed counts as what it holds; here its stamp has to do.
    const taken = { content: carried ? '' : hex(m.content), verdict };
    if (!carried) this.receipts.set(`${device}/${m.n}`, taken);
    this.receipts.set(stamp, taken);
    return verdict;
  }

  /** A record as if somebody else had written it. */
  put(collection: string, id: string, record: any): number {
    this.records.set(id, { collection, id, seq: ++this.seq, record });
    return this.seq;
  }

  drop(id: string): void {
    const r = this.records.get(id);
    if (!r) return;
    this.records.delete(id);
    this.gone.push({ collection: r.collection, id, seq: ++this.seq });
  }

  private digests(): any {
    const sums: { [c: string]: Summer } = {};
    for (const r of this.records.values()) (sums[r.collection] ??= new Summer()).add(r.id, r.seq);
    return Object.fromEntries(Object.entries(sums).map(([c, s]) => [c, s.digest()]));
  }

  /** The n that a device sent, push by push. */
  sent(): number[][] {
    return this.pushes.map((p) => p.map((m) => m.n));
  }
}

const statuses: { [code: string]: number } = {
  unauthenticated: 401, token_expired: 401, device_revoked: 403, bad_signature: 403, device_forked: 409, device_exists: 409, too_large: 413, not_found: 404,
};

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });

const later = ['busy', 'slow_down', 'internal', 'quarantine_full'];
const renew = ['token_expired', 'challenge_expired', 'device_forked'];

export const fault = (status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Response =>
  json(status, {
    status, code, message: 'A made-up fault.', data: {}, hint: 'A made-up hint.',
    retry: later.includes(code) ? 'later' : renew.includes(code) ? 'renew' : code === 'too_large' ? 'split' : 'never', ...more,
  }, headers);
