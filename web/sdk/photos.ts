/**
 * Photos of places and vehicles (PHOTO-6). Each is sealed, with the draft that
 * it is for. "Done" makes its record an act of its own behind the report's, in
 * the same transaction, and lets others hand it in while the vault is locked
 * (PHOTO-7); its bytes go up when the record has been received, on their own way,
 * so that no photo ever holds up a report.
 */
import { aborted } from './errors.ts';
import { everyRow, makeID, type NewOp, type Saved } from './outbox.ts';
import { openPhoto, parcelOf } from './parcels.ts';
import { device, posKey, putRow, type DeviceRow } from './rows.ts';
import { enrolled, type Session } from './session.ts';
import type { Reading, Store, Writing } from './store.ts';
import type { Word } from './sync-state.ts';
import { fromBase64url, hex, sha256, type Bytes } from './wire/bytes.ts';

const PHOTOS = 'photos';
// Of photos of before, which lie in the vault.
const BYTES = 'photo bytes';

/** A picture that was made anew: nothing of the picked one is in it but what it shows. */
export interface NewPhoto {
  bytes: Bytes;
  kind: 'place' | 'vehicle';
  type: 'image/jpeg' | 'image/webp';
  /** SHA-256, lower-case hex, of the picture as it was picked (R13). */
  raw?: string;
}

/**
 * - `draft`: of a draft
 * - `waiting`: of a report; its record or its bytes are on their way
 * - `stored`: the server has it; its bytes are kept here until that is held elsewhere (EPOCH-3)
 * - `settled`: that too
 * - `parked`: the server does not take it: a person must look
 */
type Phase = 'draft' | 'waiting' | 'stored' | 'settled' | 'parked';

interface PhotoRow {
  draft: string;
  report: string;
  collection: string;
  kind: NewPhoto['kind'];
  type: NewPhoto['type'];
  size: number;
  sha256: string;
  /** Of its bytes, and by what they are found beside the vault: it stays when the photo gets another id. Absent in photos of before. */
  key?: string;
  at?: string;
  raw: string;
  made: number;
  phase: Phase;
  /** Why it is parked, or was not taken the last time. */
  code: string;
  fails: number;
  /** The version of its record with `stored`. */
  seq: number;
}

/** A photo of this device, as it is shown. Its word is one of the five; `seen` is a report's alone. */
export interface Photo {
  id: string;
  /** The draft that it is for; '' once it is of a report. */
  draft: string;
  report: string;
  kind: NewPhoto['kind'];
  type: NewPhoto['type'];
  size: number;
  word: Word;
  code: string;
  made: number;
  /** Of a hundred parts of its bytes, those that the server has said it holds, while they are on their way from here; 0 otherwise. */
  part: number;
}

const rows = (tx: Reading): Promise<ReadonlyMap<string, PhotoRow>> => tx.all<PhotoRow>(PHOTOS);

export function keepPhoto(tx: Writing, draft: string, p: NewPhoto, { key, sealed }: { key: string; sealed: Bytes }, made: number): string {
  const id = makeID();
  tx.put(PHOTOS, id, {
    draft, report: '', collection: '', kind: p.kind, type: p.type, size: p.bytes.length, sha256: hex(sha256(p.bytes)), raw: p.raw ?? '', key, at: id, made, phase: 'draft', code: '', fails: 0, seq: 0,
  } satisfies PhotoRow);
  tx.beside(id, { bytes: sealed });
  return id;
}

/** Takes a photo away that a person does not want: of a draft, or one that the server does not take. Of a report that was saved a coordinator takes it out. */
export async function dropPhoto(tx: Writing, id: string): Promise<void> {
  const p = (await rows(tx)).get(id);
  if (p && ['saved', 'attention'].includes(wordOf(id, p, await records(tx)))) erase(tx, id, p);
}

function erase(tx: Writing, id: string, p: PhotoRow): void {
  tx.delete(PHOTOS, id);
  letGo(tx, id, p);
}

function letGo(tx: Writing, id: string, p: PhotoRow): void {
  if (p.at) tx.beside(p.at, { bytes: null, parcel: null });
  else tx.delete(BYTES, id);
}

/** Takes away what is of a draft that ends without a report. */
export async function dropDraftPhotos(tx: Writing, draft: string): Promise<void> {
  for (const [id, p] of await rows(tx)) if (p.draft === draft) erase(tx, id, p);
}

