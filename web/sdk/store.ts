/**
 * The store of one vault: rows in groups, all sealed. WebCrypto is asynchronous
 * and an IndexedDB transaction does not wait, so a write is made in three
 * steps: everything is computed from what was read, everything is sealed, and
 * one transaction puts it down, all or nothing. The vault's revision, looked at
 * inside that transaction, notices another tab that got in meanwhile; then it is
 * made anew, under a lock that keeps the others out. What is read bears its
 * revision too, so that a large group can be opened while small writes go on.
 * The revision also names the last writes: where a connection is lost before its
 * answer, that tells whether a write is on the disk, and nobody makes it twice.
 */
import type { Carried, Cell, Database, Parcel } from './database.ts';
import type { Table } from './tables.ts';
import { damaged, SdkError, tellAll, vaultLocked } from './errors.ts';
import type { Locks } from './locks.ts';
import type { Sealer } from './sealer.ts';
import { base64url, type Bytes } from './wire/bytes.ts';

/** Rows are never changed in place: a changed row is a new one. */
export interface Reading {
  get<T>(group: string, key: string): Promise<T | undefined>;
  /** All rows of a group by their key, in the order of keys. */
  all<T>(group: string): Promise<ReadonlyMap<string, T>>;
}

export interface Writing extends Reading {
  put(group: string, key: string, row: unknown): void;
  delete(group: string, key: string): void;
  /** Keeps a carried mutation beside the vault, by the key of what it carries. It may still be in the making while rows are sealed. */
  carry(key: string, row: Promise<Omit<Carried, 'k' | 'vault'>>): void;
  /** Changes or drops a carried mutation. */
  carried(key: string, change: Partial<Pick<Carried, 'delivered' | 'code' | 'notBefore'>> | null): void;
  /** Changes what lies of a photo beside the vault. */
  beside(key: string, change: Beside): void;
}

/** What lies of a photo beside the vault: its sealed bytes, and what lets others hand them in. null drops it. */
export interface Beside {
  bytes?: Bytes | null;
  parcel?: Omit<Parcel, 'k' | 'vault'> | null;
  delivered?: number;
}

type Group = ReadonlyMap<string, unknown>;

interface Loaded {
  rev: number;
  last: readonly string[]; // the writes that led to it, the newest first
  groups: Map<string, Group>;
  opening: Map<string, Promise<Group>>; // being opened, once for all who ask
  single: Map<string, unknown>; // by group and key; undefined: known to be absent
}

/** The vault was written meanwhile. */
class Moved extends Error {}

const nothing = (rev: number, last: readonly string[] = []): Loaded => ({ rev, last, groups: new Map(), opening: new Map(), single: new Map() });

/** Wiped by another tab, or evicted by the browser. */
const vaultGone = (): SdkError => new SdkError('locked', 'vault_gone', 'This vault is no longer on this device.', {
  hint: 'It was wiped, or the browser has cleared its storage. Ask your coordinator for a new code.',
});

/** Made again under the lock too often: each time somebody got in who does not know of it. */
const overtaken = (): SdkError => new SdkError('later', 'store_busy', 'Another window of this program keeps writing.', {
  hint: 'Do it again. If that does not help, close the other windows.',
});

const retries = 5;
/** What a tab says that holds the lock and still was overtaken: the others are to ask for the lock before they write. */
const YIELD = 'yield';
/** How many of the last writes a vault's revision names: more than others make before a lost connection is there again. */
const NAMED = 16;
/** Rows that are opened in one go. */
const part = 250;
const ROWS = ['vaults', 'cells', 'carried', 'revisions'] as const;
const ALL = [...ROWS, 'blobs', 'parcels'] as const;
const join = (group: string, key: string): string => `${group}\n${key}`;

export class Store {
  private loaded: Loaded = nothing(-1);
  private closed = false;
  private turn: Promise<unknown> = Promise.resolve();
  private yields = false; // somebody else goes first: the next write asks for the lock
  private readonly channel: BroadcastChannel | undefined;
  private readonly listeners = new Set<(own: boolean) => void>();

