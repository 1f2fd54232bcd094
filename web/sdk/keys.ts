/** The device's P-256 key: made, kept, signed with. */
import { base64url, fromBase64url, utf8, type Bytes } from './wire/bytes.ts';
import type { Key } from './wire/messages.ts';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const scheme = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** A device key in use: it signs and cannot be taken out. */
export interface DeviceKey {
  readonly signing: CryptoKey;
  readonly public: Key;
}

/** A device key as it is stored: PKCS #8, for a sealed place alone. */
export interface StoredKey {
  pkcs8: string;
  public: Key;
}

/** Makes a key: to store sealed, and to use. */
export async function newKey(): Promise<{ stored: StoredKey; key: DeviceKey }> {
  const pair = await crypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const { x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const stored: StoredKey = {
    pkcs8: base64url(new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey))),
    public: { kty: 'EC', crv: 'P-256', x: x!, y: y! },
  };
  return { stored, key: await useKey(stored) };
}

/** A stored key, to use: what comes out signs and cannot be exported. */
export function useKey(stored: StoredKey): Promise<DeviceKey> {
  let key = inUse.get(stored);
  if (!key) inUse.set(stored, key = imported(stored));
  return key;
}

// As long as the row that it stands in is known: locking forgets both.
const inUse = new WeakMap<StoredKey, Promise<DeviceKey>>();

async function imported(stored: StoredKey): Promise<DeviceKey> {
  return { signing: await crypto.subtle.importKey('pkcs8', fromBase64url(stored.pkcs8), curve, false, ['sign']), public: stored.public };
}

/** base64url of r and s over a text. */
export async function sign(key: DeviceKey, text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.sign(scheme, key.signing, utf8(text))));
}

/** Checks a device's signature: base64url of the 64 bytes r and s. */
export async function verify(key: Key, text: Bytes, signature: string): Promise<boolean> {
  try {
    const raw = fromBase64url(signature);
    if (raw.length !== 64) return false;
    const { kty, crv, x, y } = key;
    const imported = await crypto.subtle.importKey('jwk', { kty, crv, x, y }, curve, false, ['verify']);
    return await crypto.subtle.verify(scheme, imported, raw, text);
  } catch {
    return false;
  }
}
