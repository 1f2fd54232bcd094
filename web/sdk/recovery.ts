/**
 * Recovery files. A phone that cannot get through, or that nobody can unlock in
 * time, gives what it holds into a file that anybody may carry to any device
 * that is signed in. The phone itself notes nothing: until the server has told
 * it a verdict, what it saved is waiting, and when it comes back it sends all of
 * it again and is answered from the receipts.
 */
import type { Carried, Database } from './database.ts';
import { badInput, explain, notEnrolled, notOurs } from './errors.ts';
import { sign, useKey } from './keys.ts';
import { homeOf, sealedMutation, sealRow, SEALED_ENVELOPE } from './outbox.ts';
import { device, outbox, type DeviceRow, type OutboxRow } from './rows.ts';
import { authorized, enrolled, type Session } from './session.ts';
import { checks } from './transport.ts';
import { members, skipSpace, skipValue, validJSON } from './wire/json.ts';
import { MAX_MUTATION_BYTES, type RecoveryAnswer, type RecoveryVerdict } from './wire/messages.ts';
import { recoveryFile, recoveryText } from './wire/recovery.ts';

const FILL = 0.95;
const AGAIN_AFTER = 60_000; // ms until a carried mutation that was not taken is tried again; longer each time
const AGAIN_AT_MOST = 3_600_000;

export interface Exported {
  file: string;
  mutations: number;
  /** Signed files in it, one after another: each is as much as one request takes. */
  parts: number;
  /** n of those that no sealed mutation can hold: they can only be synced. */
  tooLarge: number[];
}

/** Everything that waits for a verdict, with `parked` also what needs attention, sealed for the installation and signed by this device. */
export async function exportRecovery(s: Session, parked: boolean): Promise<Exported> {
  const { st, rows } = await s.store.read('write recovery file', async (tx) => ({ st: await device(tx), rows: await outbox(tx) }));
  if (!st.sealKey) throw notEnrolled('This device is not enrolled, and knows nobody to seal for.');
  const tooLarge: number[] = [];
  const sealed: OutboxRow[] = [];
  for (const row of rows.filter((r) => r.phase === 'waiting' || (parked && r.phase === 'parked')).sort((a, b) => a.n - b.n)) {
    const one = await sealedRow(st, row);
    if (one) sealed.push(one);
    else tooLarge.push(row.n);
  }
  const parts = await recoveryParts(st, sealed);
  return { file: parts.map((p) => `${p}\n`).join(''), mutations: sealed.length, parts: parts.length, tooLarge };
}

/** A row with its sealed form; null where no sealed mutation can hold it. */
export async function sealedRow(st: DeviceRow, row: OutboxRow): Promise<OutboxRow | null> {
  const sealed = row.sealed || await sealRow(st, row.n, row.stamp, row.body!);
  return sealed.length > MAX_MUTATION_BYTES - SEALED_ENVELOPE ? null : { ...row, sealed };
}

/** Signed files of mutations that are sealed, each as much as one request takes. */
export async function recoveryParts(st: DeviceRow, rows: readonly OutboxRow[]): Promise<string[]> {
  const limit = Math.min(st.limits.bytes, st.limits.inflated) * FILL;
  const key = await useKey(st.key);
  const groups: OutboxRow[][] = [];
  let size = Infinity;
  for (const row of rows) {
    const takes = row.sealed.length + SEALED_ENVELOPE;
    if (size + takes > limit || groups.at(-1)!.length === st.limits.mutations) {
      groups.push([]);
      size = SEALED_ENVELOPE;
    }
    groups.at(-1)!.push(row);
    size += takes;
  }
  return Promise.all(groups.map(async (group) => {
    const signed = recoveryText(st.id, group.map(sealedMutation));
    return recoveryFile(signed, await sign(key, signed));
  }));
}

/** What became of a recovery file. The numbers are those of the device that wrote it. */
export interface Delivered {
  device: string;
  verdicts: RecoveryVerdict[];
}

