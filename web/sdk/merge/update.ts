import { compare, format, max, tick } from '../hlc/hlc.ts';
import { compareBytes, sha256 } from '../wire/bytes.ts';
import { forget, hash, lose } from './clocks.ts';
import type { Change, Clock, Conflict, Edit, Field, Outcome } from './merge.ts';
import { asOfBase, isSeen, lastSeen, othersStand, own } from './seen.ts';
import { decideSet } from './set.ts';

/** What becomes of one field. Empty: no change. */
interface Decision {
  refused?: string;
  change?: Change;
  clock?: Clock;
  conflict?: Omit<Conflict, 'field'>;
}

/**
 * Decides an edit. `fields` holds the state of every field that the edit names;
 * one that is missing is not a client's to write. An edit is refused as a
 * whole, for the alphabetically first field that calls for it: not_allowed,
 * taken, invalid. The arguments are not changed.
 */
export function update(edit: Edit, fields: { [name: string]: Field }): Outcome {
  const out: Outcome = { changes: {}, clocks: {}, conflicts: [] };
  for (const name of Object.keys(edit.fields).sort()) {
    const d = decide(edit, name, fields[name]);
    if (d.refused !== undefined) return { refused: d.refused, field: name, changes: {}, clocks: {}, conflicts: [] };
    if (d.change) out.changes[name] = d.change;
    if (d.clock) out.clocks[name] = d.clock;
    if (d.conflict) out.conflicts.push({ field: name, ...d.conflict });
  }
  return out;
}

function decide(edit: Edit, name: string, f: Field | undefined): Decision {
  const value = edit.fields[name];
  switch (f?.policy) {
    case 'latest':
    case 'first': {
      const h = hash(value);
      if (h === '') return { refused: 'invalid' };
      return f.policy === 'first' ? first(edit, f, value, h) : latest(edit, f, value, h);
    }
    case 'set':
      return decideSet(edit, f, value);
    case 'once': {
      const h = hash(value);
      if (h !== '' && h === hash(f.value)) return {};
    }
  }
  return { refused: 'not_allowed' };
}

/** MERGE-2: a register that the greatest (effective stamp, hash) holds. */
function latest(edit: Edit, f: Field, value: unknown, valueHash: string): Decision {
  const saw = lastSeen(edit, f);
  if (isSeen(saw, value, valueHash)) return {};
  const self = edit.stored.device;
  const eff = max(edit.corrected, tick(saw.eff));
  const clock = forget(f.clock, self);
  const other = valueHash !== hash(f.value);
  const order = compare(eff, clock.eff);
  const heavier = order === 0 && outweighs(edit, clock.stored);
  if (order > 0 || (heavier && other)) {
    const d: Decision = { change: { value, eff }, clock };
    if (other && othersStand(edit, f)) d.conflict = { kept: value, other: f.value, lost: false };
    clock.eff = eff;
    clock.stored = format(edit.stored);
    return d;
  }
  // No entry. The write is remembered for what its own device does next, and
  // for the trace of a value that two devices wrote.
  lose(clock, self, { eff, value: valueHash, seq: clock.seq });
  if (other) return { clock, conflict: { kept: f.value, other: value, lost: true } };
  // The same value with the same stamp: the heavier of the two must meet a
  // third write, whichever of them came first.
  if (heavier) clock.stored = format(edit.stored);
  return { clock };
}

/** Accepts a change of the value that was seen, and no other (MERGE-4). */
function first(edit: Edit, f: Field, value: unknown, valueHash: string): Decision {
  const base = asOfBase(edit, f);
  let saw = base;
  if (f.clock.seq > edit.base) {
    for (const p of f.history) {
      if (p.seq > edit.base && own(edit, p.device) && !f.later.has(p.seq)) saw = { hash: hash(p.value), eff: p.eff };
    }
  }
  if (isSeen(saw, value, valueHash)) return {};
  if (!isSeen(saw, f.value, hash(f.value))) return { refused: 'taken' };
  // The stamp decides nothing here. It rests on the base alone.
  const clock = forget(f.clock, edit.stored.device);
  clock.eff = max(clock.eff, max(edit.corrected, tick(base.eff)));
  clock.stored = format(edit.stored);
  return { change: { value, eff: clock.eff }, clock };
}

/** Settles a tie of effective stamps against another stored stamp. */
function outweighs(edit: Edit, stored: string): boolean {
  return compareBytes(sha256(`${format(edit.stored)}:${edit.record}`), sha256(`${stored}:${edit.record}`)) > 0;
}
