/**
 * IndexedDB in promises, as much of it as the vaults need: tables that are read
 * and written alone, or several in one transaction. What writes has returned
 * when its transaction is on the disk (durability "strict"), not when it is on
 * its way.
 */

/** A table: the key's path, and the paths of its indexes. */
export interface Shape {
  key: string;
  indexes?: readonly string[];
}

type Within = <R>(mode: IDBTransactionMode, name: string, work: (store: IDBObjectStore) => Promise<R>) => Promise<R>;

const asked = <T>(r: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
  r.onsuccess = () => resolve(r.result);
  r.onerror = () => reject(r.error as DOMException);
});

/** Asks several in one go. They fail together, with their transaction; so the last tells of all. */
async function lastOf(requests: IDBRequest[]): Promise<void> {
  const last = requests.at(-1);
  if (last) await asked(last as IDBRequest<unknown>);
}

/** Rows of a table: all of them, those with a value in an index, those that a test takes. */
export class Rows<T extends object> {
  constructor(
    private readonly within: Within, readonly name: string, private readonly at?: { index: string; value: string }, private readonly test?: (row: T) => boolean,
  ) {}

  filter(test: (row: T) => boolean): Rows<T> {
    return new Rows(this.within, this.name, this.at, test);
  }

  toArray(): Promise<T[]> {
    return this.within('readonly', this.name, (s) => this.read(s));
  }

  /** Their keys, without reading a row; of all, whatever the test. */
  keys(): Promise<string[]> {
    return this.within('readonly', this.name, (s) => asked(this.source(s).getAllKeys(this.at?.value) as IDBRequest<IDBValidKey[]>)) as Promise<string[]>;
  }

  /** Changes the same fields in each. */
  modify(change: Partial<T>): Promise<void> {
    return this.within('readwrite', this.name, async (s) => lastOf((await this.read(s)).map((row) => s.put({ ...row, ...change }))));
  }

  delete(): Promise<void> {
    return this.within('readwrite', this.name, async (s) => {
      const keys = this.test ? (await this.read(s)).map((row) => (row as Record<string, string>)[s.keyPath as string] as string) : await asked(this.source(s).getAllKeys(this.at?.value));
      await lastOf(keys.map((k) => s.delete(k)));
    });
  }

  private source(s: IDBObjectStore): IDBObjectStore | IDBIndex {
    return this.at ? s.index(this.at.index) : s;
  }

  private async read(s: IDBObjectStore): Promise<T[]> {
    const rows = await asked(this.source(s).getAll(this.at?.value) as IDBRequest<T[]>);
    return this.test ? rows.filter(this.test) : rows;
  }
}

export class Table<T extends object> {
  constructor(private readonly within: Within, readonly name: string) {}

  get(key: string): Promise<T | undefined> {
    return this.within('readonly', this.name, (s) => asked(s.get(key) as IDBRequest<T | undefined>));
  }

  put(row: T): Promise<void> {
    return this.bulkPut([row]);
  }

  /** Changes fields of a row; false if there is none. */
  update(key: string, change: Partial<T>): Promise<boolean> {
    return this.within('readwrite', this.name, async (s) => {
      const row = await asked(s.get(key) as IDBRequest<T | undefined>);
      if (row) await asked(s.put({ ...row, ...change }));
      return row !== undefined;
    });
  }

  delete(key: string): Promise<void> {
    return this.bulkDelete([key]);
  }

  bulkPut(rows: readonly T[]): Promise<void> {
    return this.within('readwrite', this.name, (s) => lastOf(rows.map((row) => s.put(row))));
  }

  bulkDelete(keys: readonly string[]): Promise<void> {
    return this.within('readwrite', this.name, (s) => lastOf(keys.map((k) => s.delete(k))));
  }

  toArray(): Promise<T[]> {
    return this.filter().toArray();
  }

  filter(test?: (row: T) => boolean): Rows<T> {
    return new Rows(this.within, this.name, undefined, test);
  }

