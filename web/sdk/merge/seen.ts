import { after, compare, ZERO, type Time } from '../hlc/hlc.ts';
import { isObject } from '../wire/json.ts';
import { hash } from './clocks.ts';
import type { Edit, Field } from './merge.ts';

/** A field as a device saw it: the hash of the value and its effective stamp. '' means that nothing was there. */
export interface Seen {
  hash: string;
  eff: Time;
}

/** Whether a value is the one that was seen. Where nothing was there, the values that a record stores for "nothing" are equal to it. */
export function isSeen(s: Seen, value: unknown, valueHash: string): boolean {
  if (s.hash !== '') return s.hash === valueHash;
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

/** Whether a pseudonym is the device's or one that it descends from. */
export const own = (edit: Edit, device: string): boolean => device === edit.stored.device || edit.own.has(device);

/** The field as of the edit's base. */
export function asOfBase(edit: Edit, f: Field): Seen {
  if (f.clock.seq <= edit.base) return { hash: hash(f.value), eff: f.clock.eff };
  let at: Seen = { hash: '', eff: ZERO };
  for (const p of f.history) {
    if (p.seq > edit.base) break;
    at = { hash: hash(p.value), eff: p.eff };
  }
  return at;
}

/** The field as the device saw it when it made the edit: the greatest of base and of its own writes. In a tie base is taken. */
export function lastSeen(edit: Edit, f: Field): Seen {
  let at = asOfBase(edit, f);
  if (f.clock.seq > edit.base) {
    for (const p of f.history) {
      if (p.seq > edit.base && own(edit, p.device) && !f.later.has(p.seq) && after(p.eff, at.eff)) at = { hash: hash(p.value), eff: p.eff };
    }
  }
  let lost: Seen = { hash: '', eff: ZERO };
  for (const [device, l] of Object.entries(f.clock.lost ?? {})) {
    if (!own(edit, device)) continue;
    const c = compare(l.eff, lost.eff);
    if (c > 0 || (c === 0 && l.value > lost.hash)) lost = { hash: l.value, eff: l.eff };
  }
  return after(lost.eff, at.eff) ? lost : at;
}

/** Whether the value that stands is, since base, somebody else's too: then it may not be replaced without a trace. */
export function othersStand(edit: Edit, f: Field): boolean {
  if (f.clock.seq <= edit.base) return false;
  const last = f.history.at(-1);
  if (!last || last.seq < f.clock.seq) return true; // untold: take it for somebody else's
  const standing = hash(last.value);
  for (let i = f.history.length - 1; i >= 0; i--) {
    const p = f.history[i]!;
    if (p.seq <= edit.base || hash(p.value) !== standing) break;
    if (!own(edit, p.device)) return true;
  }
  return Object.entries(f.clock.lost ?? {}).some(([device, l]) => !own(edit, device) && l.seq > edit.base && l.value === standing);
}
