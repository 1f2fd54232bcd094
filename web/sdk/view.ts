/** What the person sees: the confirmed view with own changes laid over it (PULL-5). */
import { bodyOf, createsSeen, everyRow } from './outbox.ts';
import { device, OUTBOX, recordsOf, SEEN, seenIDs, SETTLED, type DeviceRow, type OutboxRow, type RecordRow } from './rows.ts';
import type { Reading } from './store.ts';
import { wordOf, type Word } from './sync-state.ts';
import { equalJSON } from './wire/canonical.ts';
import { isObject } from './wire/json.ts';
import type { Op } from './wire/messages.ts';
import { upgrade } from './wire/schemas.ts';

export interface ViewRecord {
  collection: string;
  id: string;
  /** The confirmed version; 0 when the record is only here. */
  seq: number;
  /** Own records not yet pulled lack what the server sets. */
  fields: { [field: string]: unknown };
  /** Of what this device created; null for what came from others. */
  word: Word | null;
  /** The newest own mutation laid over it; 0: none. */
  n: number;
}

/** A change of this device's own, as it counts for a collection. */
interface Own {
  row: OutboxRow;
  word: Word;
  /** The confirmed view does not have it yet. */
  ahead: boolean;
}

// Stored rows are never changed in place, so what was made of the same ones is
// still right: with each tap a screen asks again, and a draft is all that changed.
// It goes when the store forgets what it has read.
const made = new WeakMap<ReadonlyMap<string, RecordRow>, { of: readonly unknown[]; own: Own[]; staff: boolean; out: ViewRecord[] }>();
const bodies = new WeakMap<OutboxRow, NonNullable<ReturnType<typeof bodyOf>>>();

// A pulled record without own changes is the same object as long as the server's version is.
const plain = new WeakMap<RecordRow, ViewRecord>();

/** A collection's records by id, or one of them. Of a collection it is the same array, and each record the same object, as long as nothing in it has changed: do not change them. */
export async function view(tx: Reading, collection: string, id?: string): Promise<ViewRecord[]> {
  const st = await device(tx);
  const staff = st.person?.role === 'staff';
  if (id !== undefined) {
    const row = await tx.get<RecordRow>(recordsOf(collection), id);
    return laidOver(await ownOf(tx, st, collection, id), staff, collection, id, new Map(row ? [[id, row]] : []));
  }
  const rows = await tx.all<RecordRow>(recordsOf(collection));
  const before = made.get(rows);
  // A group that was not written is the same map: then no own change is looked at.
  const of = [staff, st.pulledAcks, await tx.all(OUTBOX), await tx.all(SETTLED), await tx.all(SEEN)];
  if (before?.of.every((x, i) => x === of[i])) return before.out;
  const own = await ownOf(tx, st, collection, id);
  if (before && before.staff === staff && before.own.length === own.length
    && before.own.every((o, i) => o.row === own[i]!.row && o.word === own[i]!.word && o.ahead === own[i]!.ahead)) {
    before.of = of;
    return before.out;
  }
  const out = laidOver(own, staff, collection, id, rows);
  made.set(rows, { of, own, staff, out });
  return out;
}

/** A collection's records as they were pulled, without own changes: of a collection that this device never changes it is the view, and opens no outbox. */
export const pulled = async (tx: Reading, collection: string): Promise<ViewRecord[]> =>
  [...await tx.all<RecordRow>(recordsOf(collection))].map(([id, row]) => confirmed(collection, id, row));

function confirmed(collection: string, id: string, row: RecordRow): ViewRecord {
  let r = plain.get(row);
  if (!r) plain.set(row, r = { collection, id, seq: row.seq, fields: row.record, word: null, n: 0 });
  return r;
}

/** The records that own changes touch: copies, which may be changed. */
class Touched {
  private readonly all = new Map<string, ViewRecord | null>(); // null: deleted

  constructor(private readonly collection: string, private readonly rows: ReadonlyMap<string, RecordRow>) {}

