import type { Point } from '../../sdk/cell.ts';
import type { State } from '../../ui/state.ts';
import type { Album } from './album.svelte.ts';
import type { Refused } from '../../ui/gate.svelte.ts';
import type { Key } from '../strings/en.ts';
import type { Fill } from '../../ui/text.ts';

/** Who has the phone open. Staff have no name: `label` is made up for them (R8). */
export interface Me {
  label: string;
  role: string;
  organization: string;
  /** What the organization allows beyond the default: "photos", "plates", "points", "staff_notes". */
  allows: string[];
}

/** A site that the person may write about. */
export interface Place {
  id: string;
  name: string;
  /** Kind of place: "truck_stop", "hotel". */
  venue: string;
  /** The coarse cell that it lies in; "" if nobody has entered its point. */
  cell: string;
}

/** A joint effort whose roster the person is on (an operation); Unix ms, `ends` is over already. */
export interface Effort {
  id: string;
  name: string;
  begins: number;
  ends: number;
}

/** How a person knows. */
export type Basis = 'saw' | 'told';
/** An answer to an item of a checklist. */
export type Answer = 'yes' | 'no' | 'unsure';
/** Whom a checklist is about. */
export type About = 'guest' | 'coworker' | 'self';

/** What kind of draft, and when what it tells of was seen; `seen` null is now, in Unix ms otherwise. */
interface Written {
  id: string;
  place: string;
  seen: number | null;
  begun: number;
  changed: number;
  note: string;
  managerInvolved: boolean;
  /** Coarse cell of where the phone was when the person asked it (R14). */
  grid?: string;
  /** The exact place, where the person has added it to this one. */
  point?: Point | null;
  /** The joint effort that it is of; null is none, undefined not decided yet. */
  effort?: Effort | null;
  /** Number of the parked mutation that it corrects. */
  corrects?: number;
}

/** A night stop that is being written. */
export interface Stop extends Written {
  kind: 'observations';
  /** Indicators that were ticked, with how the person knows. */
  indicators: Record<string, Basis>;
  vehicle: string;
  color: string;
  plateState: string;
  plateEnd: string;
  adults: number;
  under18: number;
  kits: number;
  cards: number;
}

/** A checklist that is being filled. */
export interface Filled extends Written {
  kind: 'submissions';
  /** Record id of the checklist's version in the person's language. */
  checklist: string;
  about: About | '';
  answers: Record<string, Answer>;
  basis: Record<string, Basis>;
  /** Emergency items after which the person chose to go on without calling. */
  wentOn: string[];
}

export type Draft = Stop | Filled;

/** One item of a checklist, in the words of its version. */
export interface ListItem {
  id: string;
  text: string;
  weight: 'context' | 'strong' | 'emergency';
  hint?: string;
  read_aloud?: string;
  icon?: string;
  group?: string;
  group_label?: string;
  relevant?: string;
  review?: string;
}

/** A version of a checklist in one language. */
export interface List {
  id: string;
  key: string;
  version: number;
  locale: string;
  title: string;
  items: ListItem[];
}

/** A report of this phone, as a row shows it. */
export interface Item {
  /** The record's id. */
  id: string;
  kind: 'observations' | 'submissions';
  title: string;
  /** When it happened and when it was written, Unix ms. */
  seen: number;
  written: number;
  state: State;
  /** What may stand beside the state word. */
  note?: Key;
  fill?: Fill;
  /** Of what needs attention: why, in words of the app, and the server's code. */
  why?: Key;
  code?: string;
  /** Number of the mutation that is parked. */
  n?: number;
}

/** Who is on duty, as far as this phone knows (R23). Times are Unix ms. */
export interface Duty {
  on: boolean;
  until: number | null;
  next: number | null;
  /** When the server said so. */
  asOf: number;
}

/** How the last try to reach the server went. */
export interface Link {
  /** "" is fine or not tried yet; with "stopped" only a person can go on: the fault says how. */
  trouble: '' | 'offline' | 'portal' | 'server' | 'stopped';
  tried: number | null;
  sending: boolean;
}

