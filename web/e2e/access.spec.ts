// Every screen for every person: nothing that axe finds, nothing that scrolls
// sideways, in two languages, two themes, large letters and right to left.
import { expect, test } from '@playwright/test';
import { allPages, boardPage, Tour, world } from './rig/boardtour.ts';
import { Gateway } from './rig/gateway.ts';
import { faults, Watch, type Way } from './rig/look.ts';
import { Phone } from './rig/phone.ts';
import { inSpanish, photoScreens } from './rig/phototour.ts';
import { Server } from './rig/server.ts';
import { desktop } from './rig/stage.ts';
import { enrolSteps, fiveStates, open, places, shut } from './rig/tour.ts';

test.setTimeout(600_000);

// Each width, theme, size and direction, in each language; axe in half of them,
// so that each of them is there once in both.
const base: Way = { width: 390, theme: 'dark', size: 100, dir: 'ltr' };
const phoneWays: Record<'en' | 'es', Way[]> = {
  en: [
    { width: 390, theme: 'light', size: 200, dir: 'rtl' },
    { width: 320, theme: 'light', size: 200, dir: 'ltr', axe: true },
    { ...base, axe: true },
  ],
  es: [
    { width: 320, theme: 'dark', size: 200, dir: 'rtl', axe: true },
    { width: 320, theme: 'dark', size: 100, dir: 'ltr' },
    { width: 390, theme: 'light', size: 100, dir: 'ltr', axe: true },
    base,
  ],
};

test('[R3] [R4] the field app: every screen, in both languages', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const invite = await places(server);
  const phone = await new Phone(way.url).on();
  const { page } = phone;
  const watch = new Watch(page, way.url);
  const found: string[] = [];
  const seen = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    seen.add(`${name}-${phone.language}`);
    found.push(...await faults(page, `${name} (${phone.language})`, phoneWays[phone.language]));
  };
  try {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.getByRole('textbox').fill(invite);
    await enrolSteps(phone, visit);
    await fiveStates(phone, way, server);
    await open(phone, visit);
    await shut(phone, visit);
    await phone.spanish();
    await phone.unlock();
    await open(phone, visit);
    await shut(phone, visit);
    watch.clean();
    expect(found.join('\n')).toBe('');
    expect(seen.size, [...seen].join(' ')).toBe(2 * 29);
  } finally {
    if (found.length > 0) console.log(found.join('\n'));
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});

test('[R3] [R4] [R13] photos, on every screen that shows them, in both languages', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const phone = await new Phone(way.url).on(`/#invite=${await server.invite()}`);
  const { page } = phone;
  const watch = new Watch(page, way.url);
  const found: string[] = [];
  const seen = new Set<string>();
  try {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await phone.enrol();
    await server.command('allow', 'photos', '--organization', 'Night Outreach');
    await phone.online();
    for (const language of ['en', 'es'] as const) {
      if (language === 'es') await inSpanish(phone, way);
      await photoScreens(phone, way, async (name) => {
        seen.add(`${name}-${language}`);
        found.push(...await faults(page, `${name} (${language})`, phoneWays[language]));
      });
    }
    // The servers that this test stands for say what they refuse with these.
    expect(watch.errors.filter((e) => !/status of (502|422|404)/.test(e))).toEqual([]);
    expect(watch.foreign).toEqual([]);
    expect(found.join('\n')).toBe('');
    expect(seen.size, [...seen].join(' ')).toBe(2 * 9);
  } finally {
    if (found.length > 0) console.log(found.join('\n'));
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});

const boardWays: Record<'en' | 'es', Way[]> = {
  en: [
    { width: 1024, theme: 'light', size: 200, dir: 'rtl' },
    { width: 1024, theme: 'light', size: 100, dir: 'ltr', axe: true },
    { width: 1440, theme: 'dark', size: 100, dir: 'ltr', axe: true },
  ],
  es: [
    { width: 1024, theme: 'dark', size: 200, dir: 'ltr' },
    { width: 1024, theme: 'dark', size: 100, dir: 'rtl', axe: true },
    { width: 1440, theme: 'light', size: 100, dir: 'ltr', axe: true },
    { width: 1440, theme: 'dark', size: 100, dir: 'ltr' },
  ],
};

test('[HOUSE] the board: every page that the navigation names, in both languages', async () => {
  const server = await Server.start();
  await places(server);
  await world(server);
  const browser = await desktop(true);
  const found: string[] = [];
  const seen = new Set<string>();
  try {
    const page = await boardPage(browser, server);
    const watch = new Watch(page, server.url);
    let looking = false;
    const tour: Tour = new Tour(page, async (name) => {
      if (!looking) return;
      seen.add(`${name}-${tour.language}`);
      found.push(...await faults(page, `${name} (${tour.language})`, boardWays[tour.language], 'font'));
    });
    await tour.enrol();
    looking = true;
    // A page that has a link is walked here or, those of the first script with their sheets, below.
    expect(await page.locator('nav.side li a').count()).toBe(allPages.length);
    await tour.pages();
    await tour.turn();
    await tour.pages();
    watch.clean();
    expect(found.join('\n')).toBe('');
    expect([...seen].toSorted()).toEqual(allPages.filter((p) => !['queue', 'repair', 'people'].includes(p)).flatMap((p) => [`board-${p}-en`, `board-${p}-es`]).toSorted());
  } finally {
    if (found.length > 0) console.log(found.join('\n'));
    await browser.close();
    await server.stop();
  }
});

test('[HOUSE] the board: every page and sheet, in both languages', async () => {
  const server = await Server.start();
  await places(server);
  await world(server);
  const browser = await desktop();
  const found: string[] = [];
  const seen = new Set<string>();
  try {
    const page = await boardPage(browser, server);
    const watch = new Watch(page, server.url);
    const tour: Tour = new Tour(page, async (name) => {
      seen.add(`${name}-${tour.language}`);
      // The browser's own larger letters: the board has no setting for it.
      found.push(...await faults(page, `${name} (${tour.language})`, boardWays[tour.language], 'font'));
    });
    await tour.enrol();
    await tour.around();
    await tour.away();
    await tour.around();
    watch.clean();
    expect(found.join('\n')).toBe('');
    expect(seen.size, [...seen].join(' ')).toBe(2 * 18);
  } finally {
    if (found.length > 0) console.log(found.join('\n'));
    await browser.close();
    await server.stop();
  }
});
