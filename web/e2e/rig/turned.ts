// A phone's wall clock, turned: what a page reads as the time is so many ms off.
// The clock that counts since the start goes on, as a phone's does.
import type { Page } from '@playwright/test';

/** Puts a clock that can be turned into whatever the page opens from now on, `ms` off at first. */
export async function turnable(page: Page, ms = 0): Promise<void> {
  await page.addInitScript((first) => {
    const Real = Date;
    const now = (): number => Real.now() + (globalThis as unknown as { turned: number }).turned;
    Object.assign(globalThis, { turned: first });
    class Turned extends Real {
      constructor(...args: [] | [string | number | Date]) {
        if (args.length === 0) super(now());
        else super(...args);
      }
      static override now(): number { return now(); }
    }
    globalThis.Date = Turned as DateConstructor;
  }, ms);
}

/** Turns the page's clock. */
export const turn = (page: Page, ms: number): Promise<void> => page.evaluate((by) => void Object.assign(globalThis, { turned: by }), ms);
