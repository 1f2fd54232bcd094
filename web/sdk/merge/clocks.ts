import { format, max, tick, type Stamp, type Time } from '../hlc/hlc.ts';
import { hex, sha256 } from '../wire/bytes.ts';
import { canonical } from '../wire/canonical.ts';
import type { Clock, Element, Field, Lost, Policy } from './merge.ts';
import { become, byHash, settle } from './set.ts';

/** The SHA-256 (hex) of a value's canonical JSON. '' for what is no JSON, which equals nothing. */
export function hash(value: unknown): string {
  try {
    return hex(sha256(canonical(value)));
  } catch {
    return '';
  }
}

/** The clocks of a new record's fields. The caller sets seq. */
export function create(stored: Stamp, corrected: Time, fields: { [name: string]: unknown }, policies: { [name: string]: Policy }): { [name: string]: Clock } {
  const clocks: { [name: string]: Clock } = {};
  for (const name of Object.keys(fields)) {
    const c: Clock = { seq: 0, eff: corrected, stored: format(stored) };
    if (policies[name] === 'set') {
      c.elements = {};
      for (const h of byHash(fields[name]).keys()) c.elements[h] = { eff: corrected, stored: c.stored, present: true, seq: 0 };
    }
    clocks[name] = c;
  }
  return clocks;
}

/** The clocks after a write that had the current version as its base, as one by REST has (JOURNAL-1). The caller sets seq. */
export function overwrite(stored: Stamp, now: Time, values: { [name: string]: unknown }, fields: { [name: string]: Field }): { [name: string]: Clock } {
  const clocks: { [name: string]: Clock } = {};
  const text = format(stored);
  for (const name of Object.keys(values)) {
    const f = fields[name]!;
    const c = forget(f.clock, stored.device);
    const eff = max(now, tick(f.clock.eff));
    if (f.policy === 'set') {
      const elements = settle(f);
      const listed = byHash(values[name]);
      for (const h of listed.keys()) {
        const e = elements[h];
        if (!e?.present) elements[h] = become(e, { eff, stored: text, present: true, seq: 0 });
      }
      for (const [h, e] of Object.entries(elements) as [string, Element][]) {
        if (e.present && !listed.has(h)) elements[h] = become(e, { eff, stored: text, present: false, seq: 0 });
      }
      c.elements = elements;
    }
    c.eff = eff;
    c.stored = text;
    clocks[name] = c;
  }
  return clocks;
}

/** A copy without the lost write of a device that now writes again. */
export function forget(c: Clock, device: string): Clock {
  const copy: Clock = { ...c };
  if (c.lost && device in c.lost) {
    const { [device]: _, ...rest } = c.lost;
    if (Object.keys(rest).length > 0) copy.lost = rest;
    else delete copy.lost;
  }
  return copy;
}

/** Notes a write that made no entry, on a clock that is the caller's own. */
export function lose(c: Clock, device: string, l: Lost): void {
  c.lost = { ...c.lost, [device]: l };
}
