/** Sealing for an installation: HPKE (RFC 9180), base mode, P-256, AES-256-GCM. What is sealed opens on the server alone. */
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { base64url, fromBase64url, utf8, type Bytes } from './wire/bytes.ts';

const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const info = utf8('fieldpost-sealed-v1');
const pointLength = 65;

/** Whether a text is an installation's key: base64url of an uncompressed P-256 point. */
export async function validSealKey(sealKey: unknown): Promise<boolean> {
  if (typeof sealKey !== 'string') return false;
  try {
    await publicKey(sealKey);
    return true;
  } catch {
    return false;
  }
}

let last: { of: string; key: Promise<CryptoKey> } | undefined; // each act is sealed for the same one

function publicKey(sealKey: string): Promise<CryptoKey> {
  if (last?.of !== sealKey) last = { of: sealKey, key: read(sealKey) };
  return last.key;
}

async function read(sealKey: string): Promise<CryptoKey> {
  const point = fromBase64url(sealKey);
  if (point.length !== pointLength || point[0] !== 4) throw new TypeError('seal key: want an uncompressed point');
  return suite.kem.deserializePublicKey(point.buffer);
}

type Sealing = Awaited<ReturnType<typeof suite.createSenderContext>>;

const begin = async (sealKey: string): Promise<Sealing> => suite.createSenderContext({ recipientPublicKey: await publicKey(sealKey), info });

let ahead: { of: string; sealing: Promise<Sealing> } | undefined;

/**
 * Makes what the next sealing needs and does not depend on what is sealed: a key
 * pair of its own, what both sides have in common, the keys from it. That is
 * most of a sealing's work, in sixteen of eighteen questions to the browser, one
 * after the other; a person who presses Done need not wait for it. Used once, and never kept.
 */
export function sealAhead(sealKey: string): void {
  if (ahead?.of === sealKey) return;
  const next = ahead = { of: sealKey, sealing: begin(sealKey) };
  next.sealing.catch(() => { if (ahead === next) ahead = undefined; }); // whoever seals finds out why
}

function sealing(sealKey: string): Promise<Sealing> {
  const made = ahead;
  if (made?.of !== sealKey) return begin(sealKey);
  ahead = undefined; // each seals one text: a second would be bound to its place behind the first
  return made.sealing;
}

/** Seals a text for the installation, bound to aad: base64url of the encapsulated key and the ciphertext. */
export async function sealFor(sealKey: string, aad: string, text: string): Promise<string> {
  const context = await sealing(sealKey);
  const { enc } = context;
  const ct = await context.seal(utf8(text), utf8(aad));
  const out = new Uint8Array(enc.byteLength + ct.byteLength);
  out.set(new Uint8Array(enc));
  out.set(new Uint8Array(ct), enc.byteLength);
  return base64url(out);
}

/** Opens what is sealed, with the installation's private scalar: for tests and for whoever holds an installation's key. Throws on anything that does not fit. */
export async function openSealed(scalar: Bytes, sealed: string, aad: string): Promise<Bytes> {
  const bytes = fromBase64url(sealed);
  if (bytes.length < pointLength + 16) throw new TypeError('sealed part: too short');
  const recipientKey = await suite.kem.deserializePrivateKey(scalar.buffer);
  return new Uint8Array(await suite.open({ recipientKey, enc: bytes.slice(0, pointLength).buffer, info },
    bytes.slice(pointLength).buffer, utf8(aad)));
}
