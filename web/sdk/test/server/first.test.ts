import { afterAll, beforeAll, expect, test } from 'vitest';
import { observation, Phone } from '../support/phone.ts';
import { Installation } from './installation.ts';

let server: Installation;
beforeAll(async () => { server = await Installation.start(); });
afterAll(() => server.stop());

test('[PUSH-1] [PULL-1] what a worker saves is received, and comes back as the list API shows it', async () => {
  const d = await new Phone().enrolled(server.url, await server.invite());
  const { ids } = await d.create('observations', observation());
  expect((await d.status()).waiting).toBe(1);
  const report = await d.sync();
  expect(report.push.verdicts.map((v) => v.verdict)).toEqual(['applied']);
  const [seen] = await d.records('observations');
  expect(seen!.id).toBe(ids[0]);
  expect(seen!.seq).toBeGreaterThan(0);
  expect(seen!.fields.clock_off).toBe('ok');
  expect(seen!.word).toBe('received');
  const s = await d.status();
  expect([s.waiting, s.received, s.attention]).toEqual([0, 1, 0]);
});