  get(id: string): ViewRecord | undefined {
    const known = this.all.get(id);
    if (known !== undefined) return known ?? undefined;
    const row = this.rows.get(id);
    if (!row) return undefined;
    const r: ViewRecord = { collection: this.collection, id, seq: row.seq, fields: { ...row.record }, word: null, n: 0 };
    this.all.set(id, r);
    return r;
  }

  set(r: ViewRecord | null, id: string): void {
    this.all.set(id, r);
  }

  /** All records of the collection, these among them, by id. */
  among(): ViewRecord[] {
    const out: ViewRecord[] = [];
    for (const [id, row] of this.rows) {
      const r = this.all.get(id);
      if (r !== null) out.push(r ?? confirmed(this.collection, id, row));
    }
    const pulled = out.length; // in the order of their ids
    for (const [id, r] of this.all) if (r && !this.rows.has(id)) out.push(r);
    return out.length > pulled ? out.sort((a, b) => (a.id < b.id ? -1 : 1)) : out;
  }
}

const isOf = (t: { collection: string; id: string }, collection: string, id: string | undefined): boolean =>
  t.collection === collection && (id === undefined || t.id === id);

async function ownOf(tx: Reading, st: DeviceRow, collection: string, id: string | undefined): Promise<Own[]> {
  const own: Own[] = [];
  const seen = await seenIDs(tx);
  for (const row of await everyRow(tx)) {
    if (!row.touched.some((t) => isOf(t, collection, id))) continue;
    own.push({ row, word: wordOf(row.phase, createsSeen(row, seen)), ahead: row.phase === 'waiting' || (row.phase === 'acknowledged' && row.ack > st.pulledAcks) });
  }
  return own;
}

/**
 * Applies own changes in their order: those that wait, and those that are
 * acknowledged but came after the last pull. Refused reports are shown and need
 * attention; refused changes of other records are not laid over them. Reports of
 * staff are never pulled; their device shows them from here.
 */
function laidOver(own: readonly Own[], staff: boolean, collection: string, id: string | undefined, rows: ReadonlyMap<string, RecordRow>): ViewRecord[] {
  const records = new Touched(collection, rows);
  for (const { row, word, ahead } of own) {
    for (const t of row.touched) {
      const r = t.op === 'create' && isOf(t, collection, id) ? records.get(t.id) : undefined;
      if (r) r.word = word;
    }
    if (row.phase === 'corrected' || (!ahead && row.phase !== 'parked' && !staff)) continue;
    const body = bodies.get(row) ?? bodyOf(row);
    if (!body) continue;
    bodies.set(row, body);
    for (const given of body.ops) {
      const { op } = upgrade(given, body.schema); // sent as it was made, shown as this schema has it
      if (isOf(op, collection, id) && (ahead || op.op === 'create')) lay(records, op, row.n, word);
    }
  }
  return records.among();
}

function lay(records: Touched, op: Op, n: number, word: Word): void {
  const r = records.get(op.id);
  switch (op.op) {
    case 'create':
      // Otherwise the server's copy knows more.
      if (!r) records.set({ collection: op.collection, id: op.id, seq: 0, fields: { ...op.fields, id: op.id }, word, n }, op.id);
      return;
    case 'update':
      if (!r) return; // it is not in the view any more; the change stays in the outbox
      for (const [k, v] of Object.entries(op.fields ?? {})) r.fields[k] = updated(r.fields[k], v);
      r.n = n;
      return;
    case 'delete':
      records.set(null, op.id);
  }
}

/** A field's value after an update: of a set, the list with elements added and removed. */
function updated(old: unknown, change: unknown): unknown {
  if (!Array.isArray(old) || !isObject(change) || Object.keys(change).some((k) => k !== 'add' && k !== 'remove')) return change;
  const list = (v: unknown): unknown[] => (Array.isArray(v) ? (v as unknown[]) : []);
  const out = (old as unknown[]).filter((v) => !list(change.remove).some((r) => equalJSON(r, v)));
  for (const v of list(change.add)) if (!out.some((o) => equalJSON(o, v))) out.push(v);
  return out;
}
