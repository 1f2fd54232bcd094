// Screenshots of every screen in both languages, from the real program with an
// invented task force: make screenshots. They stand in docs/screens.
import { test } from '@playwright/test';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { boardPage, Tour, world } from './rig/boardtour.ts';
import { Gateway } from './rig/gateway.ts';
import { Phone } from './rig/phone.ts';
import { inSpanish, photoScreens } from './rig/phototour.ts';
import { small } from './rig/png.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';
import { enrolSteps, fiveStates, open, places, shut } from './rig/tour.ts';

test.setTimeout(600_000);

const folder = process.env.FIELDPOST_SCREENS ?? fileURLToPath(new URL('../../docs/screens', import.meta.url));

/** Begins a set anew: what is no longer a screen is no longer in the folder. */
function begin(board: boolean): void {
  mkdirSync(folder, { recursive: true });
  for (const f of readdirSync(folder)) if (f.endsWith('.png') && f.startsWith('board-') === board) rmSync(`${folder}/${f}`);
}

/** A page that shows all of them, each screen's languages side by side. */
function gallery(): void {
  const names = [...new Set(readdirSync(folder).filter((f) => f.endsWith('.png')).map((f) => f.replace(/-(en|es)\.png$/, '')))].sort();
  const table = (of: string[], width: number): string => of.map((n) => `### ${n}\n\n<img src="${n}-en.png" width="${width}" alt="${n}, English"> <img src="${n}-es.png" width="${width}" alt="${n}, Spanish">\n`).join('\n');
  writeFileSync(`${folder}/README.md`, ['# Every screen, in both languages', '',
    '`make screenshots` takes them from the real program, in Chromium. People, places and reports are invented.', '',
    '## The field app', '', table(names.filter((n) => !n.startsWith('board-')), 260), '## The board', '', table(names.filter((n) => n.startsWith('board-')), 420)].join('\n'));
}

test.afterAll(gallery);

test('the field app', async () => {
  begin(false);
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const phone = await new Phone(way.url).on();
  const { page } = phone;
  const visit = async (name: string): Promise<void> => {
    await page.evaluate(() => scrollTo(0, 0));
    writeFileSync(`${folder}/${name}-${phone.language}.png`, small(await page.screenshot()));
  };
  try {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.getByRole('textbox').fill(await places(server));
    await enrolSteps(phone, visit);
    await fiveStates(phone, way, server);
    await open(phone, visit);
    await shut(phone, visit);
    await phone.spanish();
    await phone.unlock();
    await open(phone, visit);
    await shut(phone, visit);
  } finally {
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});

test('photos', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const phone = await new Phone(way.url).on();
  const { page } = phone;
  try {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.getByRole('textbox').fill(await places(server));
    await phone.enrol();
    await server.command('allow', 'photos', '--organization', 'Paper Lantern Outreach (invented)');
    await phone.online();
    for (const language of ['en', 'es'] as const) {
      if (language === 'es') await inSpanish(phone, way);
      await photoScreens(phone, way, async (name, at) => {
        await page.evaluate(() => scrollTo(0, 0));
        await at?.evaluate((e) => { e.scrollIntoView(); scrollBy(0, -96); }); // below what stays on top
        writeFileSync(`${folder}/${name}-${language}.png`, small(await page.screenshot()));
      });
    }
  } finally {
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});

test('the board', async () => {
  begin(true);
  const server = await Server.start();
  await places(server);
  await world(server);
  const browser = await desktop(true);
  try {
    const page = await boardPage(browser, server);
    const tour: Tour = new Tour(page, async (name) => writeFileSync(`${folder}/${name}-${tour.language}.png`, small(await page.screenshot())));
    await tour.enrol();
    await tour.around();
    await tour.pages();
    await tour.away();
    await tour.around();
    await tour.pages();
  } finally {
    await browser.close();
    await server.stop();
  }
});
