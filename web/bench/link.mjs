// A phone in a browser at the far end of a bad line: it runs in a network of
// its own, where no address but the server's exists. A line in, a line out:
// where the server is, then a line for each round; it answers with the seconds.
import { chromium } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [kind, dir, script] = process.argv.slice(2);
const docs = 50;
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** A browser with no connection open, as a phone that finds one bar of coverage; `work` runs in its page. */
async function visit(server, work) {
  const context = await chromium.launchPersistentContext(join(dir, 'profile'), {
    executablePath: process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium', bypassCSP: true,
    // There is no certificate at the end of this line, and a page without one has no cryptography.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', `--unsafely-treat-insecure-origin-as-secure=${server.url}`],
  });
  try {
    const page = context.pages()[0] ?? await context.newPage();
    // The page itself is on the phone already.
    await page.route(`${server.url}/blank`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>blank</title>' }));
    await page.goto(`${server.url}/blank`);
    await page.unroute(`${server.url}/blank`);
    await page.evaluate(`${readFileSync(script, 'utf8')};globalThis.fill = fill;`);
    return await work(page);
  } finally {
    await context.close();
  }
}

const rounds = {
  web: (page, server) => page.evaluate(({ n, site }) => globalThis.fill.send(n, site), { n: docs, site: server.site }),
  // One batch request, as PocketBase's own client sends it.
  'web-stock': (page, server) => page.evaluate(async ({ n, site, token }) => {
    const id = () => Array.from(crypto.getRandomValues(new Uint8Array(15)), (b) => 'abcdefghijklmnopqrstuvwxyz0123456789'[b % 36]).join('');
    const requests = Array.from({ length: n }, (_, i) => ({ method: 'POST', url: '/api/collections/observations/records', body: { id: id(), ...globalThis.fill.observation(i, site) } }));
    const began = performance.now();
    const res = await fetch('/api/batch', { method: 'POST', headers: { 'content-type': 'application/json', authorization: token }, body: JSON.stringify({ requests }) });
    const answers = await res.json();
    const took = performance.now() - began;
    if (!res.ok || answers.length !== n) throw new Error(`the batch answers ${res.status}`);
    return took;
  }, { n: docs, site: server.site, token: server.token }),
};

let server;
for await (const line of createInterface({ input: process.stdin })) {
  if (!server) {
    server = JSON.parse(line);
    if (kind === 'web') await visit(server, (page) => page.evaluate((invite) => globalThis.fill.enrol(invite), server.invite));
    say(true);
    continue;
  }
  say((await visit(server, (page) => rounds[kind](page, server))) / 1000);
}
