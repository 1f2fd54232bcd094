/** What a person does: one row a mutation, numbered and stamped in the transaction that stores it (DEV-1). */
import { nextStamp, type Watch } from './clock.ts';
import { badInput, hasCode, notEnrolled } from './errors.ts';
import { validID } from './hlc/hlc.ts';
import { sign, useKey } from './keys.ts';
import { device, OUTBOX, outbox, posKey, putDevice, putRow, recordsOf, SETTLED, seenIDs, type DeviceRow, type OutboxRow, type Phase, type RecordRow, type Ref } from './rows.ts';
import { sealFor } from './seal.ts';
import type { Reading, Store, Writing } from './store.ts';
import { wordOf, type Word } from './sync-state.ts';
import { base64url, sha256, utf8 } from './wire/bytes.ts';
import { newID } from './wire/ids.ts';
import type { Json, JsonObject } from './wire/json.ts';
import { MAX_MUTATION_BYTES, MAX_N, MAX_OPS, type Mutation, type Op, type OpKind, type Verdict } from './wire/messages.ts';
import { recoveryFile, recoveryText } from './wire/recovery.ts';
import { SCHEMA } from './wire/schemas.ts';
import { sealedAAD, sealedText } from './wire/sealed.ts';

/** More than what surrounds the sealed part of a mutation, in bytes. */
export const SEALED_ENVELOPE = 512;

/** An op to be saved. A create without an id gets one; an update or delete without a base gets the version that is confirmed here. */
export interface NewOp {
  op: OpKind;
  collection: string;
  id?: string;
  base?: number;
  fields?: JsonObject;
}

/** What a save has stored. */
export interface Saved {
  n: number;
  stamp: string;
  /** The records of the ops, in their order. */
  ids: string[];
}

/** A mutation of the outbox, as it is shown. */
export interface Entry {
  n: number;
  stamp: string;
  phase: Phase;
  word: Word;
  made: number;
  ops: Op[];
  records: Ref[];
  verdict: Verdict | null;
  code: string;
  message: string;
  /** n of the corrected copy, 0 if none. */
  correctedBy: number;
  correctionOf: number;
  /** The mutation as it was made; null once settled. */
  raw: string | null;
  sealed: boolean;
}

interface Body {
  stamp: string;
  offset: number | null;
  epoch: string | null;
  schema: number;
  ops: Op[];
}

export const randomBytes = (into: Uint8Array<ArrayBuffer>): void => { crypto.getRandomValues(into); };
export const makeID = (): string => newID(randomBytes);

export const bodyOf = (row: OutboxRow): Body | null => (row.body === null ? null : (JSON.parse(row.body) as Body));

/** Puts n in front of a stored body. */
export const withN = (n: number, body: string): string => `{"n":${n},${body.slice(1)}`;

/** Whether what is saved now goes out sealed: a device of staff seals (SEALED). */
export const sendsSealed = (st: DeviceRow, sealAll: boolean): boolean => sealAll || st.person?.role === 'staff';

const bytesOf = (text: string): number => utf8(text).length;

/** Saves of which nobody could tell whether they are on the disk, by their draft: what was asked for, and what was to be stored. */
export type Unsure = Map<string, { given: string; ops: Op[] }>;

export interface AddOptions {
  correctionOf?: number;
  sealAll: boolean;
  /** The draft that it comes of: if a save of it is among the unsure, the same again is that one. */
  draft?: string | undefined;
  unsure?: Unsure;
  /** What else is written in the same transaction. */
  also?: (tx: Writing) => unknown;
  /** Acts of their own that follow this one, saved in the same transaction. */
  further?: (tx: Writing, saved: Saved) => Promise<readonly (readonly NewOp[])[]>;
}

