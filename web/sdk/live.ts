/**
 * Keeping a device in step: sending what is saved, pulling what changes, by the
 * realtime stream where there is one and by held pulls where not.
 */
import { aborted, explain, type SdkError } from './errors.ts';
import { enrolled, type Session } from './session.ts';

const MIN_REST = 1_000;
/** Short: a queue must not sleep long after the network is back. */
const MAX_REST = 60_000;
const CONNECT_TIME = 10_000; // until the stream's first event: a proxy that buffers never shows one
const MAX_LINE = 64 << 10;

/** Counts failures in a row: each rest is longer, with jitter from half to one and a half of itself. */
export class Backoff {
  private failures = 0;

  /** How long to wait after one more failure: never less than the server asked for. */
  rest(random: () => number, err: SdkError): number {
    const base = this.failures < 6 ? MIN_REST * 2 ** this.failures : MAX_REST;
    this.failures++;
    const rest = base * (0.5 + random());
    return err.retryAfter > rest ? err.retryAfter + random() * 1000 : rest;
  }

  reset(): void {
    this.failures = 0;
  }
}

/** Failures that only a person can end. */
export const final = (e: SdkError): boolean => ['refused', 'wiped', 'not_enrolled', 'store', 'disk', 'locked', 'input'].includes(e.kind);

/** An open realtime stream subscribed to the topic sync. */
export interface Stream {
  /** Resolves at the next poke, when `ms` have passed, or when the stream has ended. */
  poked(ms: number, signal: AbortSignal): Promise<'poke' | 'time' | 'ended'>;
  close(): void;
}

/** Connects and subscribes; null where the stream is not to be had. */
export async function openStream(s: Session, fetcher: typeof fetch, signal: AbortSignal): Promise<Stream | null> {
  const st = await enrolled(s);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  signal.addEventListener('abort', end, { once: true });
  const timer = setTimeout(end, CONNECT_TIME);
  try {
    const res = await fetcher(`${st.url}/api/realtime`, {
      headers: { Accept: 'text/event-stream' }, signal: ending.signal, redirect: 'manual', credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
    });
    if (res.status !== 200 || !res.body || !(res.headers.get('Content-Type') ?? '').startsWith('text/event-stream')) {
      end();
      return null;
    }
    const events = readEvents(res.body);
    const first = await events.next();
    const hello = first.done || first.value.name !== 'PB_CONNECT' ? undefined : (JSON.parse(first.value.data) as { clientId?: string });
    if (!hello?.clientId) {
      end();
      return null;
    }
    const subscribed = await fetcher(`${st.url}/api/realtime`, {
      method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: st.token },
      body: JSON.stringify({ clientId: hello.clientId, subscriptions: ['sync'] }), signal: ending.signal, redirect: 'manual', credentials: 'omit',
    });
    await subscribed.arrayBuffer();
    if (!subscribed.ok) {
      end();
      return null;
    }
    return follow(events, end);
  } catch {
    end();
    if (signal.aborted) throw aborted();
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function follow(events: AsyncGenerator<{ name: string; data: string }>, end: () => void): Stream {
  let poke = false;
  let ended = false;
  let wake = (): void => undefined;
  void (async (): Promise<void> => {
    try {
      for await (const e of events) {
        if (e.name !== 'sync') continue;
        poke = true; // one pull serves all that came meanwhile
        wake();
      }
    } catch {
      // it was cut: the same as its end
    }
    ended = true;
    wake();
  })();
  return {
    async poked(ms, signal) {
      if (!poke && !ended) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(() => done(), ms);
          const done = (): void => {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            resolve();
          };
          wake = done;
          signal.addEventListener('abort', done, { once: true });
        });
      }
      if (signal.aborted) throw aborted();
      if (poke) {
        poke = false;
        return 'poke';
      }
      return ended ? 'ended' : 'time';
    },
    close: end,
  };
}

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<{ name: string; data: string }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let held = '';
  let name = '';
  let data = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += decoder.decode(value, { stream: true });
    if (held.length + data.length > MAX_LINE) throw explain(new Error('a line of the stream has no end'));
    for (let at = held.indexOf('\n'); at >= 0; at = held.indexOf('\n')) {
      const line = held.slice(0, at).replace(/\r$/, '');
      held = held.slice(at + 1);
      if (line === '') {
        if (name || data) yield { name, data };
        name = data = '';
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const text = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') name = text;
      else if (field === 'data') data += text;
    }
  }
}
