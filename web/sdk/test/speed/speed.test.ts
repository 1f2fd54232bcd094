import { cdp } from 'vitest/browser';
import { expect, test } from 'vitest';
import { observation, Phone, PIN } from '../support/phone.ts';
import { FakeServer, url } from '../support/server.ts';

const session = cdp() as unknown as { send(method: string, params: object): Promise<unknown> };
const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

// The bars are wide: this machine may be doing other things. docs/PERFORMANCE.md has what was measured on a quiet one.
test('[BENCH] with 10,000 records here a save stays quick at a fourth of the speed, and the first look is not long', async () => {
  const server = new FakeServer();
  const phone = new Phone();
  server.serve(phone.net);
  const d = await phone.enrolled(url, 'invite');
  for (let i = 0; i < 10_000; i++) server.put('sites', `site${String(i).padStart(11, '0')}`, { id: `site${i}`, name: `stop ${i}`, notes: 'n'.repeat(300) });
  let began = performance.now();
  await d.pull();
  const pulled = performance.now() - began;
  d.lock();
  await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  try {
    began = performance.now();
    const again = await phone.vaults.unlock(d.vault, PIN);
    await again.status();
    const opened = performance.now() - began;
    began = performance.now();
    expect(await again.records('sites')).toHaveLength(10_000);
    const first = performance.now() - began;
    const saves: number[] = [];
    const drafts: number[] = [];
    for (let i = 0; i < 15; i++) {
      began = performance.now();
      await again.keepDraft('d', { i });
      drafts.push(performance.now() - began);
      began = performance.now();
      await again.create('observations', observation(), { draft: 'd' });
      saves.push(performance.now() - began);
    }
    began = performance.now();
    await again.records('sites');
    const second = performance.now() - began;
    console.log(`pull ${pulled | 0} ms; at 4x: open ${opened | 0} ms, first look ${first | 0} ms, second ${second | 0} ms, save ${median(saves).toFixed(1)} ms, draft ${median(drafts).toFixed(1)} ms`);
    expect(median(saves)).toBeLessThan(200);
    expect(median(drafts)).toBeLessThan(100);
    expect(opened).toBeLessThan(3_000);
    expect(first).toBeLessThan(15_000);
  } finally {
    await session.send('Emulation.setCPUThrottlingRate', { rate: 1 });
  }
}, 240_000);
