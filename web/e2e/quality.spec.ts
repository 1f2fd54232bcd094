// Scores that are the same on every machine, and no request to anybody else.
// Speed is measured by make bench.
import { expect, test } from '@playwright/test';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lighthouse, lighthouseNow } from './rig/lighthouse.ts';
import { foreign } from './rig/origin.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';

test.setTimeout(240_000); // Lighthouse loads each page several times

test('[R20] Lighthouse finds nothing to better in accessibility and practices: the door of each app, and Home', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.enrol();
    const full = { accessibility: 100, 'best-practices': 100 };
    const home = await lighthouseNow(phone.browser.port, (url) => url.startsWith(server.url));
    expect.soft(home, `Home: ${home.failed.join('; ')}`).toMatchObject(full);
    for (const path of ['/', '/board', '/signin']) {
      const door = await lighthouse(phone.browser.port, server.url + path, ['accessibility', 'best-practices']);
      expect.soft(door, `${path}: ${door.failed.join('; ')}`).toMatchObject(full);
    }
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});

test('[R22] what a page asks of somebody else is seen, and fails the test that runs meanwhile', async () => {
  const server = await Server.start();
  const other = createServer((_, res) => { res.setHeader('access-control-allow-origin', '*'); res.end(); });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const phone = new Phone(server.url);
  const told: string[] = [];
  const { tell } = foreign;
  foreign.tell = (text) => told.push(text);
  try {
    await phone.on('/');
    const { page } = phone;
    await page.evaluate(() => navigator.serviceWorker.ready);
    expect(told).toEqual([]);
    // The page's own policy stops it before it is a request; a fault in that policy is what is looked for.
    const session = await page.context().newCDPSession(page);
    await session.send('Page.setBypassCSP', { enabled: true });
    await page.reload();
    await page.evaluate((url) => { const i = new Image(); i.src = `${url}/picture.png`; document.body.append(i); }, elsewhere);
    await expect.poll(() => told).toContain(`${server.url} asks ${elsewhere}`);
  } finally {
    foreign.tell = tell;
    await phone.browser.kill();
    await new Promise((resolve) => other.close(resolve));
    await server.stop();
  }
});
