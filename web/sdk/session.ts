/**
 * What every exchange of a device shares: its store, clocks, transport, and the
 * getting of tokens (DEV-6, PUSH-3, EPOCH-3).
 */
import type { Watch } from './clock.ts';
import { aborted, explain, hasCode, notEnrolled, SdkError } from './errors.ts';
import { JUMP_TOLERANCE } from './hlc/hlc.ts';
import { newKey, sign, useKey } from './keys.ts';
import { bodyOf, carry, everyRow, makeID, sealRow, SEALED_ENVELOPE } from './outbox.ts';
import { leaveAll, photosAgain, settlePhotos } from './photos.ts';
import { device, outbox, posKey, putDevice, putRow, type DeviceRow, type Identity, type OutboxRow, type Problem } from './rows.ts';
import type { Store, Writing } from './store.ts';
import { checks, offsetOf, type Check, type Request, type Timing, type Transport } from './transport.ts';
import { thumbprint } from './wire/ids.ts';
import { MAX_MUTATION_BYTES, renewText, type NewDevice, type Place } from './wire/messages.ts';

export interface Session {
  readonly store: Store;
  readonly watch: Watch;
  readonly transport: Transport;
  readonly sealAll: boolean;
  /** Name and version of the app, told in pulls; '' for none. */
  readonly app?: string;
  /** From 0 up to but not 1. */
  random(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** How much one request carries on the link as it is; 0: as much as the server takes. */
  batch: number;
  page: number;
  /** The order to wipe itself that the server told last; '' for none. */
  order: string;
  /** The last push met nobody. */
  unheard?: boolean;
}

/** Waits; fails with `aborted` when the signal ends it. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted());
    const done = (): void => {
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const end = (): void => {
      clearTimeout(timer);
      reject(aborted());
    };
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** Reads the state; `not_enrolled` when there is no token. */
export async function enrolled(s: Session): Promise<DeviceRow> {
  const st = await s.store.read('read device', device);
  if (!st.token) throw notEnrolled('This device is not enrolled.');
  return st;
}

/**
 * Why an exchange gets no answer but is to begin again from the first waiting
 * mutation: `forked`, the device goes on under a new id; `forgotten`, the server
 * had forgotten the device, and with it what it had acknowledged.
 */
export type Turn = 'forked' | 'forgotten';

/**
 * Makes one exchange that needs the token. An expired one is renewed, once; a
 * push that finds the device forked or forgotten gives that instead of an
 * answer. `body` is made anew for each try.
 */
export async function authorized<T>(s: Session, r: Omit<Request, 'method' | 'base' | 'token' | 'body'> & { method?: Request['method'] }, push: boolean, check: Check,
  body: (st: DeviceRow, now: number) => string, signal?: AbortSignal): Promise<{ answer: T; timing: Timing } | { turn: Turn }> {
  for (let renewed = false; ; renewed = true) {
    const st = await enrolled(s);
    try {
      const text = body(st, s.watch.now().wall);
      return await s.transport.exchange<T>({ method: 'POST', ...r, base: st.url, token: st.token, ...(text && { body: text }) }, check, signal);
    } catch (err) {
      if (push && hasCode(err, 'device_forked')) {
        await fork(s, st, signal);
        return { turn: 'forked' };
      }
      // A revoked device may still hand in what it holds (PUSH-10), and a token
      // made under a lost secret is not known as expired.
      const renewable = hasCode(err, 'token_expired', 'unauthenticated') || (push && hasCode(err, 'device_revoked'));
      if (renewed || !renewable) throw err;
      // A push and a pull, or two tabs, may find the token over at the same time:
      // one renewal is enough, and a second would end the first one's token.
      const turned = await s.store.locks.hold(s.store.lockName('renew'), async () =>
        ((await enrolled(s)).token === st.token ? renew(s, st, signal) : false), signal);
      if (turned && push) return { turn: 'forgotten' };
    }
  }
}

/**
 * Gets a new token by the device's key. The queue is touched only where the
 * result tells that the server knew no more than an ancestor: then it has
 * nothing of what this device handed in (EPOCH-3).
 */
async function renew(s: Session, st: DeviceRow, signal?: AbortSignal): Promise<boolean> {
  const { token, known } = await tokenAgain(s, st.url, line(st), signal);
  const person = personOf(token);
  if (person && st.person && person !== st.person.id) {
    throw new SdkError('refused', 'another_person', "The server takes this device for another person's.", {
      hint: 'Enrol this device again, with the invite that it was last enrolled with. Everything is kept on it.',
    });
  }
  const lost = known > 0;
  await s.store.write('note token', async (tx) => {
    const now = await device(tx);
    if (lost) await sendAgain(tx, now, s.watch.now().wall);
    if (now.id === st.id) now.token = token;
    putDevice(tx, now);
  });
  return lost;
}

/** What this device goes by and what it descends from, the first that was enrolled last. */
export const line = (st: DeviceRow): Identity[] => [{ id: st.id, key: st.key }, ...[...st.lineage].reverse()];

/**
 * A token for the first of a line. Where the server was restored to before it
 * knew that one, the nearest ancestor that it knows tells who goes on for it,
 * down to the first. `known` is that ancestor's place.
 */
export async function tokenAgain(s: Session, base: string, ids: Identity[], signal?: AbortSignal): Promise<{ token: string; known: number }> {
  for (let known = 0; known < ids.length; known++) {
    let token: string;
    try {
      token = await askToken(s, base, ids[known]!, undefined, signal);
    } catch (err) {
      if (hasCode(err, 'bad_signature')) continue;
      throw err;
    }
    for (let i = known - 1; i >= 0; i--) token = await askToken(s, base, ids[i + 1]!, ids[i], signal);
    return { token, known };
  }
  throw new SdkError('refused', 'bad_signature', 'The server does not know this device.', {
    hint: 'It may have been restored from a backup that is older than this device. Ask your coordinator for a new invite and enrol '
      + 'this same device with it: what was saved here is kept, and what the server lost is handed in again.',
  });
}

/** Whom a device token is for: it is one of PocketBase's (ENROL-3). '' for a token that does not say it. */
function personOf(token: string): string {
  try {
    const claims = JSON.parse(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'))) as { id?: unknown };
    return typeof claims.id === 'string' ? claims.id : '';
  } catch {
    return '';
  }
}

/** Signs a challenge. One that has expired on the way is asked for once more. */
async function askToken(s: Session, base: string, as: Identity, next?: Identity, signal?: AbortSignal): Promise<string> {
  for (let again = false; ; again = true) {
    try {
      const { answer: { challenge } } = await s.transport.exchange<{ challenge: string }>(
        { method: 'POST', base, path: '/api/sync/challenge', body: JSON.stringify({ device: as.id }) }, checks.challenge, signal);
      const newDevice: NewDevice | undefined = next && { id: next.id, key: next.key.public };
      const text = renewText(as.id, challenge, newDevice && { id: newDevice.id, thumbprint: thumbprint(newDevice.key) });
      const signature = await sign(await useKey(as.key), text);
      const body = JSON.stringify({ device: as.id, challenge, signature, ...(newDevice ? { newDevice } : {}) });
      const { answer } = await s.transport.exchange<{ token: string; wipe?: string }>({ method: 'POST', base, path: '/api/sync/renew', body }, checks.renew, signal);
      s.order = answer.wipe ?? '';
      return answer.token;
    } catch (err) {
      if (again || !hasCode(err, 'challenge_expired')) throw err;
    }
  }
}

/**
 * Goes on under a new id and key, because the store is a copy of one that has
 * gone on without it (PUSH-3). The new id is stored before it is told, so that
 * an answer lost on the way is asked for again and not a third id made.
 */
async function fork(s: Session, st: DeviceRow, signal?: AbortSignal): Promise<void> {
  let next = st.fork;
  if (!next) {
    next = { id: makeID(), key: (await newKey()).stored };
    const prepared = next;
    await s.store.write('prepare new device id', async (tx) => putDevice(tx, { ...(await device(tx)), fork: prepared }));
  }
  let token: string;
  try {
    token = await askToken(s, st.url, st, next, signal);
  } catch (err) {
    if (!hasCode(err, 'device_exists')) throw err;
    // The answer to an earlier try was lost: the new device is known already.
    token = await askToken(s, st.url, next, undefined, signal);
  }
  const taken = next;
  await s.store.write('take new device id', async (tx) => {
    const now = await device(tx);
    const { wall } = s.watch.now();
    const rows = (await everyRow(tx)).sort((a, b) => a.n - b.n);
    const st: DeviceRow = {
      ...now, ...taken, token, n: rows.length, fork: null, lineage: [...now.lineage, { id: now.id, key: now.key, until: wall }],
    };
    // Every mutation gets a new n in the old order; what goes out sealed is
    // sealed for these. Stamps stay: by them the server knows what it has taken.
    let n = 0;
    for (const row of rows) await reseal(tx, st, { ...row, n: ++n });
    await leaveAll(tx, st);
    putDevice(tx, st);
  });
}

/** Seals a row for the device as it is now, and leaves it beside the vault so. */
async function reseal(tx: Writing, st: DeviceRow, row: OutboxRow): Promise<void> {
  if (row.body === null || row.phase === 'settled' || row.phase === 'corrected') {
    putRow(tx, row);
    return;
  }
  const { stamp } = bodyOf(row)!;
  const sealed = await sealRow(st, row.n, stamp, row.body);
  const fits = sealed.length <= MAX_MUTATION_BYTES - SEALED_ENVELOPE;
  const next = { ...row, sealed: fits ? sealed : '', sendsSealed: row.sendsSealed && fits };
  putRow(tx, next);
  if (next.sealed && !keptElsewhere(next)) carry(tx, st, next);
}

/** A refusal that the server keeps whole: nobody needs to carry it there. */
const keptElsewhere = (row: OutboxRow): boolean => row.phase === 'parked' && row.verdict !== null;

/** Seals everything that is open for the installation's key as it is now: it follows an enrolment. */
export async function sealAllRows(tx: Writing, st: DeviceRow): Promise<void> {
  for (const row of await outbox(tx)) await reseal(tx, st, row);
  await leaveAll(tx, st);
}

/**
 * Follows a history that has gone back: all acknowledged mutations that are
 * still kept wait again: their n are lower, so they go before what is new. The
 * view begins anew: with the old cursor the next pull would tell of the same
 * rewind, and all go out once more.
 */
export async function sendAgain(tx: Writing, st: DeviceRow, wall: number): Promise<void> {
  let notes = 0;
  for (const row of await outbox(tx)) {
    if (row.phase !== 'acknowledged') continue;
    notes++;
    putRow(tx, { ...row, phase: 'waiting', seq: 0, ack: 0 });
    tx.carried(posKey(row.pos), { delivered: 0 });
  }
  await photosAgain(tx);
  st.cursor = null;
  if (notes > 0) st.rewound = { at: wall, notes };
}

/** Stores where the server stands. */
export async function arrived(s: Session, tx: Writing, st: DeviceRow, a: Place, t: Timing): Promise<void> {
  const { wall, jumped } = s.watch.now();
  if (a.rewound) await sendAgain(tx, st, wall);
  s.order = a.wipe ?? '';
  // It starts anew with the next stamp, now: a stamp that finds a clock set back
  // while nobody looked would take this offset for an older one.
  if (jumped || st.clock.ms - wall > JUMP_TOLERANCE) st.clock = { ms: 0, counter: 0 };
  st.offset = offsetOf(t, Date.parse(a.now));
  st.offsetAt = wall;
  st.epoch = a.epoch;
  st.mark = a.mark;
  st.durableSeq = a.durableSeq;
  st.contact = wall;
  // Whatever the problem was, the server is there, unless it was a push's.
  if (st.problem && !st.problem.push) st.problem = null;
}

/**
 * Lets go of acknowledged mutations that are held off the server's machine
 * (EPOCH-3): none of them is ever sent again. Reports of staff keep their
 * content: they are read back from here alone.
 */
export async function settle(tx: Writing, st: DeviceRow): Promise<void> {
  const keep = st.person?.role === 'staff';
  for (const row of await outbox(tx)) {
    if (row.phase !== 'acknowledged' || row.seq > st.durableSeq) continue;
    putRow(tx, { ...row, phase: 'settled', sealed: '', body: keep ? row.body : null });
    tx.carried(posKey(row.pos), null);
  }
  await settlePhotos(tx, st.durableSeq);
}

/**
 * Stores why an exchange failed, and that it no longer does. A push that was
 * answered with an error is what a person must learn of: neither a pull nor a
 * dead network takes its place.
 */
export async function noteProblem(s: Session, err: unknown, push: boolean): Promise<void> {
  if (err === undefined && !push) return;
  const e = err === undefined ? undefined : explain(err);
  if (e?.kind === 'aborted' || e?.kind === 'locked' || e?.kind === 'store') return;
  const { wall } = s.watch.now();
  await s.store.write('note problem', async (tx) => {
    const st = await device(tx);
    const before = st.problem;
    const answered = push && e !== undefined && e.kind !== 'offline' && e.kind !== 'not_ours';
    if (e === undefined ? !before?.push : before?.push && !answered) return;
    const problem: Problem | null = e ? { code: e.code, message: e.message, hint: e.hint, at: wall, push: answered } : null;
    putDevice(tx, { ...st, problem });
  });
}
