/** The rows of a device's store. Times are Unix ms of the device's wall clock, unless a member says otherwise. */
import { ZERO, type Time } from './hlc/hlc.ts';
import type { StoredKey } from './keys.ts';
import type { Reading, Writing } from './store.ts';
import { DEFAULT_LIMITS, type Belonging, type Limits, type OpKind, type Person, type Verdict } from './wire/messages.ts';
import { damaged } from './errors.ts';

/** Why an exchange failed, for a person who looks later. */
export interface Problem {
  code: string;
  message: string;
  hint: string;
  at: number;
  /** What waits was not taken: only a push that gets through ends it. */
  push: boolean;
}

export interface Identity {
  id: string;
  key: StoredKey;
}

/** What the device is, and where it stands in the server's history. */
export interface DeviceRow extends Identity {
  /** A label for people, told at enrolment. */
  name: string;
  /** The server, without a slash at the end; '' for the page's own origin. */
  url: string;
  token: string;
  person: Person | null;
  belonging: Belonging;
  sealKey: string;
  limits: Limits;
  /** The last n and the last place in the outbox given out. */
  n: number;
  pos: number;
  clock: Time;
  /** The greatest ms that any stamp has had: beyond it a stamp is new without looking. */
  stamped: number;
  /** Server minus device; null: none, or the clock jumped since. */
  offset: number | null;
  offsetAt: number;
  epoch: string | null;
  /** The epoch that the confirmed records' seqs belong to. */
  viewEpoch: string | null;
  mark: string | null;
  cursor: string | null;
  durableSeq: number;
  /** Of the view; a reset begins a new one. */
  generation: number;
  resetting: boolean;
  /** Counts acknowledgements; those that a finished pull has begun after. */
  acks: number;
  pulledAcks: number;
  contact: number;
  problem: Problem | null;
  /** A renewal with newDevice is under way with this identity. */
  fork: Identity | null;
  /** Ids that this device went by before, the oldest first. */
  lineage: (Identity & { until: number })[];
  /** When the view was last compared with the server's; 0: that is due. */
  checked: number;
  /** When full views were begun for a failed check, by the server's clock. */
  checkResets: number[];
  doubtful: { [collection: string]: number };
  collections: string[];
  /** A reset has left records for waiting changes of their own (PULL-4). */
  stale: boolean;
  /** When the server's history last went back for this device, and how much it had lost of it. Absent in stores of before. */
  rewound?: Rewound;
}

/** What a server that was set back had lost of this device: it goes up again by itself (EPOCH-3). */
export interface Rewound {
  at: number;
  notes: number;
}

export function newDeviceRow(identity: Identity): DeviceRow {
  return {
    ...identity, name: '', url: '', token: '', person: null, belonging: {}, sealKey: '', limits: DEFAULT_LIMITS, n: 0, pos: 0, clock: ZERO, stamped: 0,
    offset: null, offsetAt: 0, epoch: null, viewEpoch: null, mark: null, cursor: null, durableSeq: 0, generation: 0, resetting: false,
    acks: 0, pulledAcks: 0, contact: 0, problem: null, fork: null, lineage: [], checked: 0, checkResets: [], doubtful: {}, collections: [], stale: false,
  };
}

/**
 * Where a mutation stands.
 * - `waiting`: to be sent; also again, after a rewind
 * - `acknowledged`: applied or merged; kept until durableSeq passes it (EPOCH-3)
 * - `settled`: that too
 * - `parked`: refused, or could not be sent: a person must look
 * - `corrected`: was parked; a person made a corrected copy
 */
export type Phase = 'waiting' | 'acknowledged' | 'settled' | 'parked' | 'corrected';

/** Names a record and what was done to it. */
export interface Ref {
  op: OpKind;
  collection: string;
  id: string;
}

/** One mutation. A row is never deleted by the program (DEV-3). */
export interface OutboxRow {
  /** Its place, for ever; n is given anew when the device gets a new id. */
  pos: number;
  n: number;
  stamp: string;
  /** The mutation's JSON as made, without n; null once settled, but for staff. */
  body: string | null;
  touched: Ref[];
  phase: Phase;
  made: number;
  /** The verdict's; 0: none. */
  seq: number;
  verdict: Verdict | null;
  /** Why it is parked or deferred. */
  code: string;
  message: string;
  /** Exchanges that failed with this mutation alone. */
  fails: number;
  /** Number of its acknowledgement. */
  ack: number;
  correctedBy: number;
  correctionOf: number;
  /** The ops sealed for the installation, for this device and n. */
  sealed: string;
  /** It goes out sealed. */
  sendsSealed: boolean;
}

/** A record as pulled. `generation` is that of the pull which last sent it. */
export interface RecordRow {
  seq: number;
  generation: number;
  record: { [field: string]: unknown };
}

/** Own reports that a coordinator has opened, a slice of them by the id's first character: id to generation. */
export type SeenRow = { [id: string]: number };

export const OUTBOX = 'outbox';
export const SETTLED = 'settled';
export const SEEN = 'seen';
export const recordsOf = (collection: string): string => `records/${collection}`;

/** Keys sort as text: the place of a mutation with leading zeros. */
export const posKey = (pos: number): string => String(pos).padStart(12, '0');

export async function device(tx: Reading): Promise<DeviceRow> {
  const row = await tx.get<DeviceRow>('device', 'device');
  if (!row) throw damaged(new Error('there is no device row'));
  return { ...row };
}

export const putDevice = (tx: Writing, row: DeviceRow): void => tx.put('device', 'device', row);

/** The open rows of the outbox in the order of making. */
export async function outbox(tx: Reading): Promise<OutboxRow[]> {
  return [...(await tx.all<OutboxRow>(OUTBOX)).values()];
}

export const putRow = (tx: Writing, row: OutboxRow): void => {
  if (row.phase === 'settled') {
    tx.delete(OUTBOX, posKey(row.pos));
    tx.put(SETTLED, posKey(row.pos), row);
  } else tx.put(OUTBOX, posKey(row.pos), row);
};

export async function seenIDs(tx: Reading): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  for (const slice of (await tx.all<SeenRow>(SEEN)).values()) for (const [id, generation] of Object.entries(slice)) out.set(id, generation);
  return out;
}
