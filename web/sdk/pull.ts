/** Bringing the confirmed view up to date, page by page, and holding it against the server's (PULL-4, PULL-5, PULL-8). */
import { notOurs, explain } from './errors.ts';
import { device, outbox, posKey, putDevice, putRow, recordsOf, SEEN, type DeviceRow, type OutboxRow, type RecordRow, type SeenRow } from './rows.ts';
import { arrived, authorized, enrolled, noteProblem, settle, type Session } from './session.ts';
import { SMALL_BATCH } from './push.ts';
import type { Reading, Writing } from './store.ts';
import { checks, type Timing } from './transport.ts';
import { sameDigest, Summer, type Digest } from './wire/digest.ts';
import { DEFAULT_PAGE, MAX_WAIT, PROTOCOL, type PullAnswer, type WireChange } from './wire/messages.ts';
import { SCHEMA } from './wire/schemas.ts';

const MAX_SLOW = 2;
const CHECK_EVERY = 24 * 3600 * 1000;
const MAX_CHECK_RESETS = 3; // in CHECK_EVERY

/** What a pull did to one record of the confirmed view. A reset that sends a record again in the same version is no change. */
export interface Change {
  kind: 'new' | 'changed' | 'gone';
  collection: string;
  id: string;
  /** The record's version; of `gone`, the last one known. */
  seq: number;
  record: { [field: string]: unknown } | null;
  /** It came with a full view. */
  reset: boolean;
}

/** What came of comparing the confirmed view with the server's. */
export interface CheckReport {
  /** At the end all that is confirmed here is what the server shows the person. */
  agrees: boolean;
  /** Collections that did not agree at first. */
  differed: string[];
  /** Collections that do not agree after all; they are marked. */
  doubtful: string[];
  /** Collections that were doubtful and are no more. */
  cleared: string[];
  /** Full views that were pulled to mend it. */
  resets: number;
}

export interface PullReport {
  changes: Change[];
  /** Own reports that a coordinator has opened, as far as the server told now. */
  seen: string[];
  reset: boolean;
  /** The server's history went back; what it lost waits again. */
  rewound: boolean;
  /** What a check found; null: none was due, or it has not come to an end. */
  check: CheckReport | null;
}

export const emptyPullReport = (): PullReport => ({ changes: [], seen: [], reset: false, rewound: false, check: null });

export interface PullOptions {
  /** How long the server may hold the request, ms; at most 25 s. */
  wait?: number;
  /** How long each request may take beside that, ms. */
  within?: number;
  /** Compare the view with the server's even if that is not due. */
  check?: boolean;
}

/** Pulls into `report`. Pages that came before an error are stored, and the next pull goes on behind them. */
export async function pull(s: Session, report: PullReport, options: PullOptions = {}, signal?: AbortSignal): Promise<void> {
  let failure: unknown;
  try {
    await s.store.locks.hold(s.store.lockName('pull'), () => pages(s, report, options, signal), signal);
  } catch (err) {
    failure = err;
  }
  await noteProblem(s, failure, false);
  if (failure !== undefined) throw failure;
}

async function pages(s: Session, report: PullReport, options: PullOptions, signal?: AbortSignal): Promise<void> {
  let st = await enrolled(s);
  if (options.check) {
    // Noted before it is tried: if there is no network, the next pull checks.
    await s.store.write('ask for a check', async (tx) => putDevice(tx, { ...(await device(tx)), checked: 0 }));
    st = { ...st, checked: 0 };
  }
  const said = s.app ? await s.store.read('count what waits', async (tx) => ({
    app: s.app, ...(st.person?.role === 'staff' ? {} : { waiting: (await outbox(tx)).filter((r) => r.phase === 'waiting').length }),
  })) : {};
  const { acks } = st; // what is acknowledged by now will be in the view when the pull is through
  const passed = s.watch.now().wall - st.checked;
  const check = passed < 0 || passed >= CHECK_EVERY;
  let { cursor } = st;
  let wait = check ? 0 : Math.min(Math.max(options.wait ?? 0, 0), MAX_WAIT * 1000);
  for (let slow = 0; ;) {
    let limit = Math.min(DEFAULT_PAGE * 2, Math.max(st.limits.changes, 1));
    if (s.page > 0) limit = Math.min(limit, s.page);
    const seconds = Math.floor(wait / 1000);
    let answer: PullAnswer;
    let timing: Timing;
    try {
      const result = await authorized<PullAnswer>(s, { path: '/api/sync/pull', wait: seconds * 1000, ...(options.within ? { within: options.within } : {}) },
        false, checks.pull, (now) => JSON.stringify({
          protocol: PROTOCOL, schema: SCHEMA, device: now.id, mark: now.mark, cursor: now.cursor, limit, wait: seconds, digests: check, ...said,
        }), signal);
      if ('turn' in result) throw new Error('a pull has no turn');
      ({ answer, timing } = result);
    } catch (err) {
      const e = explain(err);
      // Only if an answer had begun: what does not answer at all is not slow.
      if (!e.slow || !e.begun || slow >= MAX_SLOW || limit <= SMALL_BATCH) throw err;
      slow++;
      s.page = Math.max(SMALL_BATCH, Math.floor(limit / 4));
      continue;
    }
    if (answer.more && answer.changes.length === 0 && cursor !== null && cursor === answer.cursor && !answer.reset) {
      throw notOurs('The pull does not get on.', 200);
    }
    const again = await applyPage(s, answer, timing, acks, check, report);
    if (answer.changes.length >= limit && s.page > 0) s.page *= 2; // the link carries it: more next time
    if (!answer.more && !again) return;
    cursor = again ? null : answer.cursor;
    wait = 0;
  }
}

