import { IDBFactory } from 'fake-indexeddb';
import { describe, expect, test } from 'vitest';
import { Base } from '../tables.ts';

type Row = { id: string; of: string; n: number };
let made = 0;
const base = (factory = new IDBFactory()): Base<{ a: Row; b: Row }> =>
  new Base<{ a: Row; b: Row }>(`tables-${++made}`, 10, { a: { key: 'id', indexes: ['of'] }, b: { key: 'id' } }, factory);
const row = (id: string, of = 'x', n = 0): Row => ({ id, of, n });

describe('tables over IndexedDB', () => {
  test('[DEV-1] a transaction over two tables is all or nothing, also when what it waits for has failed', async () => {
    const db = base();
    await db.open();
    await db.transaction(['a', 'b'], async (t) => { await t.a.put(row('1')); await t.b.put(row('1')); });
    await expect(db.transaction(['a', 'b'], async (t) => {
      await t.a.bulkPut([row('1', 'y'), row('2')]);
      await t.b.delete('1');
      throw new Error('the middle of it');
    })).rejects.toThrow('the middle of it');
    expect(await db.all.a.toArray()).toEqual([row('1')]);
    expect(await db.all.b.get('1')).toEqual(row('1'));
    // A row that cannot be stored takes the others of its transaction with it.
    await expect(db.transaction(['a'], async (t) => { await t.a.put(row('3')); await t.a.put({ of: 'no key' } as Row); })).rejects.toMatchObject({ name: 'DataError' });
    expect(await db.all.a.get('3')).toBeUndefined();
  });

  test('[DEV-1] what is chosen by an index or a test is read, changed and taken away, and nothing else', async () => {
    const db = base();
    await db.open();
    const { a } = db.all;
    await a.bulkPut([row('1', 'x', 1), row('2', 'x', 2), row('3', 'y', 3)]);
    expect((await a.where('of').equals('x').toArray()).map((r) => r.id)).toEqual(['1', '2']);
    await a.where('of').equals('x').filter((r) => r.n > 1).modify({ n: 20 });
    expect(await a.update('3', { n: 30 })).toBe(true);
    expect(await a.update('4', { n: 40 })).toBe(false);
    expect((await a.toArray()).map((r) => r.n)).toEqual([1, 20, 30]);
    await a.filter((r) => r.n === 30).delete();
    await a.where('of').equals('x').delete();
    expect(await a.toArray()).toEqual([]);
    await a.bulkPut([]);
    await a.bulkDelete([]);
  });

  test('[DEV-5] a newer program that has changed the tables shuts an older one out, by name', async () => {
    const factory = new IDBFactory();
    const db = base(factory);
    await db.open();
    await new Promise((resolve, reject) => { const r = factory.open(db.name, 11); r.onsuccess = resolve; r.onerror = reject; });
    expect(db.isOpen()).toBe(false);
    await expect(db.all.a.get('1')).rejects.toMatchObject({ name: 'DatabaseClosedError' });
    await expect(db.open()).rejects.toMatchObject({ name: 'VersionError' });
  });
});
