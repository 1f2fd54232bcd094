// Every screen for every person: nothing that axe finds, nothing that scrolls
// sideways, in two languages, two themes, large letters and right to left.
import { expect, test } from '@playwright/test';
import { Gateway } from './rig/gateway.ts';
import { faults, Watch, type Way } from './rig/look.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
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
  const way = await Gateway.before(() => server.url, process.env.FIELDPOST_E2E_PAGES);
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
    expect(seen.size, [...seen].join(' ')).toBe(2 * 28);
  } finally {
    if (found.length > 0) console.log(found.join('\n'));
    await phone.browser.kill();
    await way.stop();
    await server.stop();
  }
});
