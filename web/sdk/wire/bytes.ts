/** Bytes and their texts: UTF-8, base64url, base32, hexadecimal; SHA-256. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type Bytes = Uint8Array<ArrayBuffer>;

export const utf8 = (text: string): Bytes => encoder.encode(text) as Bytes;

/** Reads UTF-8 strictly; throws a TypeError on what is none. */
export const text = (bytes: Uint8Array | ArrayBuffer): string => decoder.decode(bytes);

const alphabet64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const values64 = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) values64[alphabet64.charCodeAt(i)] = i;

/** base64url without padding (RFC 4648 section 5). */
export function base64url(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out += alphabet64[group >> 18]! + alphabet64[(group >> 12) & 63]!;
    if (i + 1 < bytes.length) out += alphabet64[(group >> 6) & 63]!;
    if (i + 2 < bytes.length) out += alphabet64[group & 63]!;
  }
  return out;
}

/** Reads base64url in its one spelling: no padding, no spare bits. Throws on anything else. */
export function fromBase64url(text: string): Bytes {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const v = values64[text.charCodeAt(i)] ?? -1;
    if (v < 0) throw new SyntaxError('base64url: a character that is none of its alphabet');
    held = ((held << 6) | v) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 0xff;
    }
  }
  if (bits >= 6 || (held & ((1 << bits) - 1)) !== 0) throw new SyntaxError('base64url: the end does not fit');
  return out;
}

const alphabet32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Lower-case base32 without padding, cut to 15 characters: the shape of ids and pseudonyms. */
export function base32(sum: Uint8Array): string {
  let out = '';
  let held = 0;
  let bits = 0;
  for (const b of sum) {
    held = ((held << 8) | b) & 0xffff;
    bits += 8;
    while (bits >= 5 && out.length < 15) {
      bits -= 5;
      out += alphabet32[(held >> bits) & 31]!;
    }
  }
  return out;
}

export function hex(bytes: Uint8Array): string {
  let out = '';
  for (const b of bytes) out += b.toString(16).padStart(2, '0');
  return out;
}

/** Orders bytes: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

// The fractional parts of square and cube roots of the first primes (FIPS 180-4),
// computed and not copied.
const rounds = new Uint32Array(64);
const start = new Uint32Array(8);
{
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    const part = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
    if (found < 8) start[found] = part(Math.sqrt(n));
    rounds[found++] = part(Math.cbrt(n));
  }
}

const schedule = new Int32Array(64);

/**
 * SHA-256, at once: the browser's own is asynchronous, and a database
 * transaction does not wait for it.
 */
export function sha256(data: Uint8Array | string): Bytes {
  const bytes = typeof data === 'string' ? utf8(data) : data;
  const blocks = ((bytes.length + 8) >> 6) + 1;
  const padded = new Uint8Array(blocks * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const h = Int32Array.from(start);
  const w = schedule;
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + i * 4);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!;
      const y = w[i - 2]!;
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
    }
    let [a, b, c, d, e, f, g, k] = h as unknown as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (k + s1 + ((e & f) ^ (~e & g)) + rounds[i]! + w[i]!) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      k = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    h[0]! += a; h[1]! += b; h[2]! += c; h[3]! += d; h[4]! += e; h[5]! += f; h[6]! += g; h[7]! += k;
  }
  const out = new Uint8Array(32);
  const result = new DataView(out.buffer);
  for (let i = 0; i < 8; i++) result.setInt32(i * 4, h[i]!);
  return out;
}

/** HMAC-SHA256, at once. */
export function hmacSha256(key: Uint8Array, data: Uint8Array | string): Bytes {
  const k = key.length > 64 ? sha256(key) : key;
  const message = typeof data === 'string' ? utf8(data) : data;
  const inner = new Uint8Array(64 + message.length).fill(0x36, 0, 64);
  const outer = new Uint8Array(96).fill(0x5c, 0, 64);
  for (let i = 0; i < k.length; i++) {
    inner[i] = k[i]! ^ 0x36;
    outer[i] = k[i]! ^ 0x5c;
  }
  inner.set(message, 64);
  outer.set(sha256(inner), 64);
  return sha256(outer);
}
