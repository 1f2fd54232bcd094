/**
 * The vaults of this installation: a person each, and each a device of its own.
 * A secret (PIN or passphrase) gives a key that opens the vault's data key; the
 * data key seals the rows. A new secret wraps the same data key anew.
 *
 * What lies open: of each vault the {@link Header}, of each mutation that the
 * server may not hold for good a recovery file (which device, which number, when,
 * how long; what it says is sealed for the installation), and how often a vault
 * was written.
 */
import { Watch } from './clock.ts';
import { Database, headersOf, type Carried, type Header, type Kdf, type Parcel } from './database.ts';
import { Device, deviceDefaults, type DeviceOptions } from './device.ts';
import { look } from './enroll.ts';
import { badInput, SdkError } from './errors.ts';
import { deriveKey, measure } from './kdf.ts';
import { defaultLocks, type Locks } from './locks.ts';
import { vaultSealer, type Sealer } from './sealer.ts';
import { Store } from './store.ts';
import type { Table } from './tables.ts';
import { Transport } from './transport.ts';
import { canonical } from './wire/canonical.ts';
import { base64url, utf8, type Bytes } from './wire/bytes.ts';
import type { Invitation } from './wire/messages.ts';
import { makeID } from './outbox.ts';

const KEY_LENGTH = 32;
const IV_LENGTH = 12;
/** Wrong tries until a vault is wiped. */
export const WRONG_LIMIT = 10;
/** Rests after a wrong try, by their number, in ms: the first three are anybody's. */
const RESTS = [0, 0, 0, 5_000, 15_000, 30_000, 60_000, 120_000, 300_000];
/** After this a carried mutation that the server has, of a vault that is gone, is dropped: longer than a server without a replica needs (EPOCH-3). */
const KEEP_DELIVERED = 40 * 24 * 3600 * 1000;

export interface VaultOptions extends Partial<DeviceOptions> {
  /** The database's name: nothing that names the subject. */
  name?: string;
  locks?: Locks;
  /** A connection that a lock screen has made already, to the database of that name. */
  db?: Database;
  /** For tests where there is no IndexedDB. */
  indexedDB?: { indexedDB: IDBFactory; IDBKeyRange: typeof IDBKeyRange };
  /** For tests: instead of measuring. A weak one makes a weak vault. */
  kdf?: Pick<Kdf, 'memory' | 'iterations'>;
  /** For tests: how rows are sealed, given the data key. */
  sealer?: (dataKey: Bytes) => Promise<Sealer>;
}

/** A vault, as it looks from outside. */
export interface VaultInfo {
  id: string;
  label: string;
  /** Digits of the PIN, as many as the dots on a lock screen show anyway; 0: a passphrase. */
  digits: number;
  triesLeft: number;
  /** Unix ms before which no try is taken; null: now. */
  notBefore: number | null;
}

/** A vault was not opened: `wrong_secret`, `try_later` or `vault_wiped`. */
export class UnlockError extends SdkError {
  constructor(code: 'wrong_secret' | 'try_later' | 'vault_wiped', message: string, hint: string, readonly triesLeft: number, retryAfter: number) {
    super('locked', code, message, { hint, retryAfter });
  }
}

/** What a secret holds up against, as data: the screen says it plainly. */
export type Strength =
  /** Four or five digits: who picks the device up and tries. Not who copies its storage: all of them are tried in hours. */
  | 'short_pin'
  /** Six digits or more, or a few letters: the same, and days to months for who copies the storage. */
  | 'long_pin'
  /** Twelve characters or more: out of reach for either, if nobody can guess it. */
  | 'passphrase';

export function strength(secret: string): Strength {
  const length = [...secret].length;
  if (length >= 12) return 'passphrase';
  return length >= 6 ? 'long_pin' : 'short_pin';
}

export class Vaults {
  private readonly db: Database;
  private readonly locks: Locks;
  private readonly device: DeviceOptions;
  /** Headers whose tries a full disk did not take. */
  private readonly uncounted = new Map<string, Header>();

  constructor(private readonly options: VaultOptions = {}) {
    this.db = options.db ?? new Database(options.name ?? 'notes', options.indexedDB);
    this.locks = options.locks ?? defaultLocks();
    const given = Object.entries(options).filter(([, v]) => v !== undefined);
    this.device = { ...deviceDefaults(), ...(Object.fromEntries(given) as Partial<DeviceOptions>) };
  }

  /** Closes the database. Unlocked devices are of no more use. */
  close(): void {
    this.db.end();
  }

  /** The vaults on this installation, by label. A cold start waits for it: it reads nothing that grows. */
  async list(): Promise<VaultInfo[]> {
    const headers = await headersOf(this.db);
    const now = this.device.clocks.now();
    return headers.map((h) => ({
      id: h.id, label: h.label, digits: h.digits ?? 0, triesLeft: Math.max(0, h.limit - h.tries), notBefore: restOf(h, now) > 0 ? now + restOf(h, now) : null,
    }));
  }

