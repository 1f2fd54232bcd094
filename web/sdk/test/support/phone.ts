// A phone for tests: a database in memory (or the browser's own), a clock that
// can be set, and a network that can be cut.
import { indexedDB as memory, IDBKeyRange as memoryRange } from 'fake-indexeddb';
import { Vaults, type VaultOptions } from '../../vaults.ts';
import type { Device } from '../../device.ts';

/** Weak on purpose: what is tested is not how long Argon2id takes. */
export const weak = { memory: 64, iterations: 1 };
export const PIN = '4711';

let made = 0;

export interface Net {
  /** What happens to a request; undefined: it goes through. */
  meet?: ((url: string, init: RequestInit) => Response | Promise<Response | undefined> | undefined) | undefined;
  /** What happens to an answer; a throw: it is lost on the way. */
  answer?: ((url: string, res: Response) => Response | Promise<Response>) | undefined;
  requests: string[];
}

export const newNet = (): Net => ({ requests: [] });

export function fetchOver(net: Net): typeof fetch {
  return async (input, init = {}) => {
    const url = String(input);
    net.requests.push(url.replace(/^https?:\/\/[^/]+/, ''));
    const met = await untilAborted(net.meet?.(url, init), init.signal);
    if (met) return met;
    const res = await fetch(input, init);
    return net.answer ? net.answer(url, res) : res;
  };
}

/** A request that nobody answers ends when its signal does. */
async function untilAborted<T>(work: T, signal: AbortSignal | null | undefined): Promise<Awaited<T>> {
  if (!signal) return work as Awaited<T>;
  let fail = (): void => undefined;
  const ended = new Promise<never>((_, reject) => { fail = () => reject(signal.reason as Error); });
  signal.addEventListener('abort', fail, { once: true });
  try {
    return await Promise.race([work, ended]) as Awaited<T>;
  } finally {
    signal.removeEventListener('abort', fail);
  }
}

export const cut = (): never => { throw new TypeError('the network is down'); };

export class Phone {
  readonly net: Net = newNet();
  skew = 0; // ms by which the wall clock is wrong
  readonly name: string;
  readonly vaults: Vaults;

  constructor(options: VaultOptions = {}) {
    this.name = options.name ?? `phone-${++made}-${Math.random().toString(36).slice(2)}`;
    this.vaults = this.open(options);
  }

  /** The same phone once more: another tab, or the program after a crash. */
  open(options: VaultOptions = {}): Vaults {
    const real = typeof indexedDB !== 'undefined';
    return new Vaults({
      ...(real ? {} : { indexedDB: { indexedDB: memory, IDBKeyRange: memoryRange } }),
      kdf: weak, fetch: fetchOver(this.net), timeout: 5_000,
      clocks: { now: () => Date.now() + this.skew, elapsed: () => performance.now() },
      ...options, name: this.name,
    });
  }

  async enrolled(url: string, invite: string, label = 'A', secret = PIN): Promise<Device> {
    const d = await this.vaults.create(secret, label);
    await d.enroll(url, invite, 'test phone');
    return d;
  }
}

export const observation = (note = 'silver van, cab to cab'): { [field: string]: any } => ({
  event_time: '2026-01-11T04:55:00.000Z', indicators: [{ indicator: 'core.01', basis: 'saw' }], note,
});
