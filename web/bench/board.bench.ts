// The board with ten thousand reports: how soon it stands, answers keys,
// filters, scrolls, and shows what arrives.
import { chromium, test } from '@playwright/test';
import { Board, PASSPHRASE } from '../e2e/rig/board.ts';
import { Server } from '../e2e/rig/server.ts';
import { Phone } from '../sdk/test/support/phone.ts';
import { observation, pile } from './fill.ts';
import { figure, median, percentile } from './report.ts';
import { keys, scroll } from './rig.ts';

const many = Number(process.env.FIELDPOST_BENCH_RECORDS ?? 10_000);
const rounds = Number(process.env.FIELDPOST_BENCH_ROUNDS ?? 5);

test(`a board with ${many} reports`, async () => {
  const server = await Server.start();
  const browser = await chromium.launch({ executablePath: process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
  try {
    const phone = await new Phone({ timeout: 60_000 }).enrolled(server.url, await server.invite());
    await pile(phone, many);
    await phone.push();
    const board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
    const { page } = board;
    const having = `, ${many} rows`;
    await page.waitForFunction((n) => {
      const all = [...document.querySelectorAll('h2 .num')].reduce((sum, e) => sum + Number((e.textContent ?? '').replace(/\D/g, '')), 0);
      const held = Number(/\d+/.exec(document.querySelector('.fresh')?.textContent ?? '')?.[0] ?? 0);
      return all + held >= n;
    }, many, { timeout: 300_000 });
    await page.keyboard.press('n');

    const opens: number[] = [];
    for (let i = 0; i < rounds; i++) {
      await page.reload();
      await page.locator('input[type=password]').fill(PASSPHRASE);
      const began = performance.now();
      await page.keyboard.press('Enter');
      await board.rows.first().waitFor();
      opens.push(performance.now() - began);
    }
    figure(`board: from the passphrase to the queue, Argon2id included${having}`, median(opens), 'ms');

    const near = await keys(page, 'j', 60);
    figure(`board: J until the row is drawn, at the top${having}: median`, median(near), 'ms', { most: 100 });
    figure(`board: J until the row is drawn, at the top${having}: p95`, percentile(near, 0.95), 'ms', { most: 100 });

    const f = await scroll(page, 'section.list', 200, 8_000);
    figure(`board: scrolling${having}: p95 of ${f.n} frames`, f.p95, 'ms', { most: 34 });
    figure(`board: scrolling${having}: the worst frame`, f.worst, 'ms');
    figure(`board: rows in the page after scrolling`, await board.rows.count(), '');
    await board.rows.last().getByRole('button').first().click();
    const deep = await keys(page, 'k', 30);
    figure(`board: K until the row is drawn, where one scrolled to${having}: p95`, percentile(deep, 0.95), 'ms', { most: 100 });

    // "Mine" has none, and off again all are there: the filter's two ends.
    await page.keyboard.press('f');
    const boxes = board.sheet.getByRole('checkbox');
    const took: number[] = [];
    for (let i = 0; i < 6; i++) {
      took.push(await boxes.first().evaluate((box) => new Promise<number>((resolve) => {
        const began = performance.now();
        (box as HTMLElement).click();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
      })));
    }
    figure(`board: a filter until it is drawn${having}: median`, median(took), 'ms', { most: 100 });
    await page.keyboard.press('Escape');

    const arrivals: number[] = [];
    for (let i = 1; i <= rounds; i++) {
      await phone.create('observations', observation(0));
      const began = performance.now();
      await phone.push();
      await page.waitForFunction((n) => Number(/\d+/.exec(document.querySelector('.fresh')?.textContent ?? '')?.[0] ?? 0) >= n, i, { timeout: 60_000, polling: 20 });
      arrivals.push(performance.now() - began);
    }
    figure(`board: from push to shown${having}: median`, median(arrivals), 'ms', { most: 2_000 });
    phone.lock();
  } finally {
    await browser.close();
    await server.stop();
  }
});
