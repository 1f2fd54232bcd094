/**
 * Sending, in one picture:
 *
 *     queue --batch--> post --answered--> verdicts noted, one transaction
 *                       |--no answer----> stop; all stays waiting
 *                       |--token--------> renew, post again (once)
 *                       |--forked-------> new id, queue again
 *                       |--too large----> halves
 *                       |--too slow-----> smaller batches from then on
 *                       '--at fault-----> halves, down to the one at fault
 *
 * Each way back to the queue has a bound, so a push ends.
 *
 * Who is at fault when a batch fails? DEV-4 wants the one culprit found and
 * parked. But a server that fails on everything has no culprit, and parking a
 * night's reports one by one would tell people to look at what only has to
 * wait. So a mutation is parked on evidence: it failed alone, and after the
 * batch it was in had failed, the server took others. Where there are no others
 * to compare with, an empty push must go through; then an unknown 4xx is about
 * the content, and so is a 5xx that has come often.
 */
import { explain, notOurs, SdkError } from './errors.ts';
import { sentText, sizeOf } from './outbox.ts';
import { device, outbox, posKey, putDevice, putRow, type DeviceRow, type OutboxRow, type Ref } from './rows.ts';
import { arrived, authorized, enrolled, noteProblem, settle, type Session } from './session.ts';
import type { Writing } from './store.ts';
import { sweep } from './pull.ts';
import { checks, type Timing } from './transport.ts';
import { PROTOCOL, timeText, type PushAnswer, type Verdict } from './wire/messages.ts';

const MUCH = 50; // mutations that wait; to pack five hundred takes a cheap phone's thread 70 ms
const MAX_FORKS = 2; // new ids in one push
const MAX_PASSES = 3; // times through the queue: what is deferred may be ready after what followed it
const MAX_REWINDS = 2;
const FILL = 0.95; // of a limit that a batch uses: gzip may add a little
const TRIES = 3; // of a batch that meets a fault of the server, before it is split
const FIRST_REST = 200; // ms between them, growing
const MAX_SUSPECTS = 3; // that failed alone with nothing answered since: look at the server
const MAX_BLIND = 10; // parked with nothing answered at all: it is the server
const FAILS_TO_PARK = 5; // pushes in which one failed alone with a 5xx, and was the only one to
const FAILS_OF_MANY = 20; // the same when others fail as well: more likely it is the server
export const SMALL_BATCH = 20; // what is not too much for any link
const MAX_SLOW = 2; // batches cut down in one push because they took too long

/** What a push did. Verdicts are those of this push. */
export interface PushReport {
  /** Mutations that got a verdict. */
  sent: number;
  verdicts: Verdict[];
  /** Mutations parked because they could not be sent. */
  parked: number;
  /** The server's history went back; what it lost was sent again. */
  rewound: boolean;
  /** The store turned out to be a copy and goes on under a new id. */
  forked: boolean;
}

export const emptyPushReport = (): PushReport => ({ sent: 0, verdicts: [], parked: 0, rewound: false, forked: false });

/**
 * Sends everything that waits and notes the verdicts, into `report`. One tab
 * sends at a time (DEV-2). Whatever has no verdict when it fails is still waiting.
 */
export async function push(s: Session, report: PushReport, signal?: AbortSignal): Promise<void> {
  await s.store.locks.hold(s.store.lockName('send'), async () => {
    let failure: unknown;
    try {
      await new Pusher(s, report, signal).run();
    } catch (err) {
      failure = err;
    }
    const e = failure === undefined ? undefined : explain(failure);
    if (e?.kind !== 'aborted') s.unheard = e?.kind === 'offline' && !e.slow;
    await noteProblem(s, failure, true);
    if (failure !== undefined) throw failure;
  }, signal);
}

/** Sends an empty push: only a push gets a device that was signed out an answer, and with it an order that stands (PUSH-10). */
export async function meet(s: Session, signal?: AbortSignal): Promise<void> {
  await s.store.locks.hold(s.store.lockName('send'), () => new Pusher(s, emptyPushReport(), signal).post([]), signal);
}

interface Suspect {
  row: OutboxRow;
  /** How many mutations had a verdict when a batch with it first failed. */
  since: number;
  err: unknown;
}

