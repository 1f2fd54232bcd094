// The forms of the protocol: ids, stamps, canonical JSON, digests. Nothing here
// reads a clock or the network.
import { createHash, randomBytes } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A new id: 15 characters a-z0-9. Bytes above the last whole multiple are thrown away, so that all characters are as likely. */
export function newId() {
  let id = '';
  while (id.length < 15) {
    for (const b of randomBytes(32)) if (b < 252 && id.length < 15) id += alphabet[b % 36];
  }
  return id;
}

export const sha256 = (data) => createHash('sha256').update(data).digest();
export const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** RFC 8785 for what JSON.parse can give. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value && typeof value === 'object') {
    const keys = Object.keys(value).filter((k) => value[k] !== undefined).sort();
    return `{${keys.map((k) => `${JSON.stringify(k)}:${canonical(value[k])}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

export const stampText = (ms, counter, device) =>
  `${String(ms).padStart(13, '0')}-${counter.toString(16).padStart(4, '0')}-${device}`;

/** RFC 7638 for an EC key. */
export const thumbprint = ({ crv, kty, x, y }) => base64url(sha256(JSON.stringify({ crv, kty, x, y })));

/** Lower-case base32 without padding. */
export function toBase32(bytes) {
  let bits = 0;
  let held = 0;
  let text = '';
  for (const b of bytes) {
    held = (held << 8) | b;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32[(held >> bits) & 31];
      held &= (1 << bits) - 1;
    }
  }
  return bits ? text + base32[(held << (5 - bits)) & 31] : text;
}

/** The id of the triage record that the server makes for a report. */
export const triageId = (collection, id) => toBase32(sha256(`triage:${collection}:${id}`)).slice(0, 15);

/**
 * PULL-8 over a view.
 *
 * @param {Iterable<{collection: string, id: string, seq: number}>} view
 * @returns {Record<string, {count: number, sums: string[]}>} collections that are not empty
 */
export function digests(view) {
  const found = {};
  for (const { collection, id, seq } of view) {
    found[collection] ??= { count: 0, sums: Array(16).fill(0n) };
    const of = found[collection];
    const slice = sha256(id)[0] >> 4;
    of.count++;
    of.sums[slice] = BigInt.asUintN(64, of.sums[slice] + sha256(`${id}:${seq}`).readBigUInt64BE(0));
  }
  for (const of of Object.values(found)) of.sums = of.sums.map((sum) => sum.toString(16).padStart(16, '0'));
  return found;
}

/**
 * The text of each member (of an object) or element (of an array), as it stands
 * in the JSON: JSON.parse forgets the order of keys and the form of numbers.
 *
 * @returns {Map<string, string> | string[]}
 */
export function rawParts(text) {
  let at = 0;
  const blank = () => { while (' \n\r\t'.includes(text[at]) && at < text.length) at++; };
  const string = () => {
    const from = at++;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at++;
    return text.slice(from, at);
  };
  const skip = () => {
    const from = at;
    let depth = 0;
    for (; at < text.length; at++) {
      const c = text[at];
      if (c === '"') { string(); at--; }
      else if (c === '{' || c === '[') depth++;
      else if (c === '}' || c === ']') { if (depth === 0) break; depth--; }
      else if (c === ',' && depth === 0) break;
    }
    return text.slice(from, at).trim();
  };
  blank();
  const list = text[at] === '[';
  const parts = list ? [] : new Map();
  at++;
  for (blank(); at < text.length && text[at] !== '}' && text[at] !== ']'; blank()) {
    if (list) parts.push(skip());
    else {
      const key = JSON.parse(string());
      blank();
      at++; // the colon
      blank();
      parts.set(key, skip());
    }
    if (text[at] === ',') at++;
  }
  return parts;
}
