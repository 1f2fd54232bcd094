// Nobody waits on an empty chair (R23): hours that a coordinator writes at the
// board, what a worker's phone says by them, and one mail, with nothing in it,
// about an emergency that nobody opens.
import { expect, test } from '@playwright/test';
import { Board } from './rig/board.ts';
import { Phone } from './rig/phone.ts';
import { desktop } from './rig/stage.ts';
import { Sink, TurnedServer } from './rig/turnedserver.ts';

test.setTimeout(300_000);

test('[R23] [R24] hours are written at the board; an emergency that nobody opens sends one mail to each list, without content, and phone and board say so', async () => {
  const sink = await Sink.open();
  const server = await TurnedServer.before(sink);
  const browser = await desktop();
  const phone = new Phone(server.url);
  try {
    const board = await Board.enrolled(browser, server.url, await server.invite('coordinator'));
    await board.press('g', 'd');
    await expect(board.page.getByText(board.t('duty.none'))).toBeVisible();
    // A line that cannot be read is told, and nothing is saved.
    await board.page.getByLabel(board.t('duty.zone')).fill('America/Chicago');
    await board.page.getByLabel(board.t('duty.weekly')).fill('someday 18:00-02:00');
    await board.button('duty.save').press('Enter');
    await expect(board.page.getByText(board.t('duty.unread'))).toBeVisible();
    await board.page.getByLabel(board.t('duty.weekly')).fill(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'].flatMap((d) => [`${d} 00:00-12:00`, `${d} 12:00-00:00`]).join('\n'));
    await board.page.getByLabel(board.t('duty.first')).fill('first@example.org\nalso@example.org');
    await board.page.getByLabel(board.t('duty.second')).fill('lead@example.org');
    await board.button('duty.save').press('Enter');
    await expect(board.page.getByText(board.t('duty.saved'))).toBeVisible();
    await expect(board.page.getByText(board.t('duty.none'))).toBeHidden();
    await expect(board.page.getByText(board.t('duty.nolog'))).toBeVisible();

    await phone.on(`/#invite=${await server.invite()}`);
    await phone.setUp();
    await phone.stop();
    await phone.page.getByRole('button', { name: new RegExp(phone.t('stop.all', { n: 0 }).split('0').at(-1)!.trim()) }).click();
    await phone.page.getByRole('checkbox', { name: /weapon/ }).check();
    await phone.button('list.danger.go').click();
    await phone.button('ok').click();
    await phone.button('list.danger.go').click();
    await phone.note('a canary in a silver van');
    await phone.button('done').click();
    await expect(phone.says('after.unopened')).toBeVisible();

    await server.turn(9);
    await board.page.waitForTimeout(1_500); // that nothing comes takes time: some looks of the watcher
    expect(sink.mails).toEqual([]);
    await server.turn(10.1);
    await expect.poll(() => sink.mails.length).toBe(1);
    await server.turn(15);
    await board.page.waitForTimeout(1_500);
    expect(sink.mails.length).toBe(1);
    const [mail] = sink.mails;
    expect(mail).toContain('first@example.org');
    expect(mail).not.toMatch(/canary|silver|van|core\.|observation/i);
    await expect(phone.says('after.unopened')).toBeVisible();
    await phone.button('after.home').click();
    await expect(phone.rows('note.unopened')).toHaveCount(1);

    // It goes on to the second list once, and what was done stands on the page.
    await server.turn(20.5);
    await expect.poll(() => sink.mails.length).toBe(2);
    expect(sink.mails[1]).toContain('lead@example.org');
    await expect(board.page.getByRole('table').getByRole('row').filter({ hasText: board.t('duty.second.short') })).toHaveCount(1);
    await expect(board.page.getByRole('table').getByRole('row').filter({ hasText: board.t('duty.first.short') })).toHaveCount(1);

    // Somebody opens it: the phone is told, and no further mail goes.
    await board.press('g', 'q');
    await board.press('e', 'Enter');
    await expect(board.report).toContainText('a canary in a silver van');
    await expect(phone.rows('state.seen')).toHaveCount(1);
    await expect(board.report.locator('.past-list')).toContainText(board.t('hist.duty_alerts.create'));
    await server.turn(45);
    await board.page.waitForTimeout(1_500);
    expect(sink.mails.length).toBe(2);
    expect(board.errors).toEqual([]);
  } finally {
    await phone.browser.stop();
    await browser.close();
    await server.stop();
    sink.close();
  }
});
