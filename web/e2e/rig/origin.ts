// No request to any other origin (R22): every context of every browser that a
// test starts is watched, whatever the test is about. What a content policy stops
// is no request and is not seen here; that the policies stand is another test's.
import { chromium, type Browser, type BrowserContext, type Request } from '@playwright/test';

/** What is done about a foreign request: the test that runs meanwhile fails by it. */
export const foreign = {
  tell: (text: string): void => { setImmediate(() => { throw new Error(text); }); },
};

/** Whose page, or whose service worker, asks. */
function asker(r: Request): string {
  const worker = r.serviceWorker();
  return worker ? worker.url() : r.frame().page().mainFrame().url();
}

/** A request that leaves the origin of the page which asks, in words; '' for none. */
export function leaves(r: Request): string {
  if (!/^(https?|wss?):/.test(r.url())) return ''; // the browser's own pages, blobs, data
  const to = new URL(r.url());
  try {
    // A test opens a page: where to is its own affair, on this machine.
    if (!r.serviceWorker() && r.isNavigationRequest() && r.frame().parentFrame() === null) return to.hostname === '127.0.0.1' ? '' : `a page is opened at ${to.origin}`;
    const from = new URL(asker(r));
    return from.host === to.host ? '' : `${from.origin} asks ${to.origin}`;
  } catch {
    return to.hostname === '127.0.0.1' ? '' : `a page that has gone asks ${to.origin}`; // closed before its request was told
  }
}

const watched = new WeakSet<BrowserContext>();

/** Watches a context, once. */
export function watch(context: BrowserContext): BrowserContext {
  if (watched.has(context)) return context;
  watched.add(context);
  context.on('request', (r) => {
    const text = leaves(r);
    if (text) foreign.tell(text);
  });
  return context;
}

function watchAll(browser: Browser): Browser {
  browser.contexts().forEach(watch);
  const make = browser.newContext.bind(browser);
  browser.newContext = async (...given) => watch(await make(...given));
  const page = browser.newPage.bind(browser);
  browser.newPage = async (...given) => { const p = await page(...given); watch(p.context()); return p; };
  return browser;
}

let on = false;

/** Watches whatever this process starts or connects to from now on. The configuration calls it, so that no test can forget to. */
export function watchEverything(): void {
  if (on) return;
  on = true;
  const launch = chromium.launch.bind(chromium);
  chromium.launch = async (...given) => watchAll(await launch(...given));
  const connect = chromium.connectOverCDP.bind(chromium) as (...given: unknown[]) => Promise<Browser>;
  chromium.connectOverCDP = async (...given: unknown[]) => watchAll(await connect(...given));
  const kept = chromium.launchPersistentContext.bind(chromium);
  chromium.launchPersistentContext = async (...given) => watch(await kept(...given));
}
