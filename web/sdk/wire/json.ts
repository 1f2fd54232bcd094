/**
 * JSON values, and the taking apart of JSON text without building it.
 *
 * A number that no double holds (1e400) cannot be told from infinity once it is
 * parsed. {@link parseJSON} keeps such a number as {@link OutOfRange}, so that a
 * mutation which holds one is kept as it came.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** A number that no double holds, as it was written. */
export class OutOfRange {
  constructor(readonly text: string) {}
}

/** A decoded value; with numbers that no double holds where the text had some. */
export type Value = null | boolean | number | string | OutOfRange | Value[] | { [key: string]: Value };
export type ValueObject = { [key: string]: Value };

export function isObject(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v) && !(v instanceof OutOfRange);
}

/** Object with no prototype: a key such as `__proto__` is a key like any other. */
export function plainObject<T>(): { [key: string]: T } {
  return Object.create(null) as { [key: string]: T };
}

/** Parses valid JSON. `inRange` is false where a number was out of range. Throws a SyntaxError. */
export function parseJSON(source: string): { value: Value; inRange: boolean } {
  JSON.parse(source); // says what is valid; the reader below may then be simple
  return new Reader(source).read();
}

class Reader {
  private at = 0;
  private inRange = true;
  constructor(private readonly source: string) {}

  read(): { value: Value; inRange: boolean } {
    this.at = skipSpace(this.source, 0);
    return { value: this.value(), inRange: this.inRange };
  }

  private value(): Value {
    const s = this.source;
    switch (s[this.at]) {
      case '{': {
        const out = plainObject<Value>();
        for (this.step(); s[this.at] !== '}';) {
          const key = this.string();
          this.at = skipSpace(s, this.at);
          this.step(); // the colon
          out[key] = this.value();
          this.at = skipSpace(s, this.at);
          if (s[this.at] === ',') this.step();
        }
        this.at++;
        return out;
      }
      case '[': {
        const out: Value[] = [];
        for (this.step(); s[this.at] !== ']';) {
          out.push(this.value());
          this.at = skipSpace(s, this.at);
          if (s[this.at] === ',') this.step();
        }
        this.at++;
        return out;
      }
      case '"':
        return this.string();
      case 't': this.at += 4; return true;
      case 'f': this.at += 5; return false;
      case 'n': this.at += 4; return null;
    }
    const end = skipValue(s, this.at).end;
    const word = s.slice(this.at, end);
    this.at = end;
    const n = Number(word);
    if (Number.isFinite(n)) return n;
    this.inRange = false;
    return new OutOfRange(word);
  }

  private step(): void {
    this.at = skipSpace(this.source, this.at + 1);
  }

  private string(): string {
    const end = skipString(this.source, this.at);
    const word = this.source.slice(this.at, end);
    this.at = end;
    return wellFormed(JSON.parse(word) as string);
  }
}

/** A text without half characters: each becomes U+FFFD, as UTF-8 has no form for it. */
export function wellFormed(text: string): string {
  return /[\ud800-\udfff]/.test(text)
    ? text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (m) => (m.length === 2 ? m : '\ufffd'))
    : text;
}

/** Whether text is JSON. */
export function validJSON(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The members of a JSON object in order, each value as text; a repeated key again. For valid JSON. */
export function* members(object: string): Generator<[key: string, raw: string]> {
  let i = skipSpace(object, skipSpace(object, 0) + 1);
  while (i < object.length && object[i] !== '}') {
    const keyEnd = skipString(object, i);
    const key = JSON.parse(object.slice(i, keyEnd)) as string;
    const start = skipSpace(object, skipSpace(object, keyEnd) + 1);
    const { end } = skipValue(object, start);
    yield [key, object.slice(start, end)];
    i = skipSpace(object, end);
    if (object[i] === ',') i = skipSpace(object, i + 1);
  }
}

/** The elements of a JSON list as text, and how deep each is nested. For valid JSON. */
export function* elements(list: string): Generator<[raw: string, depth: number]> {
  let i = skipSpace(list, skipSpace(list, 0) + 1);
  while (i < list.length && list[i] !== ']') {
    const { end, depth } = skipValue(list, i);
    yield [list.slice(i, end), depth];
    i = skipSpace(list, end);
    if (list[i] === ',') i = skipSpace(list, i + 1);
  }
}

/** Whether a JSON value begins with a character: { or [. */
export const opens = (value: string | undefined, with_: string): boolean =>
  value !== undefined && value[skipSpace(value, 0)] === with_;

export function skipSpace(s: string, i: number): number {
  while (i < s.length && (s[i] === ' ' || s[i] === '\n' || s[i] === '\r' || s[i] === '\t')) i++;
  return i;
}

function skipString(s: string, i: number): number {
  for (i++; i < s.length && s[i] !== '"'; i++) if (s[i] === '\\') i++;
  return i + 1;
}

/** The end of the value that begins at i, and its depth. For valid JSON. */
export function skipValue(s: string, i: number): { end: number; depth: number } {
  let level = 0;
  let depth = 0;
  while (i < s.length) {
    switch (s[i]) {
      case '"':
        i = skipString(s, i);
        break;
      case '{':
      case '[':
        depth = Math.max(depth, ++level);
        i++;
        break;
      case '}':
      case ']':
        if (--level < 0) return { end: i, depth };
        i++;
        break;
      case ',': case ':': case ' ': case '\n': case '\r': case '\t':
        if (level === 0) return { end: i, depth };
        i++;
        continue;
      default:
        i++;
        continue;
    }
    if (level === 0) return { end: i, depth };
  }
  return { end: i, depth };
}
