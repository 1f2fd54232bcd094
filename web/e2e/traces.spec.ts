// What a phone and a server are left with.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { PIN, Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { traces } from './rig/traces.ts';

let server: Server;
test.beforeAll(async () => { server = await Server.start(); });
test.afterAll(() => server.stop());

/** One report that is received, one that waits, one draft, each with a text of its own; what the page tells meanwhile. */
async function write(phone: Phone, words: string[]): Promise<void> {
  const [sent, waits, draft] = words as [string, string, string];
  const { page } = phone;
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(globalThis, { said });
    for (const f of ['pushState', 'replaceState'] as const) {
      const was = history[f].bind(history);
      history[f] = (...args) => { said.push(JSON.stringify(args)); was(...args); };
    }
    globalThis.Notification = class { constructor(...args: unknown[]) { said.push(JSON.stringify(args)); } } as never;
    ServiceWorkerRegistration.prototype.showNotification = async (...args) => { said.push(JSON.stringify(args)); };
    new MutationObserver(() => said.push(document.title)).observe(document.head, { childList: true, subtree: true, characterData: true });
  });
  await phone.stop();
  await phone.note(sent);
  await phone.done();
  await expect(phone.rows('state.received')).toHaveCount(1);
  await page.context().setOffline(true);
  await phone.stop();
  await phone.note(waits);
  await phone.done();
  await phone.stop();
  await phone.note(draft);
  await expect(phone.says('stop.title')).toBeVisible();
  await phone.button('back').click();
  await expect(phone.rows('state.saved')).toHaveCount(1);
  const told = await page.evaluate(() => [...(globalThis as unknown as { said: string[] }).said, document.title, location.href, JSON.stringify(history.state), document.cookie, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]);
  for (const w of words) expect(told.join('\n')).not.toContain(w);
  await phone.button('exit').click();
  await expect(page.getByRole('table')).toBeVisible();
}

test('[R10] [R11] [INV-1] nothing that was written is on the phone\'s disk, in its history, or in the server\'s log', async () => {
  const words = ['kestrel-3b1d-quartz', 'plover-77aa-basalt', 'heron-c09e-gneiss'];
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.enrol();
    await write(phone, words);
    // As it is while it runs, as a dead battery leaves it, and as an orderly end does.
    await phone.browser.kill();
    for (const w of words) expect(await traces(phone.browser.profile, w)).toMatchObject({ found: [] });
    await phone.on();
    await phone.unlock(PIN);
    await expect(phone.rows('state.received')).toHaveCount(2);
    await phone.browser.stop();
    const looked = await traces(phone.browser.profile, words[0] as string);
    expect(looked.found).toEqual([]);
    expect(looked.values).toBeGreaterThan(50); // it has read what is there
    for (const w of words) {
      expect(await traces(phone.browser.profile, w)).toMatchObject({ found: [] });
      expect(server.log).not.toContain(w);
    }
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    expect((await desk.notes('observations')).sort()).toEqual([words[0], words[1]]);
  } finally {
    await phone.browser.kill();
  }
});

test('[R10] the same look at a build whose vault seals nothing finds every word', async () => {
  const words = ['kestrel-open-quartz', 'plover-open-basalt', 'heron-open-gneiss'];
  const way = await Gateway.before(() => server.url, process.env.FIELDPOST_E2E_PLAIN_DIR);
  const phone = await new Phone(way.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.enrol();
    await write(phone, words);
    await phone.browser.stop();
    for (const w of words) {
      const { found } = await traces(phone.browser.profile, w);
      expect(found.filter((f) => f.includes('IndexedDB')).length).toBeGreaterThan(0);
      expect(found.filter((f) => f.endsWith('(read)')).length).toBeGreaterThan(0);
    }
  } finally {
    await phone.browser.kill();
    await way.stop();
  }
});