/**
 * What needs to be said while it is true.
 * - `save`, `room`: the last tap is not on the disk; with `room` because the disk is full
 * - `evicted`: the store is gone under the app; `lost`: it cannot be reached now
 * - `old`, `revoked`, `unknown`, `wiping`: the server's words to this app or phone
 * - `full`, `clock`: the phone's own state; `storage`: the browser promises nothing (said on Home alone)
 * - `rewound`: the server was set back; until the person has read it
 */
export type Fault = '' | Unsaved | 'evicted' | 'lost' | 'old' | 'revoked' | 'unknown' | 'wiping' | 'full' | 'clock' | 'rewound' | 'storage';
/** Why the last tap is not on the disk; "" where it is. */
export type Unsaved = '' | 'save' | 'room' | 'lost';

/** What came of a new PIN: `left` tries until the vault is wiped, `wait` in seconds; of `wiped`, how many notes are `kept` sealed. */
export type Rekeyed = { ok: true } | { ok: false; why: 'wrong' | 'wait' | 'wiped' | 'failed'; left: number; wait: number; kept: number; code: string };
/** What came of a new code for the same vault; `n` is minutes to wait. */
export type Rejoined = { ok: true } | { ok: false; why: Refused['why'] | 'other'; n: number };

/**
 * What the screens work on: one person's open vault and device, or practice.
 * Its members are reactive. Every method that writes resolves when the write is
 * on the disk, and rejects when it is not, so that a screen never says "saved"
 * before it is so.
 */
export interface Session {
  readonly practice: boolean;
  /** Its screens stand within another page, which has landmarks of its own. */
  readonly within?: boolean;
  readonly me: Me;
  readonly places: Place[];
  /** Joint efforts that this phone knows of, running or not. */
  readonly efforts: Effort[];
  readonly lists: List[];
  readonly drafts: Draft[];
  readonly items: Item[];
  /** `items` is not read yet: nothing may be said of what is, or is not, here. */
  readonly counting: boolean;
  readonly duty: Duty | null;
  readonly link: Link;
  readonly fault: Fault;
  /** Photos of places and vehicles. */
  readonly album: Album;
  /** What the fault's words are filled with. */
  readonly sums: Fill;

  /** A draft as it was last handed to {@link keep}: the list of drafts is read anew only after a write. */
  fresh(draft: Draft): Draft;
  /** Keeps a draft as it is now. */
  keep(draft: Draft): Promise<void>;
  /** Takes a draft away. */
  drop(id: string): Promise<void>;
  /** "Done": makes the draft a report that waits to go, and gives its id. Fails only where it is not written. */
  done(draft: Draft): Promise<string>;
  /** A draft with what a parked report says, to correct it; sending it takes the parked one's place. */
  correct(item: Item): Promise<Draft>;
  /** Puts a parked report back into the queue as it is. */
  again(item: Item): Promise<void>;
  /** A sealed copy of what waits, as a file. */
  copy(): Promise<Blob>;
  /** Tries to reach the server now. */
  sync(): Promise<void>;
  /** Lets this phone in again with a new code; the vault stays. */
  rejoin(code: string): Promise<Rejoined>;
  /** The person has read that the server was set back. */
  read(): Promise<void>;
  /** Compares with the server (PULL-8): collections that do not agree, and whether it was mended. */
  check(): Promise<{ mended: boolean; doubtful: string[] }>;
  /** Bytes on this phone, and whether the browser promised to keep them. */
  storage(): Promise<{ used: number; kept: boolean }>;
  /** Asks the browser to keep what is here. */
  persist(): Promise<boolean>;
  /** Changes PIN or passphrase. A wrong `old` counts as at the lock: the last one wipes. */
  rekey(old: string, fresh: string): Promise<Rekeyed>;
  /** Locks: keys are forgotten, the connection ends. */
  lock(): void;
}
