/**
 * Locks by name. In browsers those of the Web Locks API, which span tabs and
 * workers and end with them; elsewhere a queue within this process.
 */
export interface Locks {
  /** Runs `work` while holding the lock. The signal ends the waiting, not the work. */
  hold<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function defaultLocks(): Locks {
  return typeof navigator !== 'undefined' && 'locks' in navigator && navigator.locks ? webLocks(navigator.locks) : processLocks;
}

const webLocks = (manager: LockManager): Locks => ({
  hold: <T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> =>
    manager.request(name, signal ? { signal } : {}, work) as Promise<T>,
});

const queues = new Map<string, Promise<unknown>>();

const processLocks: Locks = {
  async hold<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = queues.get(name) ?? Promise.resolve();
    let release!: () => void;
    const mine = new Promise<void>((resolve) => { release = resolve; });
    const tail = before.then(() => mine);
    queues.set(name, tail);
    const turn = (async (): Promise<void> => { await before; })();
    try {
      await (signal ? Promise.race([turn, rejected(signal)]) : turn);
      return await work();
    } finally {
      release();
      if (queues.get(name) === tail) queues.delete(name);
    }
  },
};

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
