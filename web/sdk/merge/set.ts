import { compare, format, max, tick, ZERO } from '../hlc/hlc.ts';
import { compareBytes, utf8 } from '../wire/bytes.ts';
import { canonical } from '../wire/canonical.ts';
import { isObject } from '../wire/json.ts';
import { hash } from './clocks.ts';
import type { Change, Clock, Edit, Element, Field } from './merge.ts';
import { own } from './seen.ts';

const nothing: Element = { eff: ZERO, stored: '', present: false, seq: 0 };

export interface SetDecision {
  refused?: string;
  change?: Change;
  clock?: Clock;
}

/**
 * Decides an edit {add, remove}: each element is a register of its own that the
 * greater stamp holds, and adding in a tie. The list that results is sorted by
 * canonical JSON.
 */
export function decideSet(edit: Edit, f: Field, value: unknown): SetDecision {
  const ops = setOps(value);
  if (!ops) return { refused: 'invalid' };
  const elements = settle(f);
  const clock: Clock = { ...f.clock, elements };
  const values = byHash(f.value);
  const stored = format(edit.stored);
  let changed = false;
  let noted = false;
  for (const [h, op] of ops) {
    const e = elements[h] ?? nothing;
    const saw = elementSeen(e, edit);
    if (op.add === saw.present) continue;
    const next: Element = { eff: max(edit.corrected, tick(saw.eff)), stored, present: op.add, seq: 0 };
    if (!beats(next, e)) {
      elements[h] = { ...e, lost: { ...e.lost, [edit.stored.device]: next } };
      noted = true;
      continue;
    }
    elements[h] = become(elements[h], next);
    clock.eff = max(clock.eff, next.eff);
    changed = true;
    if (op.add) values.set(h, op.value);
  }
  if (!changed) return noted ? { clock } : {};
  clock.stored = stored;
  return { change: { value: present(values, elements), eff: clock.eff }, clock };
}

function setOps(value: unknown): Map<string, { value: unknown; add: boolean }> | undefined {
  if (!isObject(value)) return undefined;
  const ops = new Map<string, { value: unknown; add: boolean }>();
  for (const [key, list] of Object.entries(value)) {
    if (!Array.isArray(list) || (key !== 'add' && key !== 'remove')) return undefined;
    for (const v of list as unknown[]) {
      const h = hash(v);
      const before = ops.get(h);
      if (h === '' || (before && before.add !== (key === 'add'))) return undefined;
      ops.set(h, { value: v, add: key === 'add' });
    }
  }
  return ops;
}

/** The elements of a list by their hash; what is no list has none. */
export function byHash(value: unknown): Map<string, unknown> {
  const out = new Map<string, unknown>();
  if (Array.isArray(value)) {
    for (const v of value as unknown[]) {
      const h = hash(v);
      if (h !== '') out.set(h, v);
    }
  }
  return out;
}

/** A copy of a set's elements with the seq of each state filled in. An element in the list without a state has the clock's. */
export function settle(f: Field): { [hash: string]: Element } {
  const elements: { [hash: string]: Element } = {};
  for (const [h, e] of Object.entries(f.clock.elements ?? {})) elements[h] = e.seq === 0 ? { ...e, seq: f.clock.seq } : e;
  for (const h of byHash(f.value).keys()) {
    elements[h] ??= { eff: f.clock.eff, stored: f.clock.stored, present: true, seq: f.clock.seq };
  }
  return elements;
}

function present(values: Map<string, unknown>, elements: { [hash: string]: Element }): unknown[] {
  return [...values]
    .filter(([h]) => elements[h]?.present)
    .map(([, value]) => ({ text: utf8(canonical(value)), value }))
    .sort((a, b) => compareBytes(a.text, b.text))
    .map((i) => i.value);
}

/** Which of two states holds: the greater stamp, in a tie the one that is present. A state does not beat its like. */
function beats(e: Element, other: Element): boolean {
  const c = compare(e.eff, other.eff);
  return c > 0 || (c === 0 && e.present && !other.present);
}

const deviceOf = (stored: string): string => stored.slice(stored.lastIndexOf('-') + 1);

function elementSeen(e: Element, edit: Edit): Element {
  let at = nothing;
  const states = [...(e.before ?? []), e];
  for (const s of states) if (s.seq <= edit.base) at = s;
  for (const s of states) if (own(edit, deviceOf(s.stored)) && beats(s, at)) at = s;
  for (const [device, s] of Object.entries(e.lost ?? {})) if (own(edit, device) && beats(s, at)) at = s;
  return at;
}

/** The element in its next state. Its seq stays 0: that of the entry to be. */
export function become(e: Element | undefined, next: Element): Element {
  const out: Element = { ...next };
  if (!e) return out;
  if (e.stored !== '') {
    const { before, lost: _, ...was } = e;
    out.before = [...(before ?? []), was];
  }
  const { [deviceOf(next.stored)]: _, ...lost } = e.lost ?? {};
  if (Object.keys(lost).length > 0) out.lost = lost;
  return out;
}
