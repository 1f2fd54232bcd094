// A state of the field app that is said on the screen: looked at as each screen
// is, and kept as a picture where FIELDPOST_E2E_LOOK names a folder for it.
import { expect } from '@playwright/test';
import { join } from 'node:path';
import { faults, type Way } from './look.ts';
import type { Phone } from './phone.ts';

const ways: Way[] = [
  { width: 320, theme: 'light', size: 200, dir: 'rtl' },
  { width: 390, theme: 'light', size: 100, dir: 'ltr', axe: true },
  { width: 390, theme: 'dark', size: 100, dir: 'ltr', axe: true },
];

/** Nothing that axe finds, nothing that scrolls sideways, in dark and light, at 200 % and right to left. */
export async function looked(phone: Phone, name: string): Promise<void> {
  const { page } = phone;
  expect((await faults(page, name, ways)).join('\n')).toBe('');
  const folder = process.env.FIELDPOST_E2E_LOOK;
  if (folder) await page.screenshot({ caret: 'initial', path: join(folder, `${name}-${phone.language}.png`) });
}
