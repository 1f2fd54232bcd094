// Lighthouse on a browser that runs already, as its mobile preset has it.
import run, { snapshot, type Flags, type Result } from 'lighthouse';
import puppeteer from 'puppeteer-core';

export interface Scores {
  performance: number;
  accessibility: number;
  'best-practices': number;
  /** Audits that are not full, of those that count, with what they saw. */
  failed: string[];
}

type Category = 'performance' | 'accessibility' | 'best-practices';
const categories: Category[] = ['performance', 'accessibility', 'best-practices'];
const flags: Flags = { logLevel: 'error', output: 'json', formFactor: 'mobile' };

function scores(lhr: Result): Scores {
  const of = (c: Category): number => Math.round((lhr.categories[c]?.score ?? 0) * 100);
  const failed = categories.flatMap((c) => (lhr.categories[c]?.auditRefs ?? []).filter((r) => r.weight > 0).map((r) => lhr.audits[r.id]))
    .filter((a) => a !== undefined && a.score !== null && a.score < 1 && a.scoreDisplayMode !== 'informative');
  return {
    performance: of('performance'), accessibility: of('accessibility'), 'best-practices': of('best-practices'),
    failed: failed.map((a) => `${a!.id} ${a!.score}: ${a!.displayValue ?? a!.title}`),
  };
}

/** A page as somebody opens it for the first time, on the mobile preset. Without performance there is no line to play. */
export async function lighthouse(port: number, url: string, only: Category[] = categories): Promise<Scores> {
  const result = await run(url, { ...flags, port, onlyCategories: only, ...(!only.includes('performance') && { throttlingMethod: 'provided' }) });
  if (!result) throw new Error('Lighthouse gave no result');
  if (result.lhr.runtimeError) throw new Error(`Lighthouse: ${result.lhr.runtimeError.message}`);
  return scores(result.lhr);
}

/** What is on the screen now, behind the lock, where no page load leads. Performance is of loads and is 0 here. */
export async function lighthouseNow(port: number, address: (url: string) => boolean): Promise<Scores> {
  const browser = await puppeteer.connect({ browserURL: `http://127.0.0.1:${port}`, defaultViewport: null });
  try {
    const page = (await browser.pages()).find((p) => address(p.url()));
    if (!page) throw new Error('the browser has no such page');
    const result = await snapshot(page, { flags: { ...flags, onlyCategories: ['accessibility', 'best-practices'] } });
    if (!result) throw new Error('Lighthouse gave no result');
    return scores(result.lhr);
  } finally {
    await browser.disconnect();
  }
}
