import { isObject, OutOfRange, wellFormed } from './json.ts';

/**
 * Canonical JSON (RFC 8785): members sorted by UTF-16 code units, numbers as
 * ECMAScript prints them, no spaces. Throws a TypeError on what is not JSON, a
 * number that is not finite among it.
 */
export function canonical(v: unknown): string {
  if (v === null || typeof v === 'boolean') return String(v);
  if (typeof v === 'string') return quote(v);
  if (typeof v === 'number') {
    if (!Number.isFinite(v)) throw new TypeError('canonical json: number is not finite');
    return JSON.stringify(v);
  }
  if (Array.isArray(v)) return `[${v.map(canonical).join(',')}]`;
  if (v instanceof OutOfRange) throw new TypeError('canonical json: number out of range');
  if (isObject(v)) {
    const keys = Object.keys(v).sort(); // by code units, which is what sort does
    return `{${keys.map((k) => `${quote(k)}:${canonical(v[k])}`).join(',')}}`;
  }
  throw new TypeError(`canonical json: ${typeof v} is not JSON`);
}

// JSON.stringify writes half characters as escapes; as UTF-8 they do not exist.
const quote = (s: string): string => JSON.stringify(wellFormed(s));

/** Whether two decoded values have the same canonical form. */
export function equalJSON(a: unknown, b: unknown): boolean {
  try {
    return canonical(a) === canonical(b);
  } catch {
    return false;
  }
}