  constructor(private readonly db: Database, private readonly vault: string, private readonly sealer: Sealer, readonly locks: Locks) {
    if (typeof BroadcastChannel !== 'undefined') {
      this.channel = new BroadcastChannel(`${db.name}/${vault}`);
      this.channel.onmessage = ({ data }: MessageEvent): void => {
        if (data === YIELD) this.yields = true;
        else this.tell(false);
      };
      // In Node an open channel would keep the process from ending.
      (this.channel as unknown as { unref?: () => void }).unref?.();
    }
  }

  /** The name of a lock that is this vault's in all tabs. */
  lockName(what: string): string {
    return `${this.db.name}/${this.vault}/${what}`;
  }

  /** Is told after each write: `own` tells one of this tab's from another's. */
  onChange(listener: (own: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(own: boolean): void {
    tellAll(this.listeners, own);
  }

  /** Forgets what was read and the keys. What is under way fails with `vault_locked`. */
  close(): void {
    this.closed = true;
    this.forget();
    this.sealer.close();
    this.channel?.close();
    this.listeners.clear();
  }

  private forget(): void {
    this.loaded = nothing(-1);
  }

  /** Reads from one state of the vault. */
  async read<T>(op: string, work: (tx: Reading) => Promise<T>): Promise<T> {
    const once = async (): Promise<{ result: T } | null> => {
      try {
        return { result: await work(await this.begin(op)) };
      } catch (err) {
        if (err instanceof Moved) return null;
        throw err;
      }
    };
    for (let i = 0; i < retries; i++) {
      const done = await once();
      if (done) return done.result;
    }
    return this.alone(once);
  }

  /** Computes and writes, all or nothing. When it returns, it is on the disk. */
  write<T>(op: string, work: (tx: Writing) => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      // What was read or written last is nearly always how it still is, and the
      // commit notices where it is not. So neither is that asked nor the lock,
      // which takes a cheap phone longer than all the rest of a tap.
      if (this.closed) throw vaultLocked();
      const known = this.loaded.rev >= 0 && !this.yields;
      const done = known ? await this.tried(op, this.over(this.loaded, op), work) : null;
      return done ? done.result : this.alone(async () => this.tried(op, await this.begin(op), work));
    });
  }

  /** What works on the vault here, one after the other. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined); // told to whoever asked
    return mine;
  }

  /** Does work while other tabs keep out, until it has a result: one that has not heard of it may still get in. */
  private alone<T>(work: () => Promise<{ result: T } | null>): Promise<T> {
    return this.locks.hold(this.lockName('store'), async () => {
      this.yields = false; // who went first has ended
      for (let i = 0; i <= retries; i++) {
        const done = await work();
        if (done) return done.result;
        this.yields = true; // a read keeps no turn: writes of this tab overtake it as well
        if (!this.closed) this.channel?.postMessage(YIELD);
      }
      throw overtaken();
    });
  }

  /** Computes over a state and writes; null where the vault is in another by now. */
  private async tried<T>(op: string, tx: Snapshot, work: (tx: Writing) => Promise<T>): Promise<{ result: T } | null> {
    let result: T;
    try {
      result = await work(tx);
    } catch (err) {
      if (err instanceof Moved || (await this.revision(op)).rev !== tx.rev) return null;
      throw err;
    }
    if (!tx.changed) return (await this.revision(op)).rev === tx.rev ? { result } : null;
    try {
      await this.commit(op, tx);
      return { result };
    } catch (err) {
      this.forget();
      if (err instanceof Moved) return null;
      throw err;
    }
  }

