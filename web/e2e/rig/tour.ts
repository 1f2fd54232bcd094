// Once around the field app: every screen, with something on it.
import { expect } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Desk } from './desk.ts';
import type { Gateway } from './gateway.ts';
import { PIN, type Phone } from './phone.ts';
import type { Server } from './server.ts';

type Row = { name?: string; weight?: string; 'label::en'?: string; 'label::es'?: string };
const form = JSON.parse(readFileSync(new URL('../../../content/forms/hotel_house.v2.json', import.meta.url), 'utf8')) as { 'title::en': string; 'title::es': string; survey: Row[] };
const emergency = form.survey.find((r) => r.weight === 'emergency') as Row;

/** Told of each screen while it is there. */
export type Visit = (name: string) => Promise<void>;

/** The places of the task force of these tests; gives an invite for who works at night. */
export async function places(server: Server): Promise<string> {
  const invite = await server.invite('worker', 'Paper Lantern Outreach (invented)');
  await server.invite('staff', 'Hotel Marmalade (invented)', '--site', 'Hotel Marmalade (invented)', '--served-by', 'Paper Lantern Outreach (invented)');
  await server.invite('staff', 'Lost Mitten Truck Stop (invented)', '--site', 'Lost Mitten Truck Stop (invented)', '--venue', 'truck_stop', '--served-by', 'Paper Lantern Outreach (invented)');
  return invite;
}

/** From the code to the choice of a PIN, each step in both languages. */
export async function enrolSteps(phone: Phone, visit: Visit): Promise<void> {
  const both = async (name: string): Promise<void> => {
    await visit(name);
    await phone.page.getByRole('button', { name: 'Español' }).click();
    phone.language = 'es';
    await visit(name);
    await phone.page.getByRole('button', { name: 'English' }).click();
    phone.language = 'en';
  };
  await both('enrol-code');
  await phone.button('enrol.look').click();
  await expect(phone.button('enrol.yes')).toBeVisible();
  await both('enrol-right');
  await phone.button('enrol.yes').click();
  await both('enrol-name');
  await phone.button('next').click();
  await both('enrol-pin');
  await phone.button('enrol.phrase').click();
  await both('enrol-phrase');
  await phone.button('enrol.pin.use').click();
  await phone.secret(PIN);
}

/** A night stop with a van, done. */
async function stop(phone: Phone): Promise<void> {
  await phone.stop();
  await phone.chip('vehicle.van').check();
  await phone.chip('color.white').check();
  await phone.more('stop.adults');
  await phone.done();
}

/** Makes a row in each of the five states. Ends with no network. */
export async function fiveStates(phone: Phone, way: Gateway, server: Server): Promise<void> {
  await stop(phone);
  await expect(phone.rows('state.received')).toHaveCount(1);
  const desk = await Desk.open(server.url, await server.invite('coordinator', 'Paper Lantern Outreach (invented)'));
  await desk.openAll();
  await expect(phone.rows('state.seen')).toHaveCount(1);
  await stop(phone);
  await expect(phone.rows('state.received')).toHaveCount(1);
  way.meet = (method, path) => {
    if (method !== 'POST' || path !== '/api/sync/push') return undefined;
    const raw = way.passed.findLast((p) => p.path === path)?.body ?? Buffer.alloc(0);
    const sent = JSON.parse(String(raw[0] === 0x1f ? gunzipSync(raw) : raw)) as { mutations: { n: number }[] };
    const place = JSON.parse(String(way.passed.findLast((p) => p.path.startsWith('/api/sync/p') && p.answer.length > 0 && String(p.answer).startsWith('{'))?.answer)) as { [field: string]: unknown };
    const body = { epoch: place['epoch'], now: new Date().toISOString(), mark: place['mark'], durableSeq: place['durableSeq'], verdicts: sent.mutations.map((m) => ({ n: m.n, verdict: 'refused', code: 'not_allowed', message: '' })) };
    return { status: 200, type: 'application/json', body: JSON.stringify(body) };
  };
  await stop(phone);
  await expect(phone.rows('state.attention')).toHaveCount(1);
  way.meet = undefined;
  await phone.page.context().setOffline(true);
  await stop(phone);
  await expect(phone.rows('state.waiting')).toHaveCount(1);
  await phone.stop();
  await phone.chip('vehicle.rv').check();
  await phone.button('back').click();
  await expect(phone.rows('state.saved')).toHaveCount(1);
}

