import type { Fill } from '../../ui/text.ts';
import type { Key } from '../strings/en.ts';
import type { Session } from './session.ts';

/** Whom a code would put this phone to work with. */
export interface Invitation {
  organization: string;
  role: string;
  sites: string[];
  host: string;
}

/** A vault on this phone, as the lock screen knows it: a made label, never a name. */
export interface Person {
  id: string;
  label: string;
  /** Digits of the PIN; 0 is a passphrase. */
  digits: number;
}

/** What came of a PIN. */
export type Opened =
  | { ok: true; session: Session }
  | { ok: false; wiped: boolean; damaged: boolean; left: number; wait: number; kept: number; code: string };

/** A refusal in words of the app. */
export type Refused = { ok: false; key: Key; fill?: Fill };