  /**
   * Ends the vault for good if `may` says so of the state that it then has: rows,
   * keys, and what is carried for it go in one transaction.
   */
  async destroy(op: string, may: (tx: Reading) => Promise<boolean>): Promise<boolean> {
    return this.inTurn(() => this.locks.hold(this.lockName('store'), async () => {
      const tx = await this.begin(op);
      if (!(await may(tx).catch((err: unknown) => { if (err instanceof Moved) return false; throw err; }))) return false;
      const { db } = this;
      try {
        await this.surely(op, () => db.transaction(ALL, async (t) => {
          if (((await t.revisions.get(this.vault))?.rev ?? 0) !== tx.rev) throw new Moved();
          await t.cells.where('v').equals(this.vault).delete();
          for (const beside of [t.carried, t.blobs, t.parcels]) await beside.where('vault').equals(this.vault).delete();
          await t.vaults.delete(this.vault);
          await t.revisions.delete(this.vault);
        }), async () => !(await db.vaults.get(this.vault)));
        return true;
      } catch (err) {
        if (err instanceof Moved) return false;
        throw err;
      }
    }));
  }

  /**
   * Runs a write that must not be made twice. A connection that is lost takes the
   * answer along, and perhaps not the write: then `landed` says, over a new one,
   * whether it is on the disk. Where that cannot be asked either, it counts as failed.
   */
  private async surely(op: string, work: () => Promise<void>, landed: () => Promise<boolean>): Promise<void> {
    let begun = 0;
    try {
      await this.db.run(op, () => {
        begun++;
        return work();
      });
    } catch (err) {
      const unanswered = begun > 1 || (err instanceof SdkError && err.kind === 'store');
      if (!unanswered || !(await this.db.run(op, landed).catch(() => false))) throw err;
    }
  }

  /** The sealed bytes of a photo that lies beside the vault. */
  async bytesBeside(op: string, key: string): Promise<Bytes | undefined> {
    if (this.closed) throw vaultLocked();
    return (await this.db.run(op, () => this.db.blobs.get(nameBeside(this.sealer, key))))?.c;
  }

  private async revision(op: string): Promise<Pick<Loaded, 'rev' | 'last'>> {
    if (this.closed) throw vaultLocked();
    return this.db.run(op, async () => {
      const known = await this.db.revisions.get(this.vault);
      if (!known && !(await this.db.vaults.get(this.vault))) throw vaultGone();
      return { rev: known?.rev ?? 0, last: known?.last ?? [] };
    });
  }

  private async begin(op: string): Promise<Snapshot> {
    const { rev, last } = await this.revision(op);
    if (this.loaded.rev !== rev) this.loaded = nothing(rev, last);
    return this.over(this.loaded, op);
  }

  private over(loaded: Loaded, op: string): Snapshot {
    return new Snapshot(this.db, this.vault, this.sealer, loaded, op);
  }

  private async commit(op: string, tx: Snapshot): Promise<void> {
    const { puts, deletes, carries, carryChanges, photos } = await tx.sealed(this.vault);
    if (this.closed) throw vaultLocked();
    const { db } = this;
    const write = base64url(crypto.getRandomValues(new Uint8Array(9)));
    const last = [write, ...tx.last].slice(0, NAMED);
    await this.surely(op, () => db.transaction(photos.length > 0 ? ALL : ROWS, async (t) => {
      // Asked and written in one go: what turns out wrong takes it all back.
      const revision = t.revisions.get(this.vault);
      const written = [
        t.cells.bulkPut(puts), t.cells.bulkDelete(deletes), t.carried.bulkPut(carries),
        ...carryChanges.map(([k, change]) => (change ? t.carried.update(k, change) : t.carried.delete(k))),
        ...photos.flatMap(([k, { bytes, parcel, delivered }]) => [
          ...(bytes === undefined ? [] : [bytes ? t.blobs.put({ k, vault: this.vault, c: bytes }) : t.blobs.delete(k)]),
          ...(parcel === undefined ? [] : [parcel ? t.parcels.put({ ...parcel, k, vault: this.vault }) : t.parcels.delete(k)]),
          ...(delivered === undefined ? [] : [t.parcels.update(k, { delivered })]),
        ]),
        t.revisions.put({ vault: this.vault, rev: tx.rev + 1, last }),
      ];
      for (const p of [revision, ...written]) p.catch(() => undefined); // the first that fails is told below
      const found = await revision;
      // A vault that is gone has none; nor has one that was never written.
      if (!found && !(await t.vaults.get(this.vault))) throw vaultGone();
      if ((found?.rev ?? 0) !== tx.rev) throw new Moved();
      await Promise.all<unknown>(written);
    }), async () => (await db.revisions.get(this.vault))?.last?.includes(write) ?? false);
    if (this.closed) return;
    this.loaded = tx.settled(last);
    this.channel?.postMessage(null);
    this.tell(true);
  }
}