  /** Asks what an invite would give, before there is a vault for it. As {@link Device.look}. */
  look(address: string, invite: string, signal?: AbortSignal): Promise<Invitation> {
    const { fetch, clocks, timeout } = this.device;
    return look({ transport: new Transport(fetch, new Watch(clocks), timeout) }, address, invite, signal);
  }

  /** Makes a vault for a person and gives its device, unlocked. Fails with `input`: short_secret. */
  async create(secret: string, label = '', limit = WRONG_LIMIT): Promise<Device> {
    checkSecret(secret);
    const dataKey = crypto.getRandomValues(new Uint8Array(KEY_LENGTH));
    const id = makeID();
    const kdf: Kdf = {
      name: 'argon2id', parallelism: 1, salt: crypto.getRandomValues(new Uint8Array(16)), ...(this.options.kdf ?? await measure()),
    };
    const header: Header = { id, label, digits: digitsOf(secret), kdf, wrapped: await wrap(secret, id, kdf, dataKey), tries: 0, limit, notBefore: 0, lastTry: 0 };
    await this.db.run('make vault', () => this.db.vaults.put(header));
    return this.enter(id, dataKey);
  }

  /**
   * Opens a vault. A wrong try is counted before it is made, so that ending the
   * program does not take it back. The last one wipes the vault; what was not
   * handed in stays as recovery files. Fails with an {@link UnlockError}.
   */
  async unlock(id: string, secret: string): Promise<Device> {
    return this.enter(id, await this.tryOpen(id, secret));
  }

  /** Gives a vault another secret. The data key, and so what it seals, stays. */
  async changeSecret(id: string, before: string, after: string): Promise<void> {
    checkSecret(after);
    const dataKey = await this.tryOpen(id, before);
    const kdf: Kdf = {
      name: 'argon2id', parallelism: 1, salt: crypto.getRandomValues(new Uint8Array(16)), ...(this.options.kdf ?? await measure()),
    };
    const wrapped = await wrap(after, id, kdf, dataKey);
    dataKey.fill(0);
    await this.db.run('change secret', () => this.db.vaults.update(id, { digits: digitsOf(after), kdf, wrapped }));
  }

  /** Gives a vault another label. */
  async rename(id: string, label: string): Promise<void> {
    await this.db.run('rename vault', () => this.db.vaults.update(id, { label }));
  }

  /**
   * Wipes a vault. What the server may not hold stays beside it as recovery
   * files and goes up through whoever signs in (DEV-3).
   */
  async wipe(id: string): Promise<void> {
    const { db } = this;
    const now = this.device.clocks.now();
    await db.run('wipe vault', () => db.transaction(['vaults', 'cells', 'carried', 'revisions', 'blobs', 'parcels'], async (t) => {
      for (const beside of [t.carried, t.parcels] as Table<Carried | Parcel>[]) await beside.where('vault').equals(id).filter((c) => c.delivered !== 0).modify({ delivered: now });
      const goesUp = new Set(await t.parcels.where('vault').equals(id).keys()); // the others' keys are gone with the vault
      await t.blobs.bulkDelete((await t.blobs.where('vault').equals(id).keys()).filter((k) => !goesUp.has(k)));
      await t.cells.where('v').equals(id).delete();
      await t.vaults.delete(id);
      await t.revisions.delete(id);
    }));
  }

  /** What this installation carries, as one recovery file a device; with `vault`, only that one's. For a person to take to another device. */
  async carriedFiles(vault?: string): Promise<string[]> {
    const rows = (await this.db.run('read what is carried', () => this.db.carried.toArray()))
      .filter((c) => c.delivered === 0 && (vault === undefined || c.vault === vault)).sort((a, b) => a.n - b.n);
    const files = new Map<string, string>();
    for (const row of rows) {
      const { device } = JSON.parse(row.file) as { device: string };
      files.set(device, `${files.get(device) ?? ''}${row.file}\n`);
    }
    return [...files.values()];
  }

  /** Drops what is carried for vaults that are gone once the server has had it for long. */
  async tidy(): Promise<void> {
    const { db } = this;
    const before = this.device.clocks.now() - KEEP_DELIVERED;
    await db.run('tidy', async () => {
      const there = new Set((await db.vaults.toArray()).map((h) => h.id));
      const old = (c: Carried | Parcel): boolean => !there.has(c.vault) && c.delivered > 1 && c.delivered < before;
      await db.carried.filter(old).delete();
      for (const { k } of await db.parcels.filter(old).toArray()) await db.transaction(['blobs', 'parcels'], (t) => Promise.all([t.blobs.delete(k), t.parcels.delete(k)]));
    });
  }