/** Stores a page with its cursor and mark in one transaction. Tells whether the view failed its check and is to be pulled from nothing. */
async function applyPage(s: Session, a: PullAnswer, t: Timing, acks: number, check: boolean, report: PullReport): Promise<boolean> {
  const { wall } = s.watch.now();
  const { changes, found, again } = await s.store.write('store page', async (tx) => {
    const st = await device(tx);
    await arrived(s, tx, st, a, t);
    if (a.reset) {
      st.generation++;
      st.resetting = true;
    }
    const changes = await applyChanges(tx, st, a.changes);
    await noteSeen(tx, st, a.seen ?? []);
    if (!a.more) {
      changes.push(...await finish(tx, st, acks, a));
      await dealtWith(tx);
    }
    st.cursor = a.cursor;
    let again = false;
    let found = report.check && { ...report.check };
    if (check && !a.more) ({ again, found } = await compare(tx, st, a.digests, wall, Date.parse(a.now), found));
    await settle(tx, st);
    putDevice(tx, st);
    return { changes, found, again };
  });
  s.watch.noted();
  report.check = found;
  report.changes.push(...changes);
  report.seen.push(...(a.seen ?? []));
  report.reset ||= a.reset;
  report.rewound ||= a.rewound ?? false;
  return again;
}

async function applyChanges(tx: Writing, st: DeviceRow, page: WireChange[]): Promise<Change[]> {
  const out: Change[] = [];
  const known = new Map<string, ReadonlyMap<string, RecordRow>>(); // before this page: no record comes twice in it
  for (const c of page) {
    const group = recordsOf(c.collection);
    if (!known.has(group)) known.set(group, await tx.all<RecordRow>(group));
    const before = known.get(group)!.get(c.id);
    if (c.record === null) {
      if (!before) continue;
      tx.delete(group, c.id);
      out.push({ kind: 'gone', collection: c.collection, id: c.id, seq: before.seq, record: null, reset: st.resetting });
      continue;
    }
    if (!st.collections.includes(c.collection)) st.collections = [...st.collections, c.collection].sort();
    tx.put(group, c.id, { seq: c.seq, generation: st.generation, record: c.record } satisfies RecordRow);
    if (before?.seq === c.seq) continue;
    out.push({ kind: before ? 'changed' : 'new', collection: c.collection, id: c.id, seq: c.seq, record: c.record, reset: st.resetting });
  }
  return out;
}

async function noteSeen(tx: Writing, st: DeviceRow, ids: string[]): Promise<void> {
  const slices = new Map<string, SeenRow>();
  for (const id of ids) {
    const key = id[0] ?? '';
    let slice = slices.get(key);
    if (!slice) slices.set(key, slice = { ...(await tx.get<SeenRow>(SEEN, key)) });
    slice[id] = st.generation;
  }
  for (const [key, slice] of slices) tx.put(SEEN, key, slice);
}

/** Ends a view: a reset drops what was not sent since it began. */
async function finish(tx: Writing, st: DeviceRow, acks: number, a: PullAnswer): Promise<Change[]> {
  let gone: Change[] = [];
  if (st.resetting) {
    st.resetting = false;
    st.stale = true;
    gone = await sweep(tx, st);
    for (const [key, slice] of await tx.all<SeenRow>(SEEN)) {
      const kept = Object.entries(slice).filter(([, generation]) => generation >= st.generation);
      if (kept.length === 0) tx.delete(SEEN, key);
      else if (kept.length < Object.keys(slice).length) tx.put(SEEN, key, Object.fromEntries(kept));
    }
  }
  st.viewEpoch = a.epoch;
  st.pulledAcks = Math.max(st.pulledAcks, acks);
  return gone;
}