const nameBeside = (sealer: Sealer, key: string): string => sealer.name(join('beside', key));

/** One state of the vault, with what is to be written over it. */
class Snapshot implements Writing {
  readonly rev: number;
  readonly last: readonly string[];
  private readonly over = new Map<string, Map<string, unknown>>(); // undefined: deleted
  private readonly merges = new Map<string, Group>(); // what was read of groups with changes over them
  private readonly carries: [string, Promise<Omit<Carried, 'k' | 'vault'>>][] = [];
  private readonly carryChanges = new Map<string, Partial<Carried> | null>();
  private readonly photos = new Map<string, Beside>();

  constructor(private readonly db: Database, private readonly vault: string, private readonly sealer: Sealer, private readonly loaded: Loaded, private readonly op: string) {
    ({ rev: this.rev, last: this.last } = loaded);
  }

  get changed(): boolean {
    return this.over.size > 0 || this.carries.length > 0 || this.carryChanges.size > 0 || this.photos.size > 0;
  }

  async get<T>(group: string, key: string): Promise<T | undefined> {
    const over = this.over.get(group);
    if (over?.has(key)) return over.get(key) as T | undefined;
    const all = this.loaded.groups.get(group);
    if (all) return all.get(key) as T | undefined;
    const at = join(group, key);
    if (!this.loaded.single.has(at)) {
      const k = this.sealer.name(at);
      const cell = await this.fetch((cells) => cells.get(k));
      this.loaded.single.set(at, cell ? (await this.open(cell)).row : undefined);
    }
    return this.loaded.single.get(at) as T | undefined;
  }

  async all<T>(group: string): Promise<ReadonlyMap<string, T>> {
    const { groups, opening } = this.loaded;
    let rows = groups.get(group);
    if (!rows) {
      if (!opening.has(group)) started(opening, group, this.openAll(group));
      rows = await opening.get(group)!;
      opening.delete(group);
      groups.set(group, rows);
    }
    const over = this.over.get(group);
    if (!over) return rows as ReadonlyMap<string, T>;
    let both = this.merges.get(group);
    if (!both) this.merges.set(group, both = merged(rows, over));
    return both as ReadonlyMap<string, T>;
  }

  /** Reads cells as they are at this snapshot's revision, or not at all. */
  private fetch<T>(ask: (cells: Table<Cell>) => Promise<T>): Promise<T> {
    const { db } = this;
    return db.run(this.op, () => db.transaction(['cells', 'revisions'], async (t) => {
      const [revision, found] = await Promise.all([t.revisions.get(this.vault), ask(t.cells)]);
      if ((revision?.rev ?? 0) !== this.rev) throw new Moved();
      return found;
    }, 'readonly'));
  }

  /** Opens a group by parts: between two of them the page gets its turn. */
  private async openAll(group: string): Promise<Group> {
    const g = this.sealer.name(group);
    const cells = await this.fetch((all) => all.where('g').equals(g).toArray());
    const opened: { key: string; row: unknown }[] = [];
    for (let i = 0; i < cells.length; i += part) opened.push(...await Promise.all(cells.slice(i, i + part).map((c) => this.open(c))));
    opened.sort((a, b) => (a.key < b.key ? -1 : 1));
    return new Map(opened.map(({ key, row }) => [key, row]));
  }

