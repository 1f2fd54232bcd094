/** The one IndexedDB database of an origin: what lies open in it, and what is sealed. */
import { Dexie, type EntityTable, type DexieOptions } from 'dexie';
import { SdkError } from './errors.ts';
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

/** How often a vault was written: what another tab has read since is stale. */
export interface Revision {
  vault: string;
  rev: number;
}

/** The version of the tables. */
const VERSION = 1;

export class Database extends Dexie {
  declare vaults: EntityTable<Header, 'id'>;
  declare cells: EntityTable<Cell, 'k'>;
  declare carried: EntityTable<Carried, 'k'>;
  declare revisions: EntityTable<Revision, 'vault'>;
  private ended = false;

  constructor(name: string, options: DexieOptions = {}) {
    // Strict: a save has returned when it is on the disk, not when it is on its way.
    super(name, { chromeTransactionDurability: 'strict', autoOpen: false, ...options });
    this.version(VERSION).stores({ vaults: 'id', cells: 'k, g, v', carried: 'k, vault', revisions: 'vault' });
  }

  /** Closes it for good. Dexie's own close also answers a newer program that wants to take over, and is no end. */
  end(): void {
    this.ended = true;
    this.close();
  }

  /** Runs work on the database; a connection that the browser has dropped is made once more. Fails with an SdkError. */
  async run<T>(op: string, work: () => PromiseLike<T>): Promise<T> {
    for (let again = false; ; again = true) {
      try {
        if (!this.isOpen() && !this.ended) await this.openOurs();
        return await work();
      } catch (err) {
        const lost = err instanceof Error && (err.name === 'DatabaseClosedError' || err.name === 'InvalidStateError');
        if (lost && !again && !this.ended) {
          this.close({ disableAutoOpen: false });
          continue;
        }
        throw storeError(op, err);
      }
    }
  }

  /** Opens it, unless a newer program has changed it: Dexie would go on, and write what that one may not read. */
  private async openOurs(): Promise<void> {
    await this.open();
    if (this.backendDB().version <= VERSION * 10) return;
    this.close({ disableAutoOpen: false });
    throw newer(undefined);
  }
}

const newer = (cause: unknown): SdkError => new SdkError('store', 'store_newer', 'A newer version of this program made this store.', {
  hint: 'Close all its windows and open it again with a connection. What is in the store is untouched.', cause,
});

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
