/** The one IndexedDB database of an origin: what lies open in it, and what is sealed. */
import { SdkError } from './errors.ts';
import { Base, type Table, type Tables } from './tables.ts';
import type { Bytes } from './wire/bytes.ts';

/** How a secret becomes a key: Argon2id, memory in KiB. */
export interface Kdf {
  name: 'argon2id';
  memory: number;
  iterations: number;
  parallelism: 1;
  salt: Bytes;
}

/**
 * What lies open of a vault: enough to unlock it and to count wrong tries.
 * `label` is what the person chose to find the own vault by, on a tablet that
 * several share.
 */
export interface Header {
  id: string;
  label: string;
  /** How many digits the PIN has, so that a pad opens with the last one; 0: a passphrase. Absent in vaults of before. */
  digits?: number;
  kdf: Kdf;
  /** The data key under the key that the secret gives: nonce, then AES-256-GCM. */
  wrapped: Bytes;
  /** Wrong tries since the last right one, the one under way included. */
  tries: number;
  limit: number;
  /** Unix ms before which no try is taken; 0: none. */
  notBefore: number;
  lastTry: number;
}

/** A sealed row. `k` and `g` are HMACs of its key and its group. */
export interface Cell {
  k: string;
  g: string;
  v: string;
  c: Bytes;
}

/**
 * A mutation as a signed recovery file of one: sealed for the installation
 * alone, so that whoever has this device can hand it in while its vault is
 * locked, or gone.
 */
export interface Carried {
  k: string;
  vault: string;
  n: number;
  /** Which installation it is for: the beginning of its public key's hash. */
  home: string;
  file: string;
  /** 0: to be handed in. Otherwise Unix ms of when the server had answered it. */
  delivered: number;
  /** Why it was not taken the last time, and when it may be tried again. */
  code: string;
  notBefore: number;
}

/** A photo, sealed under a key of its own that its vault has. */
export interface PhotoBytes {
  k: string;
  vault: string;
  c: Bytes;
}

/** What lets somebody else hand in the photo of the same `k`: as {@link Carried}. */
export interface Parcel extends Pick<Carried, 'k' | 'vault' | 'home' | 'delivered' | 'code' | 'notBefore'> {
  /** Which photo it is, and its key: sealed for the installation, signed by the device. */
  head: string;
}

/** How often a vault was written: what another tab has read since is stale. */
export interface Revision {
  vault: string;
  rev: number;
  /** The last writes, by names drawn at random, the newest first. Absent where a program of before wrote last. */
  last?: readonly string[];
}

/** The version of the tables. */
const VERSION = 11;

// A type, not an interface: it is used as a record of tables by name.
type Of = { vaults: Header; cells: Cell; carried: Carried; revisions: Revision; blobs: PhotoBytes; parcels: Parcel };

/** For tests where there is no IndexedDB. */
export interface DatabaseOptions {
  indexedDB?: IDBFactory;
}

export class Database {
  readonly name: string;
  readonly vaults: Table<Header>;
  readonly cells: Table<Cell>;
  readonly carried: Table<Carried>;
  readonly revisions: Table<Revision>;
  readonly blobs: Table<PhotoBytes>;
  readonly parcels: Table<Parcel>;
  private readonly base: Base<Of>;
  private ended = false;

  constructor(name: string, options: DatabaseOptions = {}) {
    this.name = name;
    this.base = new Base<Of>(name, VERSION, {
      vaults: { key: 'id' }, cells: { key: 'k', indexes: ['g', 'v'] }, carried: { key: 'k', indexes: ['vault'] }, revisions: { key: 'vault' },
      blobs: { key: 'k', indexes: ['vault'] }, parcels: { key: 'k', indexes: ['vault'] },
    }, options.indexedDB);
    ({ vaults: this.vaults, cells: this.cells, carried: this.carried, revisions: this.revisions, blobs: this.blobs, parcels: this.parcels } = this.base.all);
  }

  /** Every table, for a copy of it all. */
  get tables(): Tables<Of>[keyof Of][] {
    return Object.values(this.base.all);
  }

  open(): Promise<void> {
    return this.base.open();
  }

  close(): void {
    this.base.close();
  }

  /** Closes it for good: a close alone also answers a newer program that wants to take over, and is no end. */
  end(): void {
    this.ended = true;
    this.close();
  }

  /** All or nothing, over the named tables; what it computes from was read before. Inside `run` alone. */
  transaction<R>(names: readonly (keyof Of)[], work: (t: Tables<Of>) => Promise<R>, mode?: IDBTransactionMode): Promise<R> {
    return this.base.transaction(names, work, mode);
  }

  /** Runs work on the database; a connection that the browser has dropped is made once more. Fails with an SdkError. */
  async run<T>(op: string, work: () => PromiseLike<T>): Promise<T> {
    for (let again = false; ; again = true) {
      let over: IDBDatabase | undefined;
      try {
        if (!this.base.isOpen() && !this.ended) await this.open();
        over = this.base.connection;
        return await work();
      } catch (err) {
        const lost = err instanceof Error && (err.name === 'DatabaseClosedError' || err.name === 'InvalidStateError');
        if (lost && !again && !this.ended) {
          if (this.base.connection === over) this.close(); // else others work on a new one already
          continue;
        }
        throw storeError(op, err);
      }
    }
  }
}

const newer = (cause: unknown): SdkError => new SdkError('store', 'store_newer', 'A newer version of this program made this store.', {
  hint: 'Close all its windows and open it again with a connection. What is in the store is untouched.', cause,
});

/** What lies open of each vault, by label: all that a lock screen needs of the library before somebody types. It reads nothing that grows. */
export const headersOf = async (db: Database): Promise<Header[]> =>
  (await db.run('list vaults', () => db.vaults.toArray())).sort((a, b) => (a.label < b.label ? -1 : 1));

/** Tells a full disk from a lost connection from our own mistakes. */
function storeError(op: string, err: unknown): unknown {
  if (err instanceof SdkError) return err;
  const names = new Set<string>();
  for (let e: unknown = err; e instanceof Error || (typeof e === 'object' && e !== null && 'name' in e);) {
    names.add(String((e as Error).name));
    e = (e as { inner?: unknown }).inner ?? (e as { cause?: unknown }).cause;
  }
  const cause = new Error(op, { cause: err });
  if (names.has('QuotaExceededError')) {
    return new SdkError('disk', 'store_unwritable', 'The store cannot be written: there is no room on this device.', {
      hint: 'Make room, then do it again. What was saved before is whole.', cause,
    });
  }
  if (names.has('VersionError')) {
    return newer(cause);
  }
  for (const name of ['DatabaseClosedError', 'OpenFailedError', 'InvalidStateError', 'AbortError', 'UnknownError', 'TimeoutError', 'MissingAPIError']) {
    if (names.has(name)) {
      return new SdkError('store', 'store_lost', 'The store cannot be reached.', {
        hint: 'Close this window and open it again. If that does not help, restart the device.', cause,
      });
    }
  }
  return err;
}
