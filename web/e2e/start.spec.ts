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

test('[R3] [R4] [R10] the lock screen stands before the app is read, as it stood last; what is pressed in it is pressed in the app, and nothing where the app shows something else', async () => {
  const server = await Server.start();
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  const { page } = phone;
  const full = () => page.locator('.dots .in').count();
  const picture = () => page.evaluate(() => localStorage.getItem('picture'));
  const stands = () => page.evaluate(() => (globalThis as unknown as { early?: { drawn?: Element } }).early?.drawn?.isConnected ?? false);
  // What the app reads first waits until it is let go.
  const held = async (): Promise<void> => {
    await page.reload();
    await expect(page.locator('.pad')).toBeVisible();
    expect(await stands()).toBe(true);
  };
  const go = () => page.evaluate(() => (globalThis as unknown as { release: () => void }).release());
  const gone = () => expect.poll(stands).toBe(false);
  try {
    await phone.setUp();
    expect(await picture()).toBeNull(); // nobody has seen a lock screen yet
    await page.reload();
    await phone.unlock(PIN);
    expect(await picture()).toContain('class=\\"pad\\"');
    await page.addInitScript(() => {
      const { fetch } = globalThis;
      const released = new Promise<void>((done) => { Object.assign(globalThis, { release: done }); });
      globalThis.fetch = (input, init) => (String(input).includes('/content-') ? released.then(() => fetch(input, init)) : fetch(input, init));
    });

    // Digits by finger and by key, one taken back.
    await held();
    await phone.type(PIN.slice(0, 2));
    expect(await full()).toBe(2);
    await phone.button('lock.erase').click();
    expect(await full()).toBe(1);
    for (const d of PIN.slice(1)) await page.keyboard.press(d);
    expect(await full()).toBe(PIN.length);
    await go();
    await phone.home();

    // A finger that is on a button when the app comes is not lost.
    await held();
    await phone.type(PIN.slice(0, 3));
    await page.getByRole('button', { name: PIN.slice(3), exact: true }).hover();
    await page.mouse.down();
    await go();
    await page.waitForTimeout(200);
    await page.mouse.up();
    await phone.home();

    await held();
    await phone.button('lock.help').click();
    await go();
    await expect(phone.says('call.911')).toBeVisible();

    await held();
    for (let i = 0; i < 3; i++) await page.keyboard.press('Escape');
    await go();
    await expect(page.locator('.month')).toBeVisible();

    // As it was left: in the other language.
    await page.reload();
    await go();
    await gone();
    const language = phone.language;
    await page.getByRole('button', { name: language === 'en' ? 'Español' : 'English' }).click();
    phone.language = language === 'en' ? 'es' : 'en';
    await held();
    await expect(phone.says('lock.enter')).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(phone.language);

    // A picture of somebody else's pad, or none at all: nothing is tried.
    const kept = await picture();
    for (const text of [kept!.replace('</h1>', ' 2</h1>'), '{', '{"html":""}', 'null']) {
      await page.evaluate((text) => localStorage.setItem('picture', text), text);
      await page.reload();
      if (text.includes('</h1>')) await phone.type('9999');
      await go();
      await gone();
      await expect(page.locator('.dots')).toBeVisible();
      expect(await full()).toBe(0);
      await expect(phone.says('lock.enter')).toBeVisible();
    }
    await expect.poll(picture).toBe(kept); // it is kept anew
    await phone.unlock(PIN);

    // A link that breaks while the app comes: the pad is not left standing as if it worked.
    await page.evaluate(async () => { for (const r of await navigator.serviceWorker.getRegistrations()) await r.unregister(); });
    await page.route('**/assets/field-*.js', (route) => route.abort());
    await page.reload();
    await expect(phone.button('fault.again')).toBeVisible();
    expect(await page.locator('.pad').count()).toBe(0);
    expect(phone.errors.splice(0)).toHaveLength(1);
    await page.unroute('**/assets/field-*.js');
    await phone.button('fault.again').click();
    await expect(page.locator('.pad')).toBeVisible();
    await go();
    await phone.unlock(PIN);

    // Who comes with a code sees no lock screen.
    await page.goto('about:blank');
    await page.goto(`${server.url}/#invite=${await server.invite()}`);
    expect(await page.locator('.pad').count()).toBe(0);
    await go();
    await expect(phone.button('enrol.look')).toBeVisible();
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
    await server.stop();
  }
});