  /** The values that an index has, each once, without reading a row. */
  valuesOf(index: string): Promise<string[]> {
    return this.within('readonly', this.name, (s) => new Promise((resolve, reject) => {
      const out: string[] = [];
      const r = s.index(index).openKeyCursor(null, 'nextunique');
      r.onerror = () => reject(r.error as DOMException);
      r.onsuccess = () => {
        if (!r.result) return resolve(out);
        out.push(r.result.key as string);
        r.result.continue();
      };
    }));
  }

  where(index: string): { equals(value: string): Rows<T> } {
    return { equals: (value) => new Rows(this.within, this.name, { index, value }) };
  }
}

/** Tables by their names, as they are seen alone or in a transaction. */
export type Tables<Of extends Record<string, object>> = { [N in keyof Of]: Table<Of[N]> };

/** A database of tables. Programs share one connection a tab; a newer version's wish to change it closes it. */
export class Base<Of extends Record<string, object>> {
  readonly all: Tables<Of>;
  private idb: IDBDatabase | undefined;
  private opening: Promise<void> | undefined;
  private readonly factory: IDBFactory | undefined;

  constructor(readonly name: string, private readonly version: number, private readonly shapes: { [N in keyof Of]: Shape }, factory?: IDBFactory) {
    this.factory = factory ?? globalThis.indexedDB;
    this.all = this.seen((mode, table, work) => this.inside(mode, [table], (tx) => work(tx.objectStore(table))));
  }

  isOpen(): boolean {
    return this.idb !== undefined;
  }

  /** The one that is open: another after each opening. */
  get connection(): IDBDatabase | undefined {
    return this.idb;
  }

  /** Opens it, and makes what is missing. Fails with a DOMException: a VersionError when a newer program has changed it. */
  open(): Promise<void> {
    return this.opening ??= this.connect().finally(() => { this.opening = undefined; });
  }

  close(): void {
    this.idb?.close();
    this.idb = undefined;
  }

  /** Work on tables, all of it or nothing. It awaits nothing but these tables: a transaction waits for nothing else. */
  transaction<R>(names: readonly (keyof Of & string)[], work: (t: Tables<Of>) => Promise<R>, mode: IDBTransactionMode = 'readwrite'): Promise<R> {
    return this.inside(mode, names, (tx) => work(this.seen(async (_, table, ask) => ask(tx.objectStore(table)))));
  }

  private seen(within: Within): Tables<Of> {
    return Object.fromEntries(Object.keys(this.shapes).map((n) => [n, new Table(within, n)])) as unknown as Tables<Of>;
  }

  private async connect(): Promise<void> {
    if (this.idb) return;
    if (!this.factory) throw new DOMException('there is no IndexedDB', 'MissingAPIError');
    const r = this.factory.open(this.name, this.version);
    r.onupgradeneeded = () => {
      for (const [name, { key, indexes = [] }] of Object.entries<Shape>(this.shapes)) {
        if (r.result.objectStoreNames.contains(name)) continue;
        const s = r.result.createObjectStore(name, { keyPath: key });
        for (const i of indexes) s.createIndex(i, i);
      }
    };
    const idb = await asked(r);
    const gone = (): void => { if (this.idb === idb) this.idb = undefined; };
    idb.onversionchange = () => { idb.close(); gone(); };
    idb.onclose = gone; // the browser's doing
    this.idb = idb;
  }

  private async inside<R>(mode: IDBTransactionMode, names: readonly string[], work: (tx: IDBTransaction) => Promise<R>): Promise<R> {
    if (!this.idb) throw new DOMException('it is closed', 'DatabaseClosedError');
    const tx = this.idb.transaction(names, mode, { durability: 'strict' });
    const ended = new Promise<void>((resolve, reject) => {
      tx.oncomplete = () => resolve();
      tx.onabort = () => reject(tx.error ?? new DOMException('it was given up', 'AbortError'));
    });
    ended.catch(() => undefined); // it is told below
    let result: R;
    try {
      result = await work(tx);
    } catch (err) {
      try {
        tx.abort();
      } catch {
        // It has ended by itself: a full disk, a lost connection.
      }
      await ended.catch(() => undefined);
      // A request fails with its transaction; why the transaction did says more.
      throw tx.error ?? err;
    }
    await ended;
    return result;
  }
}
