// The field app on a phone: Lighthouse's mobile preset, a cold start with no
// network, a tap until it is on the disk, and ten thousand reports.
import { test } from '@playwright/test';
import { Phone, PIN } from '../e2e/rig/phone.ts';
import { Server } from '../e2e/rig/server.ts';
import { lighthouse } from '../e2e/rig/lighthouse.ts';
import { figure, median, percentile } from './report.ts';
import { library, scroll, shownAt, slow, tapToDisk, watch } from './rig.ts';

const many = Number(process.env.FIELDPOST_BENCH_RECORDS ?? 10_000);
const rounds = Number(process.env.FIELDPOST_BENCH_ROUNDS ?? 5);
const PAD = '.pad button';

test('lighthouse', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on('/');
  try {
    for (const path of ['/', '/board', '/signin']) {
      const all = [];
      for (let i = 0; i < (path === '/' ? rounds : 1); i++) all.push(await lighthouse(phone.browser.port, server.url + path));
      const worst = all.reduce((a, b) => (b.performance < a.performance ? b : a));
      if (worst.failed.length > 0) console.log(`  ${path} lacks: ${worst.failed.join('; ')}`);
      for (const of of ['performance', 'accessibility', 'best-practices'] as const) {
        figure(`Lighthouse, mobile, ${path}: ${of}`, median(all.map((r) => r[of])), 'points', { least: of === 'performance' ? 95 : 100 });
      }
    }
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});

for (const filled of [0, many]) {
  test(`a phone with ${filled} reports that wait`, async () => {
    const server = await Server.start();
    const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
    const having = filled ? `, ${filled} reports wait` : '';
    try {
      await phone.enrol();
      await phone.page.evaluate(() => navigator.serviceWorker.ready);
      await server.stop();
      if (filled) {
        await phone.page.reload(); // locked: the store has one master
        await library(phone.page);
        const began = performance.now();
        await phone.page.evaluate(({ pin, n }) => (globalThis as unknown as { fill: { fill(pin: string, n: number): Promise<void> } }).fill.fill(pin, n), { pin: PIN, n: filled });
        console.log(`filled in ${Math.round(performance.now() - began)} ms`);
      }

      const starts: number[] = [];
      const opens: number[] = [];
      for (let i = 0; i < rounds; i++) {
        await phone.browser.stop();
        await phone.on('/', async (page) => {
          await watch(phone.browser.context, [PAD, '.tally']);
          await slow(phone.browser.context, page, 4);
        });
        starts.push(await shownAt(phone.page, PAD));
        const pressed = await phone.page.evaluate(() => performance.now());
        await phone.type(PIN);
        opens.push(await shownAt(phone.page, '.tally') - pressed);
      }
      figure(`cold start with no network until the lock screen, 4x${having}`, median(starts), 'ms', { most: 1_000 });
      figure(`from the first digit until Home, 4x, Argon2id included${having}`, median(opens), 'ms');

      const { page } = phone;
      await phone.stop();
      const taps: number[] = [];
      for (let i = 0; i < 10; i++) {
        for (const key of ['vehicle.van', 'vehicle.rv'] as const) taps.push(await tapToDisk(page, phone.chip(key)));
      }
      figure(`a tap until it is on the disk, 4x${having}: median`, median(taps), 'ms', { most: 50 });
      figure(`a tap until it is on the disk, 4x${having}: p95`, percentile(taps, 0.95), 'ms');
      const saves: number[] = [];
      for (let i = 0; i < 8; i++) {
        if (i > 0) {
          await phone.stop();
          await tapToDisk(page, phone.chip('vehicle.van'));
        }
        saves.push(await tapToDisk(page, phone.button('done')));
        await phone.button('after.home').click();
        await phone.home();
      }
      figure(`Done until the report is on the disk, 4x${having}: median`, median(saves), 'ms', { most: 50 });

      if (filled) {
        const session = await slow(phone.browser.context, page, 1);
        await page.locator('.tally').click();
        await page.getByRole('heading', { name: phone.t('out.title') }).waitFor();
        for (const rate of [1, 4]) {
          await session.send('Emulation.setCPUThrottlingRate', { rate });
          const f = await scroll(page, '', 120, 5_000);
          figure(`scrolling the outbox${having}, ${rate}x: p95 of ${f.n} frames`, f.p95, 'ms', { most: 34 });
          figure(`scrolling the outbox${having}, ${rate}x: the worst frame`, f.worst, 'ms');
        }
        figure(`elements in the page${having}`, await page.evaluate(() => document.querySelectorAll('*').length), '');
      }
    } finally {
      await phone.browser.kill();
      await server.stop();
    }
  });
}