export async function photoBytes(store: Store, id: string): Promise<Bytes | null> {
  const op = 'read photo';
  const { p, before } = await store.read(op, async (tx) => {
    const p = (await rows(tx)).get(id);
    return { p, before: p?.key ? undefined : await tx.get<string>(BYTES, id) };
  });
  if (!p?.key || !p.at) return before === undefined ? null : fromBase64url(before);
  const sealed = await store.bytesBeside(op, p.at);
  return sealed ? openPhoto(p.key, sealed, p.size) : null;
}

/** Lets others hand in a photo from now on. */
async function leave(tx: Writing, st: DeviceRow, id: string, p: PhotoRow): Promise<void> {
  if (p.key && p.at) tx.beside(p.at, { parcel: await parcelOf(st, id, p.key) });
}

/** Lets others hand in what waits, for the installation and by the device as they are now: it follows an enrolment. */
export async function leaveAll(tx: Writing, st: DeviceRow): Promise<void> {
  for (const [id, p] of await rows(tx)) if (p.phase === 'waiting' || p.phase === 'stored') await leave(tx, st, id, p);
}

/** Where the record of each photo stands: by the photo's id. */
async function records(tx: Reading): Promise<Map<string, { phase: string; code: string; pos: number }>> {
  const out = new Map<string, { phase: string; code: string; pos: number }>();
  for (const r of await everyRow(tx)) for (const t of r.touched) if (t.collection === 'attachments' && t.op === 'create') out.set(t.id, r);
  return out;
}

function wordOf(id: string, p: PhotoRow, of: Map<string, { phase: string }>): Word {
  if (p.phase === 'draft') return 'saved';
  if (p.phase === 'stored' || p.phase === 'settled') return 'received';
  return p.phase === 'parked' || of.get(id)?.phase === 'parked' ? 'attention' : 'waiting';
}

export async function photos(tx: Reading, parts: ReadonlyMap<string, number>): Promise<Photo[]> {
  const of = await records(tx);
  return [...await rows(tx)].map(([id, p]) => {
    const record = of.get(id);
    return {
      id, draft: p.draft, report: p.report, kind: p.kind, type: p.type, size: p.size, made: p.made, word: wordOf(id, p, of),
      code: record?.phase === 'parked' ? record.code : p.code, part: p.phase === 'waiting' ? (parts.get(id) ?? 0) : 0,
    };
  }).sort((a, b) => a.made - b.made);
}

/**
 * The records of a draft's photos, as acts that follow the report's. A report
 * about oneself has no author, so it takes none: they are erased. `corrected` are
 * reports that this one stands in for: their photos go with it.
 */
export async function along(tx: Writing, ops: readonly NewOp[], saved: Saved, draft: string | undefined, corrected: readonly string[]): Promise<NewOp[][]> {
  const at = ops.findIndex((o) => o.op === 'create' && (o.collection === 'observations' || o.collection === 'submissions'));
  if (at < 0) return [];
  const { collection, fields } = ops[at]!;
  const report = saved.ids[at]!;
  const out: NewOp[][] = [];
  for (const [before, p] of await rows(tx)) {
    const again = p.report !== '' && corrected.includes(p.report) && p.phase !== 'stored' && p.phase !== 'settled';
    if (!again && (p.phase !== 'draft' || p.draft !== draft)) continue;
    if (fields?.about === 'self') {
      erase(tx, before, p);
      continue;
    }
    const now = { ...p, draft: '', collection, report };
    let id = before;
    if (again) { // the server keeps the refused one under its id
      id = await renew(tx, before, now);
      const row = (await everyRow(tx)).find((r) => r.touched.some((t) => t.id === before));
      if (row && row.ack === 0) {
        putRow(tx, { ...row, phase: 'corrected' });
        tx.carried(posKey(row.pos), null);
      }
    } else tx.put(PHOTOS, id, fresh(now));
    await leave(tx, await device(tx), id, now);
    out.push([recordOf(id, now)]);
  }
  return out;
}

const fresh = (p: PhotoRow): PhotoRow => ({ ...p, phase: 'waiting', code: '', fails: 0 });

