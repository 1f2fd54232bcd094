// Lost phones at the board: one that is signed out is told so and hands in what
// it holds; one that is wiped hands in, wipes itself, and leaves what got no answer.
import { expect, test, type Locator } from '@playwright/test';
import { observation, Phone as Device } from '../sdk/test/support/phone.ts';
import { Gateway } from './rig/gateway.ts';
import { Phone } from './rig/phone.ts';
import { office, shutOffice, type Office } from './rig/stage.ts';

test.setTimeout(180_000);

let at: Office;
test.beforeAll(async () => { at = await office(); });
test.afterAll(() => shutOffice(at));

/** The row of a device, by the label of whose it is. */
const row = (label: string): Locator => at.board.page.getByRole('table').filter({ hasText: at.board.t('dev.contact') }).getByRole('row').filter({ hasText: label });

/** Presses a button of a device's row, and says why. */
async function tell(label: string, key: 'people.revoke' | 'people.wipe', why: string): Promise<void> {
  const { board } = at;
  await board.press('g', 'u');
  await row(label).getByRole('button', { name: board.t(key) }).press('Enter');
  await board.page.getByLabel(board.t('people.why')).fill(why);
  await board.page.keyboard.press('Enter');
  await expect(board.page.getByText(board.t('people.done'))).toBeVisible();
}

async function note(phone: Phone, text: string): Promise<void> {
  await phone.stop();
  await phone.note(text);
  await phone.done();
}

for (const what of ['revoke', 'wipe'] as const) {
  test(`[PUSH-10] [DEV-3] [R4] ${what}: the phone is told, and what it had not handed in arrives`, async () => {
    const { server, board } = at;
    const way = await Gateway.before(() => server.url);
    const phone = new Phone(way.url);
    try {
      await phone.on(`/#invite=${await server.invite()}`);
      await phone.setUp();
      await note(phone, `there before the ${what}`);
      await expect(phone.rows('state.received')).toHaveCount(1);
      way.down = true;
      await note(phone, `waited at the ${what}`);
      await board.press('g', 'u');
      await expect(row('worker-')).toHaveCount(1);
      await tell('worker-', `people.${what}`, 'left in a cab');
      if (what === 'revoke') await expect(row('worker-')).toHaveCount(0);
      else await expect(row('worker-')).toContainText(board.t('dev.wiping'));
      way.down = false;
      await phone.online();
      if (what === 'revoke') {
        await expect(phone.banner).toContainText(phone.t('fault.revoked'));
        await expect(phone.rows('state.attention')).toHaveCount(1);
        // It hands in for push alone: a person looks at it, and takes it as their own.
        await board.press('g', 'p');
        const kept = board.page.locator('section.fix');
        await expect(kept).toHaveCount(1);
        await kept.getByText(board.t('fix.edit'), { exact: true }).press('Enter');
        await expect(kept.getByLabel('note', { exact: true })).toHaveValue('waited at the revoke');
        await kept.getByRole('button', { name: board.t('fix.release'), exact: true }).press('Enter');
        await expect(kept).toContainText('Its device was signed out');
        await kept.getByRole('button', { name: board.t('fix.adopt') }).press('Enter');
        await expect(board.page.getByText(board.t('fix.done.adopted'))).toBeVisible();
      } else {
        await expect(phone.says('gone.wiped')).toBeVisible();
        await expect(phone.says('gone.wiped.do')).toBeVisible();
      }
      await board.press('g', 'q');
      await expect.poll(() => board.opens(`waited at the ${what}`)).toBe(true);
      expect(phone.errors).toEqual([]);
      expect(board.errors).toEqual([]);
    } finally {
      await phone.browser.kill();
      await way.stop();
    }
  });
}

test('[DEV-3] what a wiped device could get no answer for is told as a count, and taken in once', async () => {
  const { server, board } = at;
  const d = await new Device({ timeout: 60_000 }).enrolled(server.url, await server.invite());
  await d.sync();
  const label = String((await d.record('users', (await d.status()).person!.id))?.fields['label']);
  await d.create('observations', { ...observation('sent before'), event_time: new Date().toISOString() });
  await d.create('addenda', { observation: d.newID(), text: 'to a report that nobody has sent' });
  await d.sync();
  await board.press('g', 'p');
  await expect(board.page.getByText(board.t('left.none'))).toBeVisible();
  await board.press('g', 'u');
  await expect(row(label)).toHaveCount(1);
  await tell(label, 'people.wipe', 'left on a bus');
  await expect(d.sync()).rejects.toMatchObject({ kind: 'wiped' });

  await board.press('g', 'p');
  const left = board.page.locator('section.left');
  await expect(left).toContainText(board.t('left.files', { n: 1 }));
  await expect(left).not.toContainText(label);
  await left.getByRole('button', { name: board.t('left.take') }).press('Enter');
  await expect(board.page.getByText(board.t('file.kept', { n: 1 }))).toBeVisible();
  await expect(board.page.locator('section.fix').filter({ hasText: board.t('fix.of.addenda') })).toHaveCount(1);
  await expect(board.page.getByText(board.t('left.none'))).toBeVisible();
  expect(board.errors).toEqual([]);
});