class Pusher {
  private max = 0; // mutations a batch; falls when batches are too large
  private deferred = new Map<number, OutboxRow>(); // by pos, in this pass
  private readonly stuck = new Map<number, OutboxRow>(); // what gets no verdict: not tried again in this push
  private released = false; // something stuck was parked: what waited behind it may go
  private suspects: Suspect[] = [];
  private blind = 0;
  private answered = 0;
  private decided = 0; // of them, those that were not deferred
  private forks = 0;
  private rewinds = 0;
  private slow = 0;
  private again = false; // start over from the first waiting mutation

  constructor(private readonly s: Session, private readonly report: PushReport, private readonly signal: AbortSignal | undefined) {}

  async run(): Promise<void> {
    const st = await enrolled(this.s);
    this.max = this.s.batch > 0 ? Math.min(st.limits.mutations, this.s.batch) : st.limits.mutations;
    await this.askFirst();
    for (let pass = 0; pass < MAX_PASSES;) {
      const before = this.decided;
      this.deferred = new Map();
      this.again = this.released = false;
      try {
        await this.pass();
      } catch (err) {
        await this.parkConfirmed();
        throw err;
      }
      if (this.again) continue; // after a fork or a rewind; both are counted
      await this.judge();
      pass++;
      if (!this.released && (this.deferred.size === 0 || this.decided === before)) break;
    }
  }

  /**
   * Lets the server say that its history has gone back before anything new goes
   * out, where that could change the order of two changes of one record
   * (EPOCH-3). Reports are made once and need no question.
   */
  private async askFirst(): Promise<void> {
    const rows = await this.s.store.read('look for changes of what is kept', outbox);
    const kept = new Set(rows.filter((r) => r.phase === 'acknowledged').flatMap((r) => r.touched.map(place)));
    const waiting = rows.filter((r) => r.phase === 'waiting');
    // Where nobody answered last, much is not put together and packed to find that out again.
    if ((this.s.unheard && waiting.length > MUCH) || (kept.size > 0 && waiting.some((r) => r.touched.some((t) => kept.has(place(t)))))) await this.post([]);
  }

  private async pass(): Promise<void> {
    for (let after = 0; !this.again;) {
      const batch = await this.next(after);
      if (batch.length === 0) return;
      after = batch.at(-1)!.n;
      const part = this.sendable(batch);
      if (part.length > 0) await this.deliver(part, -1);
    }
  }

  /** The waiting mutations behind n that fit into one request. */
  private async next(after: number): Promise<OutboxRow[]> {
    return this.s.store.read('read queue', async (tx) => {
      const { limits } = await device(tx);
      const limit = Math.min(limits.bytes, limits.inflated) * FILL;
      const most = Math.min(this.max, limits.mutations);
      const waiting = (await outbox(tx)).filter((r) => r.phase === 'waiting' && r.n > after).sort((a, b) => a.n - b.n);
      const batch: OutboxRow[] = [];
      let size = 1024; // the envelope
      for (const row of waiting) {
        size += sizeOf(row);
        if (batch.length === most || (size > limit && batch.length > 0)) break;
        batch.push(row);
      }
      return batch;
    });
  }

  /**
   * Leaves out what is stuck or was deferred, and what touches a record of
   * something stuck or changes one of something deferred: order per record
   * holds. A create may be just what the deferred one waits for.
   */
  private sendable(batch: OutboxRow[]): OutboxRow[] {
    const places = (rows: Iterable<OutboxRow>): Set<string> => new Set([...rows].flatMap((r) => r.touched.map(place)));
    const stuck = places(this.stuck.values());
    const deferred = places(this.deferred.values());
    return batch.filter((r) => !this.stuck.has(r.pos) && !this.deferred.has(r.pos)
      && !r.touched.some((t) => stuck.has(place(t)) || (t.op !== 'create' && deferred.has(place(t)))));
  }

  /** Sends one batch and notes the answer. Returns when there was an answer with verdicts, or a turn. */
  async post(batch: OutboxRow[]): Promise<void> {
    const result = await authorized<PushAnswer>(this.s, { path: '/api/sync/push' }, true, checks.push,
      (st, now) => pushBody(st, now, batch), this.signal);
    if ('turn' in result) {
      this.again = true;
      if (result.turn === 'forgotten') {
        this.report.rewound = true;
        return;
      }
      this.report.forked = true;
      if (++this.forks > MAX_FORKS) {
        throw new SdkError('refused', 'device_forked', 'The server keeps taking this device for a copy.', {
          hint: 'Tell your coordinator. Everything is kept on this device.',
        });
      }
      return;
    }
    await this.note(batch, result.answer, result.timing);
  }

