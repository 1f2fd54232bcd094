/**
 * Photos as they lie on a device (PHOTO-7): each once, beside its vault, sealed
 * under a key of its own that the vault has. Of a report that is done that key is
 * sealed for the installation too, and signed: so whoever is signed in hands the
 * photo in while its vault is locked, as it lies, and learns nothing of it.
 */
import type { Database, Parcel } from './database.ts';
import { aborted } from './errors.ts';
import { sign, useKey } from './keys.ts';
import { homeOf, makeID } from './outbox.ts';
import type { CarryReport } from './recovery.ts';
import type { DeviceRow } from './rows.ts';
import { sealFor } from './seal.ts';
import { enrolled, type Session } from './session.ts';
import { base64url, fromBase64url, type Bytes } from './wire/bytes.ts';

const IV = 12;
/** A file on a shared tablet is not to be known by the length that its record tells. */
const STEP = 64 << 10;

const imported = (key: Bytes): Promise<CryptoKey> => crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']);

/** Seals a picture under a new key. */
export async function sealPhoto(picture: Bytes): Promise<{ key: string; sealed: Bytes }> {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const iv = crypto.getRandomValues(new Uint8Array(IV));
  const filled = new Uint8Array(Math.ceil(picture.length / STEP) * STEP);
  filled.set(picture);
  const box = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await imported(key), filled));
  const sealed = new Uint8Array(IV + box.length);
  sealed.set(iv);
  sealed.set(box, IV);
  return { key: base64url(key), sealed };
}

/** Opens what {@link sealPhoto} made of so many bytes; null for what does not open. */
export async function openPhoto(key: string, sealed: Bytes, size: number): Promise<Bytes | null> {
  try {
    const open = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: sealed.subarray(0, IV) }, await imported(fromBase64url(key)), sealed.subarray(IV));
    return new Uint8Array(open, 0, size);
  } catch {
    return null;
  }
}

/** What lets somebody else hand in a photo: which it is and its key, for the installation alone. */
export async function parcelOf(st: DeviceRow, attachment: string, key: string): Promise<Omit<Parcel, 'k' | 'vault'>> {
  const name = makeID();
  const text = `${st.id}.${name}.${await sealFor(st.sealKey, `photo:${st.id}:${name}`, JSON.stringify({ attachment, key }))}`;
  return { home: homeOf(st.sealKey), head: `${text}.${await sign(await useKey(st.key), `fieldpost-photo-v1\n${text}`)}`, delivered: 0, code: '', notBefore: 0 };
}

/** Hands in the photos of the other vaults on this device, one after the other; of several tabs one does. */
export async function carryPhotos(s: Session, db: Database, own: string, fetcher: typeof fetch, signal: AbortSignal): Promise<CarryReport> {
  const home = homeOf((await enrolled(s)).sealKey);
  const due = async (): Promise<Parcel[]> => (await db.run('read what is carried', () => db.parcels.toArray()))
    .filter((p) => p.vault !== own && p.home === home && p.delivered === 0 && p.notBefore <= s.watch.now().wall);
  if ((await due()).length === 0) return { delivered: 0, left: 0 };
  return s.store.locks.hold(`${db.name}/parcels`, async () => {
    const { carryAll } = await import('./tus/hand.ts');
    return carryAll({
      parcels: await due(), signal, aborted, fetch: fetcher, to: () => enrolled(s), now: () => s.watch.now().wall,
      bytes: async (k) => (await db.run('read what is carried', () => db.blobs.get(k)))?.c,
      note: (k, change) => db.run('note what is carried', () => db.parcels.update(k, change)),
    });
  }, signal);
}
