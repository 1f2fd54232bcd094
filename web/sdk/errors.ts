/** What this library fails with. None of it ever costs a saved mutation. */
import type { Limits } from './wire/messages.ts';

/**
 * - `locked`: the vault is locked, or was locked or wiped meanwhile
 * - `store`: the store is lost, damaged or of a newer program
 * - `disk`: the store cannot be written; what was saved before is whole
 * - `input`: what was asked for is not possible; nothing was saved
 * - `not_enrolled`: the device has no person yet
 * - `offline`: no answer came
 * - `not_ours`: somebody answered who is not the server (DEV-7); it counts as no answer
 * - `later`: the server asks to wait, or has a fault of its own
 * - `refused`: the server refuses this device, invite or token; a person must act
 * - `wiped`: the device has handed everything in and wiped itself, as it was ordered to
 * - `aborted`: the caller's own signal ended it
 * - `internal`: a fault of this program
 */
export type ErrorKind = 'locked' | 'store' | 'disk' | 'input' | 'not_enrolled' | 'offline' | 'not_ours' | 'later' | 'refused' | 'wiped' | 'aborted' | 'internal';

export interface ErrorDetails {
  hint?: string;
  /** With `later`: how many ms the server asks to wait. */
  retryAfter?: number;
  /** HTTP status; 0 or absent when no answer came. */
  status?: number;
  limits?: Limits;
  /** An answer had begun, and was cut. */
  begun?: boolean;
  /** The time for the request was over. */
  slow?: boolean;
  cause?: unknown;
}

/** `message` and `hint` are sentences for a person and hold no personal data; `code` never changes its meaning. */
export class SdkError extends Error {
  readonly hint: string;
  readonly retryAfter: number;
  readonly status: number;
  readonly limits: Limits | undefined;
  readonly begun: boolean;
  readonly slow: boolean;

  constructor(readonly kind: ErrorKind, readonly code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SdkError';
    this.hint = details.hint ?? 'What you saved is kept on this device.';
    this.retryAfter = details.retryAfter ?? 0;
    this.status = details.status ?? 0;
    this.limits = details.limits;
    this.begun = details.begun ?? false;
    this.slow = details.slow ?? false;
  }
}

/** The {@link SdkError} in an error. Anything else becomes one with the code `internal`. */
export function explain(err: unknown): SdkError {
  if (err instanceof SdkError) return err;
  return new SdkError('internal', 'internal', 'Something broke in this program.', { cause: err });
}

export const badInput = (code: string, message: string, hint: string): SdkError => new SdkError('input', code, message, { hint });

export const notOurs = (message: string, status: number, cause?: unknown): SdkError =>
  new SdkError('not_ours', 'not_fieldpost', message, {
    hint: 'Check the address, and sign in to the wifi if it asks for that. Everything is kept on this device.', status, cause,
  });

export const offline = (cause: unknown, more: ErrorDetails = {}): SdkError =>
  new SdkError('offline', 'no_server', 'No answer from the server.', {
    hint: 'Everything is kept on this device. Try again when there is a connection.', cause, ...more,
  });

export const aborted = (): SdkError => new SdkError('aborted', 'aborted', 'It was ended before it was done.');

export const notEnrolled = (message: string): SdkError =>
  new SdkError('not_enrolled', 'not_enrolled', message, { hint: 'Enrol this device first, with the address of the server and an invite.' });

export const vaultLocked = (): SdkError =>
  new SdkError('locked', 'vault_locked', 'The vault is locked.', { hint: 'Unlock it with the PIN or passphrase. Everything is kept in it.' });

export const damaged = (cause: unknown): SdkError =>
  new SdkError('store', 'store_damaged', 'Something in the store cannot be read.', {
    hint: 'Write a recovery file and give it to your coordinator. Then enrol this device anew.', cause,
  });

/** Tells all who listen. A fault of one of them is theirs, and no failure of what they are told of. */
export function tellAll<News extends unknown[]>(listeners: Iterable<(...news: News) => void>, ...news: News): void {
  for (const l of [...listeners]) {
    try {
      l(...news);
    } catch (err) {
      (globalThis.reportError ?? console.error)(err);
    }
  }
}

export const hasCode = (err: unknown, ...codes: string[]): boolean => err instanceof SdkError && codes.includes(err.code);
