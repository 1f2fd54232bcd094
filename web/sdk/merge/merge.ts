/**
 * Merging decides: a record's fields, their clocks and an edit go in, what
 * becomes of each field and what a person must be told comes out. Pure. The
 * rules are MERGE-1 to MERGE-6 of docs/protocol/SPEC.md. A device does not need
 * it, merging is the server's; it is here so that a board can show beforehand
 * what a change will meet, and as a second voice on the shared vectors.
 */
import type { Stamp, Time } from '../hlc/hlc.ts';

/** How a field that a client may write behaves (MERGE-4). */
export type Policy = 'latest' | 'set' | 'first' | 'once' | 'server';

/** The newest write of a device that made no entry. `value` is the hash of the value. */
export interface Lost {
  eff: Time;
  value: string;
  seq: number;
}

/** The state of an element of a set. `seq` 0: the clock's. */
export interface Element {
  eff: Time;
  stored: string;
  present: boolean;
  seq: number;
  before?: Element[];
  lost?: { [device: string]: Element };
}

/** What is kept of a field's writes, beside its value. */
export interface Clock {
  seq: number;
  eff: Time;
  stored: string;
  lost?: { [device: string]: Lost };
  elements?: { [hash: string]: Element };
}

/** One write of a field as the journal holds it. */
export interface Past {
  seq: number;
  device: string;
  eff: Time;
  value: unknown;
}

/** A field's state. `history` holds every journalled write by ascending seq; `later` the seqs of own writes made after the edit. */
export interface Field {
  policy: Policy;
  value: unknown;
  clock: Clock;
  history: Past[];
  later: ReadonlySet<number>;
}

/** An update of one record. A set's value is {add, remove}. */
export interface Edit {
  record: string;
  base: number;
  stored: Stamp;
  corrected: Time;
  own: ReadonlySet<string>;
  fields: { [name: string]: unknown };
}

export interface Change {
  value: unknown;
  eff: Time;
}

/** A pair of values of which one had to give way. `lost`: the edit's own value is the other. */
export interface Conflict {
  field: string;
  kept: unknown;
  other: unknown;
  lost: boolean;
}

/** What becomes of an edit. When `refused` is set nothing else but `field` is. */
export interface Outcome {
  refused?: string;
  field?: string;
  changes: { [name: string]: Change };
  clocks: { [name: string]: Clock };
  conflicts: Conflict[];
}
