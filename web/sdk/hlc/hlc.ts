/**
 * The hybrid logical clock of the devices: stamps, their order and the device's
 * clock. It never reads a clock itself: wall times are arguments, in Unix
 * milliseconds UTC.
 *
 * A stamp is text, `<13-digit unix ms>-<4 hex counter>-<device>`, zero-padded,
 * so that it sorts as text. It is made once and never changes.
 */

/** The greatest millisecond that 13 digits hold (in the year 2286). */
export const MAX_MS = 9_999_999_999_999;
/** The greatest counter that 4 hex digits hold. */
export const MAX_COUNTER = 0xffff;
/** The length of a device or record id, in characters a-z0-9. */
export const ID_LENGTH = 15;
/** How far, in ms, the wall clock may fall behind the last stamp before that counts as a jump. */
export const JUMP_TOLERANCE = 2_000;

/** The part of a stamp that orders it: milliseconds, then counter, without the device (MERGE-2). */
export interface Time {
  readonly ms: number;
  readonly counter: number;
}

/** A parsed stamp. `device` is an id on the wire and a pseudonym in what servers store. */
export interface Stamp extends Time {
  readonly device: string;
}

export const ZERO: Time = { ms: 0, counter: 0 };

const stampForm = /^([0-9]{13})-([0-9a-f]{4})-([a-z0-9]{15})$/;
const idForm = /^[a-z0-9]{15}$/;

/** Reads a stamp. Throws on anything but the exact form, lower case. */
export function parse(text: string): Stamp {
  const m = stampForm.exec(text);
  // $ also stands before a line feed at the end of some engines' lines; the length settles it.
  if (!m || text.length !== 34) throw new SyntaxError('parse stamp: want <13 digits>-<4 hex>-<15 of a-z0-9>');
  return { ms: Number(m[1]), counter: parseInt(m[2]!, 16), device: m[3]! };
}

/** Whether a text is 15 characters a-z0-9. */
export function validID(text: unknown): text is string {
  return typeof text === 'string' && text.length === ID_LENGTH && idForm.test(text);
}

/** The stamp's text. */
export function format(s: Stamp): string {
  return `${String(s.ms).padStart(13, '0')}-${s.counter.toString(16).padStart(4, '0')}-${s.device}`;
}

/** Orders by milliseconds, then counter: -1, 0 or 1. */
export function compare(a: Time, b: Time): -1 | 0 | 1 {
  if (a.ms !== b.ms) return a.ms < b.ms ? -1 : 1;
  if (a.counter !== b.counter) return a.counter < b.counter ? -1 : 1;
  return 0;
}

/** Whether `a` is greater than `b`. */
export const after = (a: Time, b: Time): boolean => compare(a, b) > 0;

/** The greater of two times. */
export const max = (a: Time, b: Time): Time => (after(b, a) ? b : a);

/** The least time greater than `t`: a full counter moves on by one millisecond. */
export function tick(t: Time): Time {
  return t.counter >= MAX_COUNTER ? { ms: t.ms + 1, counter: 0 } : { ms: t.ms, counter: t.counter + 1 };
}

/**
 * The corrected time of PUSH-12: the stamp's milliseconds plus the clock's
 * offset (server minus device, ms), never later than `received` (server ms at
 * first receipt) and never before 0. The counter stays.
 */
export function correct(t: Time, offset: number, received: number): Time {
  return { ms: Math.max(0, Math.min(t.ms + offset, received)), counter: t.counter };
}

/**
 * The next time after `last` for a wall clock reading. When the wall clock has
 * jumped back beyond {@link JUMP_TOLERANCE}, or the caller knows of a jump, the
 * logical part starts anew and `jumped` is true: an offset measured before is
 * no longer valid.
 */
export function next(last: Time, wall: number, knownJump: boolean): { time: Time; jumped: boolean } {
  const at = Math.min(Math.max(wall, 0), MAX_MS);
  const jumped = knownJump || last.ms - at > JUMP_TOLERANCE;
  if (jumped || at > last.ms) return { time: { ms: at, counter: 0 }, jumped };
  return { time: tick(last), jumped: false };
}
