// Two people, one tablet: what one wrote goes up through the other, who learns
// nothing of it.
import { expect, test } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { Desk } from './rig/desk.ts';
import { Gateway } from './rig/gateway.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { traces } from './rig/traces.ts';

const form = JSON.parse(readFileSync(new URL('../../content/forms/hotel_front.v2.json', import.meta.url), 'utf8')) as { 'title::en': string };
const words = 'merlin-5e21-feldspar';

test('[R12] [SEALED] A is locked, B unlocks, signal is back: A\'s report arrives, and neither B\'s session nor a disk has held its text', async () => {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  const staff = ['--site', 'The Cedar Inn', '--served-by', 'Night Outreach'];
  const tablet = await new Phone(way.url).on(`/#invite=${await server.invite('staff', 'The Cedar Inn', ...staff)}`);
  try {
    // Who runs the site, and who serves it, let its staff write notes: otherwise there would be no text of A's own to look for.
    const admin = await Desk.open(server.url, await server.invite('admin', 'The Cedar Inn'));
    for (const o of await admin.device.records('organizations')) await admin.device.update('organizations', o.id, { allows: { add: ['staff_notes'] } });
    expect([...new Set((await admin.device.sync()).push.verdicts.map((v) => v.verdict))]).toEqual(['applied']);

    await tablet.enrol('1111');
    const { page } = tablet;
    await tablet.button('settings').click();
    await tablet.button('set.lockNow').click();
    // B's link, opened where the page already stands.
    await page.goto(`${way.url}/#invite=${await server.invite()}`);
    await tablet.enrol('2222', false);
    await tablet.button('settings').click();
    await tablet.button('set.lockNow').click();

    const become = async (n: number, pin: string): Promise<void> => {
      await tablet.button('lock.other').click();
      await tablet.row(tablet.t('lock.person', { n })).click();
      await tablet.unlock(pin);
    };
    await become(1, '1111');
    way.down = true;
    await tablet.list(form['title::en']);
    await tablet.item(0).getByRole('radio', { name: tablet.t('list.yes') }).check();
    await tablet.note(words);
    await tablet.done();
    await expect(tablet.rows('state.waiting')).toHaveCount(1);
    await tablet.button('exit').click();
    expect((await traces(server.dir, words)).found).toEqual([]);

    await page.reload();
    const from = way.passed.length;
    way.down = false;
    await become(2, '2222');
    await expect.poll(() => way.calls.filter((c) => c.startsWith('POST /api/sync/recovery')).length, { timeout: 30_000 }).toBeGreaterThan(0);
    await expect.poll(() => way.passed.filter((p) => p.path === '/api/sync/recovery').map((p) => p.answer.toString()).join(), { timeout: 20_000 }).toContain('"applied"');
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    await expect.poll(() => desk.notes('submissions'), { timeout: 20_000 }).toEqual([words]);
    await desk.openAll();

    // B looks at everything there is to look at; nothing came or went in the clear.
    await expect(tablet.says('home.nothing')).toBeVisible();
    await tablet.button('home.nothing').click();
    expect(await page.evaluate(() => document.body.innerText)).not.toContain(form['title::en']);
    for (const p of way.passed.slice(from)) {
      expect(`${p.path} ${p.body.toString('latin1')} ${p.answer.toString('latin1')}`).not.toContain(words);
    }
    expect(server.log).not.toContain(words);
    await tablet.button('exit').click();
    await tablet.browser.stop();
    expect((await traces(tablet.browser.profile, words)).found).toEqual([]);

    // A comes back, and learns what became of it.
    await tablet.on();
    await become(1, '1111');
    await expect(tablet.rows('state.seen')).toHaveCount(1);
    expect(tablet.errors).toEqual([]);
  } finally {
    await tablet.browser.kill();
    await way.stop();
    await server.stop();
  }
});