  /**
   * Stores an answer: where the server stands, and each verdict. If that fails,
   * the send has not (DEV-5): the mutations stay waiting, are sent again, and
   * the server knows them.
   */
  private async note(batch: OutboxRow[], a: PushAnswer, t: Timing): Promise<void> {
    const verdicts = new Map(a.verdicts.filter(known).map((v) => [v.n, v]));
    const answered = batch.filter((r) => verdicts.has(r.n));
    // Nothing of such an answer is believed, not even where it says that it stands.
    if (batch.length > 0 && answered.length === 0) throw notOurs('The server gave no verdict.', 200);
    await this.s.store.write('note verdicts', async (tx) => {
      const st = await device(tx);
      await arrived(this.s, tx, st, a, t);
      for (const row of answered) await noteVerdict(tx, st, row.pos, verdicts.get(row.n)!);
      await sweep(tx, st);
      await settle(tx, st);
      putDevice(tx, st);
    });
    this.s.watch.noted();
    for (const row of answered) {
      const v = verdicts.get(row.n)!;
      this.report.verdicts.push(v);
      if (v.verdict === 'deferred') this.deferred.set(row.pos, row);
      else this.decided++;
    }
    this.report.sent += answered.length;
    this.answered += answered.length;
    if (a.rewound) {
      this.report.rewound = true;
      if (++this.rewinds <= MAX_REWINDS) this.again = true;
    }
    for (const row of batch) if (!verdicts.has(row.n)) this.stuck.set(row.pos, row); // against PUSH-4; it stays waiting
  }

  /** Sends a batch. Afterwards each mutation of it has a verdict, is parked, is a suspect, or waits because of the error. */
  private async deliver(batch: OutboxRow[], failedSince: number): Promise<void> {
    const since = failedSince < 0 ? this.answered : failedSince;
    let size = Math.ceil(batch.length / 2);
    try {
      await this.postPatiently(batch);
      if (batch.length === this.s.batch) this.s.batch *= 2; // the link carries it: more next time
      return;
    } catch (err) {
      const e = explain(err);
      if (e.slow && batch.length > SMALL_BATCH && this.slow < MAX_SLOW) {
        this.slow++;
        size = this.s.batch = this.max = Math.max(SMALL_BATCH, Math.floor(batch.length / 4));
      } else if (e.status === 413) { // also one of a proxy on the way: sending less is harmless
        const { limits } = e;
        if (limits) await this.s.store.write('note limits', async (tx) => putDevice(tx, { ...(await device(tx)), limits }));
        if (batch.length === 1) return this.tooBig(batch[0]!, e);
        this.max = size;
      } else if (!blamesContent(e)) throw err;
      else if (batch.length === 1) return this.suspect({ row: batch[0]!, since, err });
    }
    for (let at = 0; at < batch.length && !this.again; at += size) {
      const part = this.sendable(batch.slice(at, at + size));
      if (part.length > 0) await this.deliver(part, since);
    }
  }