  private async enter(id: string, dataKey: Bytes): Promise<Device> {
    const sealer = await (this.options.sealer ?? vaultSealer)(dataKey);
    dataKey.fill(0);
    const device = new Device(id, this.db, new Store(this.db, id, sealer, this.locks), this.device);
    await device.ensureIdentity();
    return device;
  }

  /**
   * Counts a try before it is made. On a full disk it is counted while the
   * program runs and no longer: somebody who has the right secret must get in,
   * if only to hand in what is there.
   */
  private async count(id: string, now: number): Promise<Header | undefined> {
    const counted = (h: Header): Header => {
      const tries = h.tries + 1;
      return { ...h, tries, lastTry: now, notBefore: now + (RESTS[tries] ?? RESTS.at(-1)!) };
    };
    const taken = (h: Header): boolean => h.tries < h.limit && restOf(h, now) === 0;
    let asked = 0;
    try {
      const { h, wrote } = await this.db.run('read vault', () => this.db.transaction(['vaults'], async (t) => {
        const h = this.uncounted.get(id) ?? await t.vaults.get(id);
        // Asked once more, because the first answer was lost: it may be on the disk. Nobody else counts meanwhile.
        if (asked++ > 0 && h?.lastTry === now) return { h: { ...h, notBefore: 0 }, wrote: true };
        if (!h || !taken(h)) return { h, wrote: false };
        await t.vaults.put(counted(h));
        return { h: { ...counted(h), notBefore: 0 }, wrote: true };
      }));
      if (wrote) this.uncounted.delete(id); // only now: a full disk may be noticed at the commit
      return h;
    } catch (err) {
      if (!(err instanceof SdkError) || err.kind !== 'disk') throw err;
    }
    const h = this.uncounted.get(id) ?? await this.db.run('read vault', () => this.db.vaults.get(id));
    if (!h || !taken(h)) return h;
    this.uncounted.set(id, counted(h));
    return { ...counted(h), notBefore: 0 };
  }

  private async noteRight(id: string): Promise<void> {
    this.uncounted.delete(id);
    try {
      await this.db.run('note unlocking', () => this.db.vaults.update(id, { tries: 0, notBefore: 0 }));
    } catch (err) {
      if (!(err instanceof SdkError) || err.kind !== 'disk') throw err;
    }
  }

  private async tryOpen(id: string, secret: string): Promise<Bytes> {
    return this.locks.hold(`${this.db.name}/${id}/unlock`, async () => {
      const now = this.device.clocks.now();
      const header = await this.count(id, now);
      if (!header) throw new SdkError('input', 'unknown_vault', 'There is no such vault on this device.');
      const wait = restOf(header, now);
      if (wait > 0) {
        throw new UnlockError('try_later', 'Too many wrong tries in a row.', 'Wait, then try again.', header.limit - header.tries, wait);
      }
      try {
        const dataKey = await unwrap(secret, header);
        await this.noteRight(id);
        return dataKey;
      } catch (err) {
        if (err instanceof SdkError) throw err;
      }
      const left = header.limit - header.tries;
      if (left > 0) {
        throw new UnlockError('wrong_secret', 'That is not the right PIN or passphrase.', 'Try again. If it is forgotten, ask your coordinator.',
          left, RESTS[header.tries] ?? RESTS.at(-1)!);
      }
      await this.wipe(id);
      throw new UnlockError('vault_wiped', 'Too many wrong tries. This vault was wiped.',
        'What was not handed in is kept sealed, and goes up when somebody signs in here. Ask your coordinator for a code.', 0, 0);
    });
  }
}

/** How long no try is taken, in ms. A clock that was set back does not make it longer than it was. */
function restOf(h: Header, now: number): number {
  return Math.max(0, Math.min(h.notBefore - now, RESTS[h.tries] ?? RESTS.at(-1)!));
}

const digitsOf = (secret: string): number => (/^[0-9]+$/.test(secret) ? secret.length : 0);

function checkSecret(secret: string): void {
  if ([...secret].length < 4) throw badInput('short_secret', 'That is too short.', 'Take at least four digits; a passphrase is better.');
}

/** What the wrapped key is bound to: nobody can put it under weaker parameters or another vault. */
const bound = (id: string, kdf: Kdf): Bytes => utf8(canonical({ ...kdf, salt: base64url(kdf.salt), vault: id }));

async function wrap(secret: string, id: string, kdf: Kdf, dataKey: Bytes): Promise<Bytes> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_LENGTH));
  const key = await deriveKey(secret, kdf);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: bound(id, kdf) }, key, dataKey));
  const out = new Uint8Array(IV_LENGTH + sealed.length);
  out.set(iv);
  out.set(sealed, IV_LENGTH);
  return out;
}

async function unwrap(secret: string, h: Header): Promise<Bytes> {
  const key = await deriveKey(secret, h.kdf);
  return new Uint8Array(await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: h.wrapped.slice(0, IV_LENGTH), additionalData: bound(h.id, h.kdf) }, key, h.wrapped.slice(IV_LENGTH)));
}

