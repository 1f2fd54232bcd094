/** How things stand, as data: the five words for what a person saved (R4), and the state of the exchange. Texts are the screens'. */
import type { OutboxRow, Phase, Problem, Rewound } from './rows.ts';
import type { Belonging, Person } from './wire/messages.ts';

/**
 * The only words that are shown for what a person saved.
 * - `saved`: saved on this phone
 * - `waiting`: waiting
 * - `received`: received
 * - `seen`: seen by a coordinator
 * - `attention`: needs attention: kept, and never counted as received
 */
export type Word = 'saved' | 'waiting' | 'received' | 'seen' | 'attention';

/** The word for a phase. What a person has corrected is still only on this phone; its copy has a word of its own. */
export function wordOf(phase: Phase, seen: boolean): Word {
  switch (phase) {
    case 'waiting': return 'waiting';
    case 'acknowledged':
    case 'settled': return seen ? 'seen' : 'received';
    case 'parked': return 'attention';
    case 'corrected': return 'saved';
  }
}

/** What a person can do about something that needs attention. */
export type Remedy = 'correct' | 'again' | 'ask';

/** Why something needs attention, as data: a code of the protocol, and what helps. */
export interface Reason {
  code: string;
  remedies: Remedy[];
}

const remedies: { [code: string]: Remedy[] } = {
  not_allowed: ['ask', 'again'],
  invalid: ['correct', 'ask'],
  too_large: ['correct'],
  gone: ['ask'],
  taken: ['correct', 'ask'],
  depends_on_refused: ['correct', 'ask'],
  unknown_collection: ['ask', 'again'],
  cannot_be_sent: ['again', 'ask'],
  unconfirmed: ['ask'],
};

/** Why a mutation needs attention or is put off; null where there is nothing to say. */
export const reasonOf = (row: Pick<OutboxRow, 'code'>): Reason | null =>
  row.code === '' ? null : { code: row.code, remedies: remedies[row.code] ?? ['ask', 'again'] };

/**
 * Where the exchange with the server stands.
 * - `idle`: nothing is under way, and nobody keeps it up
 * - `syncing`: an exchange is under way
 * - `live`: up to date; pokes come by the stream
 * - `polling`: up to date; the server holds pulls until there is something
 * - `resting`: the last try failed; the next one is at `next`
 * - `stopped`: a person must act; see the problem
 */
export type Activity = 'idle' | 'syncing' | 'live' | 'polling' | 'resting' | 'stopped';

/** Where the device stands. Each act of the person counts in one of waiting, received, seen, attention and corrected; saved is their sum. */
export interface Status {
  device: string;
  name: string;
  enrolled: boolean;
  person: Person | null;
  /** Organization, sites, who receives reports: to be shown. */
  belonging: Belonging;
  url: string;
  lineage: string[];

  saved: number;
  waiting: number;
  /** And not yet seen. */
  received: number;
  seen: number;
  attention: number;
  corrected: number;
  /** When the oldest waiting act was saved, Unix ms; null: none. */
  oldestWaiting: number | null;
  drafts: number;

  /** There is a view. */
  pulled: boolean;
  /** A full view is on its way and not yet whole. */
  resetting: boolean;
  /** Last answer of the server, Unix ms; null: never. */
  lastContact: number | null;
  /** Server minus device clock in ms; null: unknown. */
  offset: number | null;
  /** Why the last exchange failed; what a push failed with stays until one gets through. */
  problem: Problem | null;
  /** When the view was last compared with the server's; null: that is due. */
  checked: number | null;
  /** Collections whose check fails. */
  doubtful: string[];
  /** The server was set back and had lost something of this device, the last time that it was; null: never. */
  rewound: Rewound | null;
  /** The server has ordered this device to wipe itself: it hands everything in, and then obeys. */
  wiping: boolean;

  activity: Activity;
  /** Of `resting`: when the next try is, Unix ms. */
  next: number | null;
}