  /** Tries a batch again when the server has a fault of its own: only a repeated one says something about the batch. */
  private async postPatiently(batch: OutboxRow[]): Promise<void> {
    let rest = FIRST_REST;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.post(batch);
      } catch (err) {
        if (attempt === TRIES || !serverFault(explain(err))) throw err;
      }
      await this.s.sleep(rest * (0.5 + this.s.random()), this.signal);
      rest *= 2;
    }
  }

  /** Deals with a single mutation that is too large. The server's word parks it; a proxy's word does not, it only waits. */
  private async tooBig(row: OutboxRow, e: SdkError): Promise<void> {
    if (e.kind === 'not_ours') this.stuck.set(row.pos, row);
    else await this.park(row, 'too_large', 'The server does not take anything this large.');
  }

  private async suspect(s: Suspect): Promise<void> {
    if (this.answered > s.since) return this.park(s.row);
    this.stuck.set(s.row.pos, s.row);
    this.suspects.push(s);
    if (this.suspects.filter((x) => this.answered === x.since).length >= MAX_SUSPECTS) await this.judge();
  }

  /** Parks the suspects that there is evidence against. The others stay suspects. */
  private async parkConfirmed(): Promise<void> {
    const confirmed = this.suspects.filter((s) => this.answered > s.since);
    this.suspects = this.suspects.filter((s) => this.answered <= s.since);
    for (const s of confirmed) await this.park(s.row);
  }

  /** Decides about the suspects. It fails with the error of one that there is no evidence against: it waits, and the push ends. */
  private async judge(): Promise<void> {
    await this.parkConfirmed();
    const open = this.suspects;
    if (open.length === 0) return;
    this.suspects = [];
    await this.s.store.write('count fails', async (tx) => {
      for (const { row } of open) {
        const now = await tx.get<OutboxRow>('outbox', posKey(row.pos));
        if (now) putRow(tx, { ...now, fails: now.fails + 1 });
      }
    });
    const enough = open.length > 1 ? FAILS_OF_MANY : FAILS_TO_PARK;
    let alive = true;
    try {
      await this.post([]);
    } catch {
      alive = false;
    }
    for (const { row, err } of open) {
      const worn = !serverFault(explain(err)) || row.fails + 1 >= enough;
      if (!alive || !worn || (this.blind >= MAX_BLIND && this.answered === 0)) throw err;
      this.blind++;
      await this.park(row);
    }
  }

  /** Sets a mutation aside for a person (DEV-4). It is kept whole. */
  private async park(row: OutboxRow, code = 'cannot_be_sent', message = 'The server fails on this one each time it is sent.'): Promise<void> {
    await this.s.store.write('park', async (tx) => {
      const now = await tx.get<OutboxRow>('outbox', posKey(row.pos));
      if (now?.phase === 'waiting') putRow(tx, { ...now, phase: 'parked', code, message });
    });
    this.report.parked++;
    this.stuck.delete(row.pos);
    this.released = true;
  }
}

const place = (r: Ref): string => `${r.collection}/${r.id}`;
const known = (v: Verdict): boolean => ['applied', 'merged', 'refused', 'deferred'].includes(v?.verdict);

function pushBody(st: DeviceRow, now: number, batch: OutboxRow[]): string {
  const { id, epoch, mark } = st;
  const head = JSON.stringify({ protocol: PROTOCOL, device: id, epoch, now: timeText(now), mark });
  return `${head.slice(0, -1)},"mutations":[${batch.map(sentText).join(',')}]}`; // the stored text goes out as it is
}

/** Moves one mutation on. */
async function noteVerdict(tx: Writing, st: DeviceRow, pos: number, v: Verdict): Promise<void> {
  const row = await tx.get<OutboxRow>('outbox', posKey(pos));
  if (row?.phase !== 'waiting') return;
  const next: OutboxRow = { ...row, verdict: v, seq: v.seq ?? 0, code: v.code ?? '', message: v.message ?? '', fails: 0, ack: 0 };
  if (v.verdict === 'applied' || v.verdict === 'merged') {
    next.phase = 'acknowledged';
    next.ack = ++st.acks;
    tx.carried(posKey(pos), { delivered: 1 });
  } else if (v.verdict === 'refused') {
    next.phase = 'parked';
    tx.carried(posKey(pos), null);
  }
  putRow(tx, next);
}

/** A 5xx in our shape that does not ask to come later. */
function serverFault(e: SdkError): boolean {
  return e.status >= 500 && (e.kind !== 'not_ours' || e.code === 'no_code') && e.code !== 'busy' && e.code !== 'quarantine_full';
}

const aboutDevice = ['unauthenticated', 'token_expired', 'wrong_device', 'device_revoked', 'bad_signature', 'not_allowed', 'challenge_expired', 'not_found',
  'device_forked', 'device_exists', 'unsupported_protocol', 'upgrade_required', 'slow_down', 'busy', 'quarantine_full', 'another_person'];

/** Tells answers that may be about a mutation (an unknown 4xx, a repeated 5xx) from those about the device or the whole server. */
function blamesContent(e: SdkError): boolean {
  return e.status >= 400 && (e.kind !== 'not_ours' || e.code === 'no_code') && !aboutDevice.includes(e.code);
}
