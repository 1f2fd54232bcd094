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
    const waiting = signal && rejection(signal);
    try {
      await (waiting ? Promise.race([before, waiting.promise]) : before);
      waiting?.end();
      return await work();
    } finally {
      waiting?.end();
      release();
      if (queues.get(name) === tail) queues.delete(name);
    }
  },
};

/** A promise that fails when the signal ends, until it is not wanted any more. */
function rejection(signal: AbortSignal): { promise: Promise<never>; end: () => void } {
  let fail = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
  return { promise, end: () => signal.removeEventListener('abort', fail) };
}
