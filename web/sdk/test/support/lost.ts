// Connections to the database that are lost while a write is under way: what it
// wrote is on the disk, or is not, and no answer comes.
import { vi } from 'vitest';

export interface Lost {
  /** What the transaction fails with. */
  name: string;
  /** Whether it is on the disk all the same. */
  written?: boolean;
  /** The table whose writes it meets. */
  of?: string;
  /** Which of them, by chance; else the next alone. */
  chance?: () => boolean;
  /** What happens before anybody can ask. */
  before?: () => Promise<unknown>;
  /** How many transactions fail after it: nobody can ask. */
  silent?: number;
}

/** From now on, until mocks are restored. */
export async function loseAnswers({ name, written = true, of = 'cells', chance, before, silent = 0 }: Lost): Promise<{ count: number }> {
  const proto = (typeof IDBDatabase === 'undefined' ? (await import('fake-indexeddb')).IDBDatabase : IDBDatabase).prototype;
  const real = proto.transaction;
  const lost = { count: 0 };
  vi.spyOn(proto, 'transaction').mockImplementation(function (this: IDBDatabase, ...args: Parameters<IDBDatabase['transaction']>) {
    if (lost.count > 0 && silent-- > 0) throw new DOMException('the store is not there', 'UnknownError');
    const tx = real.apply(this, args);
    if (args[1] !== 'readwrite' || !Array.isArray(args[0]) || !args[0].includes(of) || !(chance ? chance() : lost.count === 0)) return tx;
    lost.count++;
    let told: () => void = () => undefined;
    let failed = false;
    Object.defineProperties(tx, {
      oncomplete: { set: () => undefined },
      onabort: { set: (f: () => void) => { told = f; } },
      error: { get: () => (failed ? new DOMException('the connection was lost', name) : null) },
    });
    const over = async (): Promise<void> => {
      failed = true;
      this.close();
      this.onclose?.call(this, new Event('close'));
      await before?.();
      told();
    };
    tx.addEventListener('complete', () => void over());
    tx.addEventListener('abort', () => void over());
    if (!written) void (async () => {
      for (let i = 0; i < 50; i++) await null; // all has been asked by then, and nothing answered
      tx.abort();
    })();
    return tx;
  });
  return lost;
}