/** The same photo under another id. */
async function renew(tx: Writing, id: string, p: PhotoRow, next = makeID()): Promise<string> {
  tx.put(PHOTOS, next, fresh(p));
  if (!p.key) tx.put(BYTES, next, await tx.get(BYTES, id));
  tx.delete(PHOTOS, id);
  tx.delete(BYTES, id);
  return next;
}

/** Puts a photo back in the queue whose bytes were not taken. */
export async function photoAgain(tx: Writing, id: string): Promise<void> {
  const p = (await rows(tx)).get(id);
  if (p?.phase !== 'parked') return;
  tx.put(PHOTOS, id, fresh(p));
  await leave(tx, await device(tx), id, p);
}

/** Of a photo whose record was refused: a new record in its place, because the server keeps the refused one under its id. */
export async function recordAgain(tx: Reading, id: string): Promise<{ op: NewOp; pos: number; move: (tx: Writing) => Promise<unknown> } | null> {
  const p = (await rows(tx)).get(id);
  const record = (await records(tx)).get(id);
  if (!p || record?.phase !== 'parked') return null;
  const next = makeID();
  return { op: recordOf(next, p), pos: record.pos, move: async (tx) => leave(tx, await device(tx), await renew(tx, id, p, next), p) };
}

const recordOf = (id: string, p: PhotoRow): NewOp => ({
  op: 'create', collection: 'attachments', id,
  fields: { [p.collection === 'observations' ? 'observation' : 'submission']: p.report, kind: p.kind, type: p.type, bytes: p.size, sha256: p.sha256, ...(p.raw && { raw_sha256: p.raw }) },
});

/** After a rewind: what the server had may be gone. The first question to it tells. */
export async function photosAgain(tx: Writing): Promise<void> {
  for (const [id, p] of await rows(tx)) {
    if (p.phase !== 'stored') continue;
    tx.put(PHOTOS, id, { ...p, phase: 'waiting', seq: 0 } satisfies PhotoRow);
    if (p.at) tx.beside(p.at, { delivered: 0 });
  }
}

/** Lets go of the bytes that are held off the server's machine (EPOCH-3). */
export async function settlePhotos(tx: Writing, durable: number): Promise<void> {
  for (const [id, p] of await rows(tx)) {
    if (p.phase !== 'stored' || p.seq === 0 || p.seq > durable) continue;
    tx.put(PHOTOS, id, { ...p, phase: 'settled' } satisfies PhotoRow);
    letGo(tx, id, p);
  }
}

/** What a round of handing in photos did. */
export interface PhotoReport {
  stored: number;
  /** Wait for another round, with why the last one of them was not taken. */
  left: number;
  code: string;
}

/** A photo whose record was received. */
export interface Ready {
  id: string;
  type: string;
  size: number;
  fails: number;
}

/**
 * Hands in the photos whose records were received, one after the other; of
 * several tabs one does. It ends early where no answer comes.
 */
export async function sendPhotos(s: Session, fetcher: typeof fetch, signal: AbortSignal, progress: (id: string, part: number) => void): Promise<PhotoReport> {
  const ready = (): Promise<Ready[]> => s.store.read('look for photos', async (tx) => {
    const of = await records(tx);
    return [...await rows(tx)].filter(([id, p]) => p.phase === 'waiting' && ['acknowledged', 'settled'].includes(of.get(id)?.phase ?? ''))
      .sort(([, a], [, b]) => a.made - b.made).map(([id, p]) => ({ id, type: p.type, size: p.size, fails: p.fails }));
  });
  return s.store.locks.hold(s.store.lockName('photos'), async () => {
    if ((await ready()).length === 0) return { stored: 0, left: 0, code: '' };
    // Apart, for those who have photos: it is of use only with a network, by which it comes.
    const { handInAll } = await import('./tus/hand.ts');
    return handInAll({
      ready, signal, fetch: fetcher, aborted, progress, to: () => enrolled(s),
      bytes: (id) => photoBytes(s.store, id),
      set: (id, change) => s.store.write('note photo', async (tx) => {
        const now = (await rows(tx)).get(id);
        if (!now) return;
        tx.put(PHOTOS, id, { ...now, ...change });
        // What the server has, or does not take, nobody else needs to hand in.
        if (now.at && change.phase) tx.beside(now.at, { delivered: change.phase === 'waiting' ? 0 : 1 });
      }),
    });
  }, signal);
}