/** Every screen after unlock, from Home to Home. It writes one more of each kind. */
export async function open(phone: Phone, visit: Visit): Promise<void> {
  const { page } = phone;
  const back = (): Promise<void> => phone.button('back').click();
  const head = (text: string | RegExp): Promise<void> => expect(page.getByRole('heading', { level: 1, name: text })).toBeVisible();
  await visit('home');
  await phone.button('settings').click();
  await head(phone.t('set.title'));
  await visit('settings');
  await back();

  await phone.button('new').click();
  await head(phone.t('new.title'));
  await visit('new');
  await phone.row(phone.t('new.stop')).click();
  await phone.chip('vehicle.van').check();
  await phone.chip('color.white').check();
  await page.getByRole('checkbox').first().check();
  await phone.more('stop.adults');
  await phone.more('stop.under18');
  await phone.more('stop.kits');
  await phone.note(phone.language === 'es' ? 'El conductor le gritó a Marcus que subiera.' : 'The driver shouted for Marcus to get back in.');
  await visit('stop');
  await phone.row(phone.t('change')).click();
  await head(phone.t('stop.place'));
  await visit('place');
  await back();
  await page.getByRole('button', { name: phone.t('change') }).nth(1).click();
  await head(phone.t('stop.when'));
  await visit('when');
  await back();
  await phone.row(new RegExp(phone.t('stop.all', { n: 99 }).replace(/[()]/g, '.').replace('99', '\\d+'))).click();
  await head(phone.t('stop.what'));
  await visit('signs');
  await back();
  await phone.button('done').click();
  await expect(phone.button('after.home')).toBeVisible();
  await visit('after');
  await phone.button('after.home').click();

  await phone.button('new').click();
  await page.getByRole('button', { name: phone.t('new.list'), exact: true }).click();
  await head(phone.t('list.title'));
  await visit('lists');
  await page.getByRole('button', { name: form[`title::${phone.language}`], exact: true }).click();
  await visit('bias');
  await page.getByRole('radio', { name: phone.t('list.about.guest') }).click();
  await phone.item(0).getByRole('radio', { name: phone.t('list.yes'), exact: true }).check();
  await phone.item(1).getByRole('radio', { name: phone.t('list.no'), exact: true }).check();
  const urgent = page.getByRole('group', { name: `${phone.t('list.answer')}: ${emergency[`label::${phone.language}`] ?? ''}` });
  await urgent.getByRole('radio', { name: phone.t('list.yes'), exact: true }).check();
  await expect(phone.says('list.danger')).toBeVisible();
  await visit('checklist');
  await back();

  await phone.page.locator('.tally').click();
  await head(phone.t('out.title'));
  await visit('outbox');
  await back();
  await phone.button('help').click();
  await head(phone.t('call.title'));
  await visit('help');
  for (const d of await page.getByRole('main').locator('details summary').all()) await d.click();
  await visit('help-open');
  await back();
  await phone.row(phone.t('home.self')).click();
  await head(phone.t('self.title'));
  await visit('myself');
  await back();
  await phone.row(phone.t('home.learn')).click();
  await head(phone.t('learn.title'));
  await visit('learn');
  await page.getByRole('main').getByRole('button').first().click();
  await visit('guide');
  await back();
  await phone.row(phone.t('learn.practice')).click();
  await expect(phone.says('practice')).toBeVisible();
  await visit('practice');
  await phone.row(phone.t('home.learn')).click();
  await phone.button('practice.stop').click();
  await phone.home();
}

/** The calendar, and what stands before unlock. Ends on the PIN pad. */
export async function shut(phone: Phone, visit: Visit): Promise<void> {
  const { page } = phone;
  await phone.button('exit').click();
  await expect(page.getByRole('table')).toBeVisible();
  await visit('calendar');
  await page.getByRole('heading', { level: 1 }).getByRole('button').hover();
  await page.mouse.down();
  await expect(phone.says('lock.enter')).toBeVisible();
  await page.mouse.up();
  await visit('lock');
  await phone.type('0000');
  await expect(phone.says('lock.wrong', { n: 9 })).toBeVisible();
  await visit('lock-wrong');
  await phone.button('lock.other').click();
  await visit('lock-who');
  await phone.button('lock.forgot').click();
  await visit('lock-forgot');
  await phone.button('cancel').click();
  await phone.button('lock.help').click();
  await expect(phone.button('call.911')).toBeVisible();
  await visit('lock-help');
  await phone.button('call.back').click();
}
