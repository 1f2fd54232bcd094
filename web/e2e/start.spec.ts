// What a start knows before the store has answered, and what it does not.
import { expect, test } from '@playwright/test';
import { Phone, PIN } from './rig/phone.ts';
import { Server } from './rig/server.ts';

test('[R4] [R10] a cold start with no network waits for no worker, and who was here last is a hint alone: a stale or spoiled one costs no try', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.setUp();
    await phone.page.evaluate(() => navigator.serviceWorker.ready);
    await server.stop();
    await phone.browser.stop();
    await phone.on('/');
    await phone.unlock(PIN);
    const started = await phone.page.evaluate(() => (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming).workerStart);
    expect(started).toBe(0);

    const hint = await phone.page.evaluate(() => localStorage.getItem('people/notes'));
    const [person] = JSON.parse(hint ?? '') as { id: string; label: string; digits: number }[];
    expect(person?.digits).toBe(PIN.length);
    const other = { ...person, id: 'zzzzzzzzzzzzzzz' };
    for (const text of [JSON.stringify([{ ...person, digits: 2 }]), JSON.stringify([{ ...person, digits: 7 }]), JSON.stringify([other]), '[{"digits":"x"}]', '{']) {
      await phone.page.evaluate((text) => localStorage.setItem('people/notes', text), text);
      await phone.page.reload();
      await phone.unlock(PIN);
      expect(await phone.page.evaluate(() => localStorage.getItem('people/notes'))).toBe(hint);
    }
    // What is pressed before the store has answered is kept; the first PIN would be counted if it were tried too early.
    await phone.page.evaluate((text) => localStorage.setItem('people/notes', text), JSON.stringify([{ ...person, digits: 2 }]));
    await phone.page.addInitScript(() => {
      const open = IDBFactory.prototype.open;
      IDBFactory.prototype.open = function (...args: Parameters<typeof open>) {
        const asked = open.apply(this, args);
        const wait = asked.addEventListener.bind(asked);
        Object.defineProperty(asked, 'onsuccess', { set: (f: (e: Event) => void) => wait('success', (e) => void setTimeout(() => f.call(asked, e), 1_500)) });
        return asked;
      };
    });
    await phone.page.reload();
    for (const d of PIN) await phone.page.getByRole('button', { name: d, exact: true }).click();
    await phone.home();
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
