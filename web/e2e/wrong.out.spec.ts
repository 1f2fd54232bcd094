// A phone that a coordinator signs out, or has wiped: with the program's own commands.
import { expect, test } from '@playwright/test';
import { Desk } from './rig/desk.ts';
import type { Gateway } from './rig/gateway.ts';
import type { Phone } from './rig/phone.ts';
import type { Server } from './rig/server.ts';
import { stage, strike } from './rig/stage.ts';
import { looked } from './rig/state.ts';

let server: Server;
let way: Gateway;
let phone: Phone;
test.beforeEach(async () => {
  ({ server, way, phone } = await stage());
  await phone.setUp();
});
test.afterEach(() => strike({ server, way, phone }));

/** The one device that the server knows. */
async function device(): Promise<string> {
  const out = await server.command('devices', 'list', '--json');
  const id = /"id":\s*"([a-z0-9]{15})"/.exec(out)?.[1];
  if (!id) throw new Error(`no device in: ${out}`);
  return id;
}

async function note(text: string): Promise<void> {
  await phone.stop();
  await phone.note(text);
  await phone.done();
}

test('[PUSH-10] [R4] signed out: it says so, what waited is handed in and not called received, and a new code begins a vault of its own', async () => {
  await note('before');
  await expect(phone.rows('state.received')).toHaveCount(1);
  way.down = true;
  await note('waited when it was signed out');
  await server.command('devices', 'revoke', await device());
  way.down = false;
  await phone.online();
  await expect(phone.banner).toContainText(phone.t('fault.revoked'));
  await expect(phone.rows('state.attention')).toHaveCount(1);
  await looked(phone, 'fault-revoked');
  expect(await server.command('quarantine', 'list')).toContain('not_allowed');
  // What is written now is kept, and is no more received than that.
  await note('written after it');
  await expect(phone.rows('state.attention')).toHaveCount(2);
  await expect(phone.rows('state.received')).toHaveCount(1);

  await phone.banner.getByRole('button').click();
  await phone.page.getByRole('textbox').fill(await server.invite());
  await phone.enrol('2580', false);
  await expect(phone.says('home.nothing')).toBeVisible();
  await expect(phone.banner).toHaveCount(0);
  expect(phone.errors).toEqual([]);
});

test('[DEV-3] [R4] told to wipe itself: it hands everything in first and says so, and then that it is wiped', async () => {
  way.down = true;
  await note('handed in before the wipe');
  await server.command('devices', 'wipe', await device(), '--reason', 'the phone was left in a cab');
  const busy = { status: 503, code: 'busy', message: 'The server is busy.', hint: '', retry: 'later' };
  way.meet = (_, path) => (path === '/api/sync/wipe' ? { status: 503, type: 'application/json', body: JSON.stringify(busy) } : undefined);
  way.down = false;
  await phone.online();
  await expect(phone.banner).toContainText(phone.t('fault.wiping'));
  await looked(phone, 'fault-wiping');
  way.meet = undefined;
  await phone.online();
  await expect(phone.says('gone.wiped')).toBeVisible();
  await expect(phone.says('gone.wiped.do')).toBeVisible();
  await looked(phone, 'gone-wiped');
  const desk = await Desk.open(server.url, await server.invite('coordinator'));
  expect(await desk.notes('observations')).toEqual(['handed in before the wipe']);
  // It was no browser that cleared it: the next start says nothing of the sort.
  await phone.page.reload();
  await expect(phone.page.getByRole('heading', { level: 1, name: phone.t('enrol.title') })).toBeVisible();
  await expect(phone.says('gone.evicted')).toHaveCount(0);
  expect(phone.errors).toEqual([]);
});
