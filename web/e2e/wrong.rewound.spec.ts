// The server is put back to a backup, with the program's own commands.
import { expect, test } from '@playwright/test';
import { join } from 'node:path';
import { Desk } from './rig/desk.ts';
import { folder } from './rig/folder.ts';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';

let server: Server;
test.beforeEach(async () => { server = await Server.start(); });
test.afterEach(() => server.stop());

async function restored(file: string): Promise<void> {
  await server.stop();
  await server.command('restore', file);
  await server.start();
}

async function note(phone: Phone, text: string): Promise<void> {
  await phone.stop();
  await phone.note(text);
  await phone.done();
}

test('[EPOCH-3] [R4] put back to an older copy: the phone brings back what it lacks, once, and says so until it is read', async () => {
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    await phone.setUp();
    const seat = await server.invite('coordinator');
    await note(phone, 'before the backup');
    await expect(phone.rows('state.received')).toHaveCount(1);
    const file = join(folder(), 'backup.zip');
    await server.command('backup', file);
    await note(phone, 'after the backup');
    await expect(phone.rows('state.received')).toHaveCount(2);

    await restored(file);
    const desk = await Desk.open(server.url, seat);
    expect(await desk.notes('observations')).toEqual(['before the backup']);
    await phone.online();
    await expect(phone.banner).toContainText(phone.t('fault.rewound'));
    await expect(phone.banner).toContainText(phone.t('fault.rewound.do', { n: 2 }));
    await expect(phone.rows('state.received')).toHaveCount(2);
    await expect.poll(async () => (await desk.notes('observations')).sort(), { timeout: 20_000 }).toEqual(['after the backup', 'before the backup']);
    await looked(phone, 'fault-rewound');
    await phone.button('ok').click();
    await expect(phone.banner).toHaveCount(0);
    await phone.page.reload();
    await phone.unlock();
    await expect(phone.rows('state.received')).toHaveCount(2);
    await expect(phone.banner).toHaveCount(0);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
  }
});

test('[EPOCH-3] [R4] put back to before it knew the phone: it says so, keeps all, and a new code lets the same vault in again', async () => {
  const code = await server.invite();
  const file = join(folder(), 'backup.zip');
  await server.command('backup', file);
  const phone = await new Phone(server.url).on(`/#invite=${await server.invite()}`);
  try {
    const { page } = phone;
    await phone.setUp();
    await note(phone, 'the server forgot it');
    await expect(phone.rows('state.received')).toHaveCount(1);
    await restored(file);
    await phone.online();
    await expect(phone.banner).toContainText(phone.t('fault.unknown'));
    await looked(phone, 'fault-unknown');
    await note(phone, 'written while unknown');
    await expect(phone.rows('state.waiting')).toContainText(phone.t('note.kept'));
    await expect(phone.says('home.kept')).toBeVisible();

    await phone.button('fault.code').click();
    await expect(page.getByRole('heading', { level: 1, name: phone.t('rejoin.title') })).toBeVisible();
    await page.getByRole('textbox').fill('2222-3333-4444');
    await phone.button('rejoin.done').click();
    await expect(phone.says('enrol.invalid')).toBeVisible();
    await page.getByRole('textbox').fill(await server.invite('coordinator'));
    await phone.button('rejoin.done').click();
    await expect(phone.says('rejoin.other')).toBeVisible();
    await looked(phone, 'rejoin');
    await page.getByRole('textbox').fill(code);
    await phone.button('rejoin.done').click();
    await phone.home();
    await expect(phone.rows('state.received')).toHaveCount(2);
    const desk = await Desk.open(server.url, await server.invite('coordinator'));
    expect((await desk.notes('observations')).sort()).toEqual(['the server forgot it', 'written while unknown']);
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
  }
});
