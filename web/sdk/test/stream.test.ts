// The realtime stream when it breaks: how soon it is there again, and that a
// server without one is not asked for it again and again.
import { describe, expect, test } from 'vitest';
import { Phone } from './support/phone.ts';
import { FakeServer, url } from './support/server.ts';

/** A server whose stream can be cut, or not be had at all. */
async function streaming(open: () => boolean) {
  const server = new FakeServer();
  let now = 0; // ms of a clock that only sleeping and held pulls turn
  const phone = new Phone({ stream: true, random: () => 0.5, clocks: { now: () => Date.now(), elapsed: () => now },
    sleep: async (ms, signal) => { now += ms; await new Promise((r) => setTimeout(r, 1)); signal?.throwIfAborted(); } });
  const asked: number[] = [];
  let cut = (): void => undefined;
  server.serve(phone.net);
  const rest = phone.net.meet!;
  phone.net.meet = (at, init) => {
    if (!at.endsWith('/api/realtime')) {
      const wait = typeof init.body === 'string' && at.endsWith('/api/sync/pull') ? (JSON.parse(init.body) as { wait?: number }).wait ?? 0 : 0;
      now += wait * 1000; // held as long as it may be
      return rest(at, init);
    }
    if (init.method === 'POST') return new Response('{}', { headers: { 'Content-Type': 'application/json' } });
    asked.push(now);
    if (!open()) return new Response('no', { status: 404 });
    const body = new ReadableStream<Uint8Array>({ start(c) {
      c.enqueue(new TextEncoder().encode('event: PB_CONNECT\ndata: {"clientId":"c1"}\n\n'));
      cut = () => c.close();
    } });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  };
  const device = await phone.enrolled(url, 'invite');
  return { device, asked, cut: () => cut() };
}

describe('the stream', () => {
  test('[DEV-4] one that was cut is opened again within a second or two', async () => {
    const s = await streaming(() => true);
    const kept = s.device.keep().catch(() => undefined);
    await expect.poll(async () => (await s.device.status()).activity).toBe('live');
    for (let n = 1; n <= 3; n++) {
      const before = s.asked.at(-1)!;
      s.cut();
      await expect.poll(() => s.asked.length).toBe(n + 1);
      expect(s.asked.at(-1)! - before).toBeLessThanOrEqual(2_000);
      await expect.poll(async () => (await s.device.status()).activity).toBe('live');
    }
    s.device.lock();
    await kept;
  });

  test('[DEV-4] where none is to be had it is asked for ever more rarely, and polling goes on', async () => {
    const s = await streaming(() => false);
    const kept = s.device.keep().catch(() => undefined);
    await expect.poll(() => s.asked.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(12);
    s.device.lock();
    await kept;
    const gaps = s.asked.slice(1).map((at, i) => at - s.asked[i]!);
    expect(gaps[0]).toBeLessThan(3_000);
    for (let i = 1; i < gaps.length; i++) expect(gaps[i]!).toBeGreaterThanOrEqual(gaps[i - 1]! * 0.9);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(110_000);
    expect(gaps.at(-1)).toBeLessThan(160_000);
  });
});