/** Saves one mutation, and those that follow it, all or nothing. */
export async function add(store: Store, watch: Watch, given: readonly NewOp[], options: AddOptions): Promise<Saved> {
  const { draft = '', unsure } = options;
  const before = unsure?.get(draft);
  const again = before !== undefined && before.given === JSON.stringify(given);
  const named = again ? before.ops : complete(given);
  const saved = await store.write('save', async (tx) => {
    const made = again && (await everyRow(tx)).find((r) => r.touched.some((t) => t.op === 'create' && t.id === named[0]!.id));
    if (made) {
      await options.also?.(tx);
      return { n: made.n, stamp: made.stamp, ids: made.touched.map((t) => t.id) };
    }
    const st = await device(tx);
    if (!st.sealKey) throw notEnrolled('This device is not enrolled, and knows nobody to seal for.');
    const { wall, jumped } = watch.now();
    const one = async (ops: Op[], correctionOf: number, late: boolean): Promise<OutboxRow> => {
      if (st.n >= MAX_N) throw badInput('n_used_up', 'This device cannot number any more changes.', 'Enrol anew.');
      const stamp = await nextStamp(tx, st, wall, jumped && !late);
      const body = JSON.stringify({ stamp, offset: st.offset, epoch: st.viewEpoch, schema: SCHEMA, ops } satisfies Body);
      if (bytesOf(body) > MAX_MUTATION_BYTES - 32) {
        throw badInput('too_large', 'This is more than one change may hold (1 MiB).', 'Save it in smaller parts.');
      }
      const row: OutboxRow = {
        pos: ++st.pos, n: ++st.n, stamp, body, touched: ops.map(({ op, collection, id }) => ({ op, collection, id })), phase: 'waiting', made: wall,
        seq: 0, verdict: null, code: '', message: '', fails: 0, ack: 0, correctedBy: 0, correctionOf,
        sealed: await sealRow(st, st.n, stamp, body), sendsSealed: sendsSealed(st, options.sealAll),
      };
      if (row.sealed.length > MAX_MUTATION_BYTES - SEALED_ENVELOPE) {
        throw badInput('too_large', 'This is more than one sealed change may hold (about 768 KiB).', 'Save it in smaller parts.');
      }
      carry(tx, st, row);
      putRow(tx, row);
      return row;
    };
    const ops = await fillBases(tx, named);
    const row = await one(ops, options.correctionOf ?? 0, false);
    const saved: Saved = { n: row.n, stamp: row.stamp, ids: ops.map((op) => op.id) };
    if (options.correctionOf) {
      const of = await tx.get<OutboxRow>(OUTBOX, posKey(options.correctionOf));
      if (of) putRow(tx, { ...of, phase: 'corrected', correctedBy: row.pos });
      // What was corrected is not to come by another way as well.
      tx.carried(posKey(options.correctionOf), null);
    }
    for (const next of (await options.further?.(tx, saved)) ?? []) await one(complete(next), 0, true);
    putDevice(tx, st);
    await options.also?.(tx);
    return saved;
  }).catch((err: unknown) => {
    if (draft && hasCode(err, 'store_lost')) unsure?.set(draft, { given: JSON.stringify(given), ops: named });
    throw err;
  });
  unsure?.delete(draft);
  watch.noted();
  return saved;
}

function complete(given: readonly NewOp[]): Op[] {
  if (given.length === 0 || given.length > MAX_OPS) {
    throw badInput('bad_ops', `A mutation has 1 to ${MAX_OPS} ops.`, 'Save it in smaller parts.');
  }
  return given.map((g) => {
    const op = { op: g.op, collection: g.collection, id: g.id ?? (g.op === 'create' ? makeID() : ''), base: g.base ?? 0 } as Op;
    if (g.fields !== undefined) {
      try {
        op.fields = JSON.parse(JSON.stringify(g.fields)) as JsonObject; // what goes out, and not what the caller may change
      } catch {
        throw badInput('not_json', 'A field holds what JSON cannot.', 'Correct the field and save again.');
      }
    }
    const problem = formOf(op);
    if (problem) throw badInput('bad_ops', problem, 'Correct it and save again.');
    return op;
  });
}

function formOf(op: Op): string {
  if (op.op !== 'create' && op.op !== 'update' && op.op !== 'delete') return 'An op is create, update or delete.';
  if (typeof op.collection !== 'string' || op.collection === '') return 'An op names no collection.';
  if (!validID(op.id)) return 'A record id is 15 characters a-z0-9.';
  if (!Number.isSafeInteger(op.base) || op.base < 0 || (op.op === 'create' && op.base !== 0)) return 'A base is the version of the record, 0 for a create.';
  if (op.op === 'update' && Object.keys(op.fields ?? {}).length === 0) return 'An update changes at least one field.';
  if (op.op === 'delete' && Object.keys(op.fields ?? {}).length > 0) return 'A delete has no fields.';
  return '';
}

/** The version that the person was looking at: the confirmed one, because what this device itself sent since never counts (MERGE-1). */
async function fillBases(tx: Reading, ops: Op[]): Promise<Op[]> {
  return Promise.all(ops.map(async (op) => {
    if (op.op === 'create' || op.base !== 0) return op;
    return { ...op, base: (await tx.get<RecordRow>(recordsOf(op.collection), op.id))?.seq ?? 0 };
  }));
}

