/** The messages of the sync protocol, their limits and their codes. The contract in words is docs/protocol/SPEC.md. */
import type { Json, JsonObject } from './json.ts';
import type { Digest } from './digest.ts';

/** The version of the envelope that this build speaks. */
export const PROTOCOL = 1;

/** Limits of a server, as `hello` tells them. `bytes` is the body as it arrives, `inflated` after gzip. */
export interface Limits {
  mutations: number;
  bytes: number;
  inflated: number;
  changes: number;
}

/** What counts before a server has told its limits. */
export const DEFAULT_LIMITS: Limits = { mutations: 1000, bytes: 4 << 20, inflated: 16 << 20, changes: 1000 };

export const DEFAULT_PAGE = 500;
/** Seconds that `wait` may hold a pull. */
export const MAX_WAIT = 25;
export const MAX_OPS = 100;
/** Of one mutation, in bytes, as it stands in the inflated body. */
export const MAX_MUTATION_BYTES = 1 << 20;
/** Levels of objects and lists in one mutation. */
export const MAX_DEPTH = 64;
/** The greatest n: what every JSON reader holds exactly. */
export const MAX_N = Number.MAX_SAFE_INTEGER;

export interface Hello {
  protocol: number[];
  schema: number;
  minSchema: number;
  epoch: string;
  now: string;
  durability: 'fsync' | 'replica';
  limits: Limits;
}

/** A public P-256 key as a JWK; other members are ignored. */
export interface Key {
  kty: string;
  crv: string;
  x: string;
  y: string;
}

export type Role = 'worker' | 'staff' | 'manager' | 'coordinator' | 'law_enforcement' | 'provider' | 'admin';

/** What a device learns of the person it was enrolled for. */
export interface Person {
  id: string;
  role: Role;
  organization: string;
  sites: string[];
  locale: string;
}

/** What an app shows of where a person belongs. Servers of before tell less of it. */
export interface Belonging {
  organization?: Named;
  sites?: Named[];
  /** Who receives what staff save. */
  servedBy?: Named[];
  /** The server's name as it was asked under. */
  host?: string;
  /** What the person is known by, who has no name here. */
  label?: string;
  /** The organization has not said yet that it knows the person. */
  unconfirmed?: boolean;
}

export interface EnrollAnswer extends Belonging {
  token: string;
  user: Person;
  /** The installation's public HPKE key: base64url of the uncompressed P-256 point. */
  sealKey: string;
}

export interface NewDevice {
  id: string;
  key: Key;
}

/** The text that a renewal signs (ECDSA P-256, SHA-256, r and s as 64 bytes). */
export function renewText(device: string, challenge: string, next?: { id: string; thumbprint: string }): string {
  const text = `fieldpost-renew-v1\n${device}\n${challenge}`;
  return next ? `${text}\n${next.id}\n${next.thumbprint}` : text;
}

/**
 * The text that a device signs when it says that it has handed everything in.
 * `leftovers` is the signature within the recovery file that goes along, '' without one.
 */
export const wipeText = (device: string, order: string, leftovers: string, more: boolean): string =>
  `fieldpost-wipe-v1\n${device}\n${order}\n${leftovers}\n${more ? 'more' : 'done'}`;

export interface Named {
  id: string;
  name: string;
}

/** What an invite would give, to be shown to a person before the device is enrolled. */
export interface Invitation {
  role: Role;
  organization: Named;
  sites: Named[];
  servedBy: Named[];
  expires: string;
  /** The name that the server was asked under. */
  host: string;
  unconfirmed: boolean;
}

export type OpKind = 'create' | 'update' | 'delete';

/** One change of one record. `base` is the version that the person was looking at, 0 for a create. A delete has no `fields`. */
export interface Op {
  op: OpKind;
  collection: string;
  id: string;
  base: number;
  fields?: JsonObject;
}

/** What one act of a person changed, as a client writes it. */
export interface Mutation {
  n: number;
  stamp: string;
  offset: number | null;
  epoch: string | null;
  schema: number;
  ops?: Op[];
  sealed?: string;
}

export type VerdictKind = 'applied' | 'merged' | 'refused' | 'deferred';

/** Names a conflicts record in a verdict; never a value. */
export interface VerdictConflict {
  op: number;
  collection: string;
  id: string;
  field: string;
  conflict: string;
}

/** The server's stored answer to a mutation. */
export interface Verdict {
  n: number;
  verdict: VerdictKind;
  seq?: number;
  code?: string;
  message?: string;
  conflicts?: VerdictConflict[];
  quarantine?: string;
  replayed?: boolean;
}

/** What the answers of push and pull have in common: where the server stands in its history. */
export interface Place {
  epoch: string;
  now: string;
  mark: string;
  durableSeq: number;
  rewound?: boolean;
  /** An order to wipe itself. */
  wipe?: string;
}

export interface PushAnswer extends Place {
  verdicts: Verdict[];
}

/** One record in its newest state; `record` is null when it is gone for this person. */
export interface WireChange {
  collection: string;
  id: string;
  seq: number;
  record: { [key: string]: Json } | null;
}

export interface PullAnswer extends Place {
  reset: boolean;
  more: boolean;
  cursor: string;
  changes: WireChange[];
  seen: string[];
  digests?: { [collection: string]: Digest };
}

/** A verdict without what it says of records: whoever carries a recovery file may be anybody. */
export interface RecoveryVerdict {
  n: number;
  verdict: VerdictKind;
  code?: string;
  replayed?: boolean;
}

export interface RecoveryAnswer {
  epoch: string;
  now: string;
  verdicts: RecoveryVerdict[];
}

/** The error body of the protocol. */
export interface ErrorBody {
  status: number;
  message: string;
  code: string;
  hint: string;
  retry: 'never' | 'renew' | 'split' | 'later';
  limits?: Limits;
}

/** An envelope time, RFC 3339 in UTC with milliseconds. */
export const timeText = (ms: number): string => new Date(ms).toISOString();

const timeForm = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** Reads the two forms of time that records and mutations hold, as Unix ms; NaN for anything else. */
export function parseTime(text: unknown): number {
  const m = typeof text === 'string' ? timeForm.exec(text) : null;
  return m ? Date.parse(`${m[1]}T${m[2]}${(m[3] ?? '').slice(0, 4)}${m[4]}`) : NaN;
}

/** The answer `too_large` etc. of decoding, with its permanent code. */
export class Fault extends Error {
  constructor(readonly code: string, message: string, readonly limits?: Limits) {
    super(message);
    this.name = 'Fault';
  }
}