/**
 * Drops records of an older view, unless a reset is still bringing the new one.
 * Those with own changes that wait stay until these have a verdict (PULL-4);
 * the next pull knows whether they are in the view.
 */
export async function sweep(tx: Writing, st: DeviceRow): Promise<Change[]> {
  if (st.resetting || !st.stale) return [];
  const gone: Change[] = [];
  let kept = false;
  let waiting: Set<string> | undefined;
  for (const collection of st.collections) {
    for (const [id, row] of await tx.all<RecordRow>(recordsOf(collection))) {
      if (row.generation >= st.generation) continue;
      waiting ??= new Set((await outbox(tx)).filter((r) => r.phase === 'waiting').flatMap((r) => r.touched.map((t) => `${t.collection}/${t.id}`)));
      if (waiting.has(`${collection}/${id}`)) {
        kept = true;
        continue;
      }
      tx.delete(recordsOf(collection), id);
      gone.push({ kind: 'gone', collection, id, seq: row.seq, record: null, reset: true });
    }
  }
  st.stale = kept;
  return gone;
}

/**
 * Follows a complete view: what a coordinator has released or adopted out of
 * quarantine is received, and no longer for its person to correct (PUSH-6).
 */
async function dealtWith(tx: Writing): Promise<void> {
  for (const row of await outbox(tx)) {
    const id = row.phase === 'parked' ? row.verdict?.quarantine : undefined;
    if (!id) continue;
    const kept = await tx.get<RecordRow>(recordsOf('quarantine'), id);
    if (kept?.record.state !== 'released' && kept?.record.state !== 'adopted') continue;
    putRow(tx, { ...row, phase: 'acknowledged', seq: kept.seq, code: '', message: '', ack: 0 } satisfies OutboxRow);
    tx.carried(posKey(row.pos), null);
  }
}

/** The digests of the confirmed view. What a reset has left because of a waiting change is not in it. */
export async function digests(tx: Reading, st: DeviceRow): Promise<{ [collection: string]: Digest }> {
  const out: { [collection: string]: Digest } = {};
  for (const collection of st.collections) {
    const sum = new Summer();
    for (const [id, row] of await tx.all<RecordRow>(recordsOf(collection))) if (row.generation === st.generation) sum.add(id, row.seq);
    const digest = sum.digest();
    if (digest.count > 0) out[collection] = digest;
  }
  return out;
}

/** Compares the view that a pull has just made whole with the server's. A server that gave no digests is asked again in a day. */
async function compare(tx: Writing, st: DeviceRow, theirs: PullAnswer['digests'], wall: number, server: number, before: CheckReport | null):
Promise<{ again: boolean; found: CheckReport | null }> {
  if (!theirs) {
    st.checked = wall;
    return { again: false, found: null };
  }
  const found: CheckReport = before ?? { agrees: false, differed: [], doubtful: [], cleared: [], resets: 0 };
  const bad = differing(await digests(tx, st), theirs);
  if (found.resets === 0) found.differed = bad;
  // By the server's clock: nobody sets that one back and forth here.
  st.checkResets = st.checkResets.filter((at) => Math.abs(server - at) < CHECK_EVERY);
  if (bad.length > 0 && st.checkResets.length < MAX_CHECK_RESETS && found.resets < MAX_CHECK_RESETS) {
    found.resets++;
    st.checkResets = [...st.checkResets, server];
    st.checked = 0;
    st.cursor = null;
    return { again: true, found };
  }
  st.checked = wall;
  found.agrees = bad.length === 0;
  found.doubtful = bad;
  found.cleared = Object.keys(st.doubtful).filter((c) => !bad.includes(c)).sort();
  st.doubtful = Object.fromEntries(bad.map((c) => [c, st.doubtful[c] ?? wall]));
  return { again: false, found };
}

/** The collections whose digests are not the same, sorted. One that is missing is empty. */
function differing(mine: { [c: string]: Digest }, theirs: { [c: string]: Digest }): string[] {
  const nothing = new Summer().digest();
  const names = new Set([...Object.keys(mine), ...Object.keys(theirs)]);
  return [...names].filter((c) => !sameDigest(mine[c] ?? nothing, theirs[c] ?? nothing)).sort();
}