/** Seals the ops of a stored body for this device and an n. */
export async function sealRow(st: DeviceRow, n: number, stamp: string, body: string): Promise<string> {
  const { ops } = JSON.parse(body) as Body;
  return sealFor(st.sealKey, sealedAAD(st.id, n, stamp), sealedText(JSON.stringify(ops)));
}

/** A mutation in its sealed form. */
export function sealedMutation(row: OutboxRow): Mutation {
  const { stamp, offset, epoch, schema } = bodyOf(row)!;
  return { n: row.n, stamp, offset, epoch, schema, sealed: row.sealed };
}

/** Which installation something is for: the beginning of its key's hash. */
export const homeOf = (sealKey: string): string => base64url(sha256(sealKey)).slice(0, 11);

/** Leaves a mutation beside the vault as a signed recovery file of one, so that it gets through while the vault is locked. */
export function carry(tx: Writing, st: DeviceRow, row: OutboxRow): void {
  if (!row.sealed) return;
  const { n, phase } = row;
  const signed = recoveryText(st.id, [sealedMutation(row)]);
  const home = homeOf(st.sealKey);
  // Nothing waits for the signature but the transaction.
  const file = useKey(st.key).then((key) => sign(key, signed)).then((signature) => recoveryFile(signed, signature));
  tx.carry(posKey(row.pos), file.then((file) => ({ n, home, file, delivered: phase === 'acknowledged' ? 1 : 0, code: '', notBefore: 0 })));
}

/** A mutation as it goes out. */
export function sentText(row: OutboxRow): string {
  return row.sendsSealed && row.sealed ? JSON.stringify(sealedMutation(row)) : withN(row.n, row.body!);
}

/** About how many bytes {@link sentText} takes, never less. */
export function sizeOf(row: OutboxRow): number {
  return row.sendsSealed && row.sealed ? row.sealed.length + SEALED_ENVELOPE : bytesOf(row.body!) + 24;
}

/** Every row of the outbox, settled ones too, in the order of making. */
export async function everyRow(tx: Reading): Promise<OutboxRow[]> {
  const rows = [...(await tx.all<OutboxRow>(SETTLED)).values(), ...(await outbox(tx))];
  return rows.sort((a, b) => a.pos - b.pos);
}

export async function entries(tx: Reading, keep: (row: OutboxRow) => boolean): Promise<Entry[]> {
  const rows = await everyRow(tx);
  const seen = await seenIDs(tx);
  const numbers = new Map(rows.map((r) => [r.pos, r.n]));
  return rows.filter(keep).map((r) => ({
    n: r.n, stamp: r.stamp, phase: r.phase, word: wordOf(r.phase, createsSeen(r, seen)), made: r.made,
    // Read when they are asked for: of ten thousand a list needs neither.
    get ops() { return bodyOf(r)?.ops ?? []; }, get raw() { return r.body === null ? null : withN(r.n, r.body); },
    records: r.touched, verdict: r.verdict, code: r.code, message: r.message,
    correctedBy: numbers.get(r.correctedBy) ?? 0, correctionOf: numbers.get(r.correctionOf) ?? 0,
    sealed: r.sendsSealed,
  }));
}

export const createsSeen = (r: OutboxRow, seen: ReadonlyMap<string, number>): boolean =>
  r.touched.some((t) => t.op === 'create' && seen.has(t.id));

/** The row of a parked mutation. */
export async function parkedRow(tx: Reading, n: number): Promise<OutboxRow> {
  const row = (await everyRow(tx)).find((r) => r.n === n);
  if (!row) throw badInput('unknown_n', `The outbox has no number ${n}.`, 'List the outbox to see the numbers.');
  if (row.phase !== 'parked') {
    throw badInput('not_parked', `Number ${n} does not need attention.`, 'Only what needs attention can be corrected or sent again.');
  }
  return row;
}

/**
 * The ops of a corrected copy. Records that the parked one would have created
 * get new ids, because the server keeps the refused ones; what the other ops say
 * about those ids is changed along. A correction is made on what is confirmed now.
 */
export function renamed(ops: readonly NewOp[]): NewOp[] {
  const ids = new Map<string, string>();
  for (const op of ops) if (op.op === 'create' && op.id) ids.set(op.id, makeID());
  const other = (v: Json): Json => (typeof v === 'string' ? ids.get(v) ?? v : v);
  return ops.map(({ base: _, ...op }) => ({
    ...op,
    ...(op.id === undefined ? {} : { id: ids.get(op.id) ?? op.id }),
    ...(op.fields === undefined ? {} : { fields: Object.fromEntries(Object.entries(op.fields).map(([k, v]) => [k, other(v)])) }),
  }));
}
