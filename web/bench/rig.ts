// What measures inside of a page: when a tap is on the disk, when a screen
// stands, how long each frame took.
import type { BrowserContext, CDPSession, Locator, Page } from '@playwright/test';
import { readFileSync } from 'node:fs';

export interface Frames { p50: number; p95: number; worst: number; n: number; end: number }

interface Inside {
  taps: number[];
  commits: number[];
  shown: { [selector: string]: number };
  /** Answers when a test of what was measured is true. */
  when<T>(test: () => T | undefined): Promise<T>;
}

/** Watches every page of a context from its first line on: taps, commits of the store, and when what `stands` names is first painted. */
export async function watch(context: BrowserContext, stands: readonly string[]): Promise<void> {
  await context.addInitScript((selectors: string[]) => {
    const asked = new Set<() => void>();
    const measured = (): void => { for (const look of [...asked]) look(); };
    const inside: Inside = {
      taps: [], commits: [], shown: {},
      when: (test) => new Promise((resolve) => {
        const look = (): void => {
          const found = test();
          if (found === undefined) return;
          asked.delete(look);
          resolve(found);
        };
        asked.add(look);
        look();
      }),
    };
    (globalThis as unknown as { measured: Inside }).measured = inside;
    for (const kind of ['click', 'keydown']) addEventListener(kind, (e) => { if (e.isTrusted) inside.taps.push(e.timeStamp); }, { capture: true });
    // A program of its own may not touch this; a transaction of the store is on the disk when it is complete.
    const open = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args: Parameters<typeof open>) {
      const tx = open.apply(this, args);
      if (args[1] === 'readwrite') tx.addEventListener('complete', () => { inside.commits.push(performance.now()); measured(); });
      return tx;
    } as typeof open;
    const left = new Set(selectors);
    const look = (): void => {
      for (const s of left) {
        if (!document.querySelector(s)) continue;
        left.delete(s);
        // Painted: after the next frame.
        requestAnimationFrame(() => setTimeout(() => { inside.shown[s] = performance.now(); measured(); }));
      }
      if (left.size === 0) seen.disconnect();
    };
    const seen = new MutationObserver(look);
    seen.observe(document, { childList: true, subtree: true, attributes: true });
  }, stands as string[]);
}

const lines = new WeakMap<Page, CDPSession>();

/**
 * The answer of a script, awaited. By the protocol itself: Playwright's own
 * waiting puts a script of its own into the page, whose compiling alone takes
 * 70 ms of a page's thread at 4x, and then asks with each frame. Both would
 * stand in the middle of what is measured.
 */
async function answer<T>(page: Page, expression: string): Promise<T> {
  let line = lines.get(page);
  if (!line) lines.set(page, line = await page.context().newCDPSession(page));
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`no answer within ${patience} ms: ${expression}`)), patience).unref());
  const { result, exceptionDetails } = await Promise.race([line.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }), late]);
  if (exceptionDetails) throw new Error(exceptionDetails.text);
  return result.value as T;
}

const patience = 120_000;

/** Ms from the page's beginning until it was painted. */
export const shownAt = (page: Page, selector: string): Promise<number> => answer(page, `measured.when(() => measured.shown[${JSON.stringify(selector)}])`);

/**
 * Ms from a tap to the end of the first transaction after it. The tap is of the
 * mouse alone, and its pointer stands there already: Playwright's own click puts
 * a listener into the page that looks at what was hit, and a hover before it,
 * both of which a slowed thread does between a finger and the app's handler.
 */
export async function tapToDisk(page: Page, target: Locator): Promise<number> {
  const at = await target.evaluate((node) => {
    const pressed = node.closest('label') ?? node;
    pressed.scrollIntoView({ block: 'center' });
    const box = pressed.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    if (!pressed.contains(document.elementFromPoint(x, y))) throw new Error('something lies over what is to be tapped');
    return { x, y };
  });
  await page.mouse.move(at.x, at.y);
  const before = await answer<number>(page, 'new Promise((drawn) => requestAnimationFrame(() => setTimeout(() => drawn(measured.taps.length))))');
  await page.mouse.down();
  await page.mouse.up();
  return answer(page, `measured.when(() => {
    const at = measured.taps[${before}];
    const end = at === undefined ? undefined : measured.commits.find((c) => c > at);
    return end === undefined ? undefined : end - at;
  })`);
}

/** Makes the page's own thread as slow as a cheap phone's. */
export async function slow(context: BrowserContext, page: Page, rate: number): Promise<CDPSession> {
  const session = await context.newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate });
  return session;
}

/** Presses a key so often, and gives how long each took until the frame that shows it was drawn. */
export async function keys(page: Page, key: string, n: number): Promise<number[]> {
  await page.evaluate(() => {
    const w = globalThis as unknown as { answered?: number[] };
    if (w.answered) { w.answered.length = 0; return; }
    const all: number[] = w.answered = [];
    addEventListener('keydown', (e) => requestAnimationFrame(() => setTimeout(() => all.push(performance.now() - e.timeStamp))), { capture: true });
  });
  for (let i = 1; i <= n; i++) {
    await page.keyboard.press(key);
    await page.waitForFunction((i) => ((globalThis as unknown as { answered: number[] }).answered.length >= i), i, { timeout: 30_000 });
  }
  return page.evaluate(() => (globalThis as unknown as { answered: number[] }).answered);
}

/** Scrolls to the end, or for as long as given, `step` px a frame, and gives how long the frames took. */
export function scroll(page: Page, selector: string, step: number, ms: number): Promise<Frames> {
  return page.evaluate(({ selector, step, ms }) => new Promise<Frames>((resolve, reject) => {
    const node = selector ? document.querySelector(selector) : document.scrollingElement;
    if (!node) { reject(new Error(`there is no ${selector}`)); return; }
    const frames: number[] = [];
    let last = 0;
    let began = 0;
    let down = 1;
    const next = (at: number): void => {
      if (last) frames.push(at - last);
      else began = at;
      last = at;
      if (at - began > ms) {
        const all = frames.sort((a, b) => a - b);
        const of = (p: number): number => all[Math.min(all.length - 1, Math.floor(all.length * p))] ?? 0;
        resolve({ p50: of(0.5), p95: of(0.95), worst: of(1), n: all.length, end: node.scrollHeight });
        return;
      }
      const before = node.scrollTop;
      node.scrollTop += step * down;
      if (node.scrollTop === before) down = -down; // at an end: back
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }), { selector, step, ms });
}

/** The device library in a page, past its content policy: `fill` in fill.ts. */
export async function library(page: Page): Promise<void> {
  const path = process.env.FIELDPOST_BENCH_SCRIPT;
  if (!path) throw new Error('the global set-up has built no library');
  const session = await page.context().newCDPSession(page);
  const { exceptionDetails } = await session.send('Runtime.evaluate', { expression: `${readFileSync(path, 'utf8')};globalThis.fill = fill;` });
  await session.detach();
  if (exceptionDetails) throw new Error(exceptionDetails.text);
}