/** Hands in a recovery file, whoever wrote it, with this device's own access; nothing of it is stored here. Twice is harmless. */
export async function deliverRecovery(s: Session, file: string, signal?: AbortSignal): Promise<Delivered> {
  const parts = partsOf(file);
  const out: Delivered = { device: parts[0]!.device, verdicts: [] };
  for (const part of parts) {
    const verdicts = await deliverPart(s, part.text, signal);
    if (verdicts.length !== part.mutations) throw notOurs(`${verdicts.length} verdicts for ${part.mutations} mutations.`, 200);
    out.verdicts.push(...verdicts);
  }
  return out;
}

function partsOf(file: string): { text: string; device: string; mutations: number }[] {
  const bad = badInput('not_recovery_file', 'The file is cut off, or is not a recovery file.',
    'Take another copy of it, or write it anew on the phone that made it.');
  const parts: { text: string; device: string; mutations: number }[] = [];
  for (let at = skipSpace(file, 0); at < file.length;) {
    const end = skipValue(file, at).end;
    const text = file.slice(at, end);
    if (file[at] !== '{' || !validJSON(text)) throw bad;
    const head = Object.fromEntries([...members(text)].map(([k, raw]) => [k, JSON.parse(raw) as unknown]));
    if (typeof head.device !== 'string' || typeof head.signature !== 'string' || !Array.isArray(head.mutations)) throw bad;
    if (parts.length > 0 && parts[0]!.device !== head.device) throw bad;
    parts.push({ text, device: head.device, mutations: head.mutations.length });
    at = skipSpace(file, end);
  }
  if (parts.length === 0) throw bad;
  return parts;
}

async function deliverPart(s: Session, text: string, signal?: AbortSignal): Promise<RecoveryVerdict[]> {
  const result = await authorized<RecoveryAnswer>(s, { path: '/api/sync/recovery' }, false, checks.recovery, () => text, signal);
  if ('turn' in result) throw new Error('a recovery has no turn');
  return result.answer.verdicts;
}

/** What handing in for the locked did. */
export interface CarryReport {
  delivered: number;
  /** Not taken now; they are tried again. */
  left: number;
}

/**
 * Hands in what the other vaults on this device hold: their people are locked
 * out or gone, and whoever is signed in carries it without being able to read
 * it. One at a time, in the order of each device's n. What the server had
 * answered stays marked until its own vault lets go of it.
 */
export async function deliverCarried(s: Session, db: Database, own: string, now: number, signal?: AbortSignal): Promise<CarryReport> {
  const st = await enrolled(s);
  const home = homeOf(st.sealKey);
  // Own ones, which may be thousands, are not read: this runs with each exchange.
  const others = (await db.run('read what is carried', () => db.carried.valuesOf('vault'))).filter((v) => v !== own);
  const rows = (await Promise.all(others.map((v) => db.run('read what is carried', () => db.carried.where('vault').equals(v).toArray())))).flat()
    .filter((c) => c.home === home && c.delivered === 0 && c.notBefore <= now)
    .sort((a, b) => (a.vault === b.vault ? a.n - b.n : a.vault < b.vault ? -1 : 1));
  const report: CarryReport = { delivered: 0, left: 0 };
  const note = (c: Carried, change: Partial<Carried>): Promise<unknown> => db.run('note what is carried', () => db.carried.update(c.k, change));
  for (const c of rows) {
    try {
      const [verdict] = await deliverPart(s, c.file, signal);
      if (verdict && verdict.verdict !== 'deferred') {
        await note(c, { delivered: now, code: '' });
        report.delivered++;
        continue;
      }
      report.left++;
      await note(c, { code: verdict?.code ?? 'no_verdict', notBefore: now + AGAIN_AFTER });
    } catch (err) {
      const e = explain(err);
      if (e.kind !== 'refused' || ['unauthenticated', 'token_expired', 'device_revoked', 'another_person'].includes(e.code)) throw err;
      // About this file: the next one may fare better.
      report.left++;
      await note(c, { code: e.code, notBefore: now + (c.code === e.code ? AGAIN_AT_MOST : AGAIN_AFTER) });
    }
  }
  return report;
}
