import { ID_LENGTH } from '../hlc/hlc.ts';
import { base32, base64url, fromBase64url, sha256 } from './bytes.ts';
import type { Key } from './messages.ts';

/** The id of the triage record of a report. */
export const triageID = (collection: string, id: string): string => base32(sha256(`triage:${collection}:${id}`));

/**
 * The RFC 7638 thumbprint of a P-256 key, base64url. Throws when the key is
 * not P-256 or a coordinate is not 32 bytes in their one encoding.
 */
export function thumbprint(k: Key): string {
  if (k.kty !== 'EC' || k.crv !== 'P-256') throw new TypeError('device key: want kty EC and crv P-256');
  for (const c of [k.x, k.y]) {
    if (typeof c !== 'string' || c.length !== 43 || fromBase64url(c).length !== 32) {
      throw new TypeError('device key: x and y are base64url of 32 bytes');
    }
  }
  return base64url(sha256(`{"crv":"P-256","kty":"EC","x":"${k.x}","y":"${k.y}"}`));
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Makes a device or record id: 15 characters a-z0-9, each equally likely. */
export function newID(random: (into: Uint8Array<ArrayBuffer>) => void): string {
  let id = '';
  const bytes = new Uint8Array(24);
  while (id.length < ID_LENGTH) {
    random(bytes);
    // 252 is the greatest multiple of 36 in a byte.
    for (const b of bytes) if (b < 252 && id.length < ID_LENGTH) id += alphabet[b % 36];
  }
  return id;
}
