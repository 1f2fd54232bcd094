import type { Status } from '../../sdk/index.ts';
import type { Fault, Link } from './session.ts';

/** Beyond this a phone's clock is said to be wrong, ms: the server calls it "minutes" from here. */
export const CLOCK_WRONG = 5 * 60_000;
/**
 * Below this much room, in bytes, the phone is said to be almost full. Newer
 * Chromium tells pages of room that it may not have, so that nobody is known by
 * it: there a full phone is noticed at the first tap that is not saved.
 */
export const LITTLE_ROOM = 20 * 1_048_576;

/** What the phone itself says: room in bytes (undefined: it does not tell), whether the browser promised to keep the store (null: not asked yet). */
export interface Phone {
  room: number | undefined;
  kept: boolean | null;
}

type Stands = Pick<Status, 'problem' | 'offset' | 'rewound' | 'wiping'>;

/** What only a person can end, by the server's words. */
const codes: Record<string, Fault> = {
  upgrade_required: 'old', unsupported_protocol: 'old', unsupported_schema: 'old',
  device_revoked: 'revoked', bad_signature: 'unknown', wipe_waits: 'wiping',
};

/** What needs to be said, the gravest: what stops the exchange, then what endangers the phone's notes, then what only has to be known. */
export function faultOf(s: Stands, phone: Phone, rewoundRead: number): Fault {
  if (s.wiping) return 'wiping';
  const stopped = s.problem ? codes[s.problem.code] : undefined;
  if (stopped) return stopped;
  if (phone.room !== undefined && phone.room < LITTLE_ROOM) return 'full';
  if (s.offset !== null && Math.abs(s.offset) > CLOCK_WRONG) return 'clock';
  if (s.rewound && s.rewound.at > rewoundRead) return 'rewound';
  return phone.kept === false ? 'storage' : '';
}

/** How the last try to reach the server went. */
export function troubleOf(problem: Status['problem']): Link['trouble'] {
  if (problem === null) return '';
  if (problem.code === 'no_server') return 'offline';
  if (problem.code === 'not_fieldpost') return 'portal';
  return codes[problem.code] ? 'stopped' : 'server';
}
