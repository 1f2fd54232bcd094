// What is looked at on each screen: what axe finds, what does not fit, what the
// content policy would not allow, and what went out to somebody else.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** How a screen is shown while it is looked at. */
export interface Way {
  width: number;
  theme: 'dark' | 'light';
  /** Percent of the text size. */
  size: 100 | 200;
  dir: 'ltr' | 'rtl';
  /** axe looks too; it takes its time, so not in every way. */
  axe?: boolean;
}


/** Listens to a page: errors in its console, and requests to another origin. */
export class Watch {
  readonly errors: string[] = [];
  readonly foreign: string[] = [];

  constructor(page: Page, origin: string) {
    page.on('pageerror', (e) => this.errors.push(String(e)));
    // A network that is down is in the console too, and is no fault of the page.
    page.on('console', (m) => { if (m.type() === 'error' && !/^Failed to load resource: net::ERR_/.test(m.text())) this.errors.push(m.text()); });
    page.on('request', (r) => { if (/^(https?|wss?):/.test(r.url()) && new URL(r.url()).origin !== origin) this.foreign.push(r.url()); });
  }

  clean(): void {
    expect(this.errors).toEqual([]);
    expect(this.foreign).toEqual([]);
  }
}

/** Shows the screen in a way. `percent` is how the app is told a text size. */
async function show(page: Page, way: Way, percent: 'dataset' | 'font'): Promise<void> {
  if (page.viewportSize()?.width !== way.width) await page.setViewportSize({ width: way.width, height: way.width < 1000 ? 844 : 900 });
  await page.evaluate(({ theme, size, dir, percent }) => {
    const root = document.documentElement;
    root.dataset['theme'] = theme;
    root.dir = dir;
    if (percent === 'dataset') root.dataset['size'] = String(size);
    // A browser's own larger letters: the root's font size, from a sheet of its own.
    else document.adoptedStyleSheets = size === 100 ? [] : [new CSSStyleSheet()].map((s) => { s.replaceSync(`:root { font-size: ${size}% }`); return s; });
  }, { ...way, percent });
}

/** Looks at the screen in each way, the last of which stays; gives what is wrong, in words. */
export async function faults(page: Page, name: string, ways: readonly Way[], percent: 'dataset' | 'font' = 'dataset'): Promise<string[]> {
  const found: string[] = [];
  for (const way of ways) {
    const at = `${name}, ${way.width} px, ${way.theme}, ${way.size} %, ${way.dir}`;
    await show(page, way, percent);
    const { tall, over, styled } = await page.evaluate(() => {
      const root = document.documentElement;
      const wide = root.scrollWidth - root.clientWidth;
      // The board's parts scroll; where the page does too, it scrolls into nothing.
      const tall = document.querySelector('.shell') ? root.scrollHeight - root.clientHeight : 0;
      // The first few that stick out say where to look.
      const out = wide <= 0 ? [] : [...document.querySelectorAll('body *')].filter((e) => { const r = e.getBoundingClientRect(); return r.right > root.clientWidth + 0.5 || r.left < -0.5; })
        .slice(-3).map((e) => `${e.tagName.toLowerCase()}.${String(e.getAttribute('class'))} "${(e.textContent ?? '').trim().slice(0, 30)}"`);
      // What map and chart move they move through the CSSOM, which the policy allows.
      return { tall, over: wide > 0 ? `${wide} px: ${out.join(' | ')}` : '', styled: [...document.querySelectorAll('[style]')].filter((e) => !e.closest('.maplibregl-map, .uplot')).map((e) => e.outerHTML.slice(0, 120)) };
    });
    if (over) found.push(`${at}: scrolls sideways by ${over}`);
    if (tall > 0) found.push(`${at}: the page itself scrolls, by ${tall} px`);
    for (const s of styled) found.push(`${at}: a style attribute: ${s}`);
    if (!way.axe) continue;
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
    for (const v of violations) for (const n of v.nodes.slice(0, 3)) found.push(`${at}: ${v.id}: ${n.html.slice(0, 160)}: ${n.failureSummary?.replace(/\s+/g, ' ').slice(0, 220) ?? v.help}`);
  }
  return [...new Set(found)];
}