  put(group: string, key: string, row: unknown): void {
    this.staged(group).set(key, row);
  }

  delete(group: string, key: string): void {
    this.staged(group).set(key, undefined);
  }

  carry(key: string, row: Promise<Omit<Carried, 'k' | 'vault'>>): void {
    row.catch(() => undefined); // told when all is put together
    this.carries.push([key, row]);
    this.carryChanges.delete(key);
  }

  carried(key: string, change: Partial<Carried> | null): void {
    const before = this.carryChanges.get(key);
    this.carryChanges.set(key, change && before ? { ...before, ...change } : change);
  }

  beside(key: string, change: Beside): void {
    this.photos.set(key, { ...this.photos.get(key), ...change });
  }

  private staged(group: string): Map<string, unknown> {
    this.merges.delete(group);
    let over = this.over.get(group);
    if (!over) this.over.set(group, over = new Map());
    return over;
  }

  private async open(cell: Cell): Promise<{ key: string; row: unknown }> {
    const plain = await this.sealer.open(cell.k, cell.c);
    try {
      const { k, r } = JSON.parse(plain) as { k: string; r: unknown };
      return { key: k, row: r };
    } catch (err) {
      throw damaged(err);
    }
  }

  async sealed(vault: string): Promise<{ puts: Cell[]; deletes: string[]; carries: Carried[]; carryChanges: [string, Partial<Carried> | null][]; photos: [string, Beside][] }> {
    const puts: Promise<Cell>[] = [];
    const deletes: string[] = [];
    for (const [group, rows] of this.over) {
      const g = this.sealer.name(group);
      for (const [key, row] of rows) {
        const k = this.sealer.name(join(group, key));
        if (row === undefined) deletes.push(k);
        else puts.push(this.sealer.seal(k, JSON.stringify({ k: key, r: row })).then((c) => ({ k, g, v: vault, c })));
      }
    }
    const name = (key: string): string => this.sealer.name(join('carried', key));
    return {
      puts: await Promise.all(puts), deletes,
      carries: await Promise.all(this.carries.map(async ([key, row]) => ({ ...await row, k: name(key), vault }))),
      carryChanges: [...this.carryChanges].map(([key, change]) => [name(key), change]),
      photos: [...this.photos].map(([key, change]) => [nameBeside(this.sealer, key), change]),
    };
  }

  /** What is known from now on. Readers of the state before keep theirs. */
  settled(last: readonly string[]): Loaded {
    const groups = new Map(this.loaded.groups);
    const opening = new Map<string, Promise<Group>>();
    // Single rows stay known, but for a photo's bytes.
    const single = new Map([...this.loaded.single].filter(([, row]) => typeof row !== 'string'));
    // What is being opened goes on: this write lies over it when it is there.
    for (const [group, rows] of this.loaded.opening) {
      const over = this.over.get(group);
      started(opening, group, over ? rows.then((r) => merged(r, over)) : rows);
    }
    for (const [group, over] of this.over) {
      const all = groups.get(group);
      if (all) groups.set(group, merged(all, over));
      else for (const [key, row] of over) single.set(join(group, key), row);
    }
    return { rev: this.rev + 1, last, groups, opening, single };
  }
}

/** Notes what is being opened; what fails is opened anew by whoever asks next. */
function started(opening: Map<string, Promise<Group>>, group: string, rows: Promise<Group>): void {
  opening.set(group, rows);
  rows.catch(() => { if (opening.get(group) === rows) opening.delete(group); });
}

function merged(rows: Group, over: Group): Map<string, unknown> {
  const out = new Map(rows);
  let last = '';
  for (const key of rows.keys()) last = key;
  let within = false; // a new key that belongs between others; at the end it stands already
  for (const [key, row] of over) {
    if (row === undefined) out.delete(key);
    else {
      if (!out.has(key)) {
        within ||= key < last;
        last = key;
      }
      out.set(key, row);
    }
  }
  return within ? new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1))) : out;
}
