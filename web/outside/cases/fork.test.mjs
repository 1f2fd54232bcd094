// A copied phone: both go on, nothing is lost and nothing is there twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device, Refused, newKey } from '../client.mjs';
import { newId } from '../wire.mjs';
import { atRest, brief, outreach, pause, place, refusal, seen } from './common.mjs';

test('[PUSH-3] a copied phone goes on on both copies under new names, and everything is there once', async () => {
  const at = await place();
  const one = await at.enrol('worker', outreach);
  const wanted = [one.create('observations', seen()), one.create('observations', seen())];
  await one.sync();
  wanted.push(one.create('observations', seen())); // not sent when the copy is made
  const two = one.copy();
  // Not in the same millisecond: until they part, both stamp by one name.
  wanted.push(one.create('observations', seen()));
  await pause(3);
  wanted.push(two.create('observations', seen()), two.create('observations', seen()));

  await one.push();
  const refused = await two.pushOnce(two.state.outbox);
  refusal(refused, 409, 'device_forked', 'renew');
  const before = await at.verify();
  assert.equal((await two.pushOnce(two.state.outbox)).status, 409);
  assert.equal((await at.verify()).entries, before.entries, 'nothing of the request is applied');

  const named = two.id;
  const verdicts = await two.push();
  assert.notEqual(two.id, named);
  assert.deepEqual(verdicts.map((v) => [v.verdict, v.replayed === true]), [['applied', true], ['applied', false], ['applied', false]]);
  // The first copy takes a new name as well, though nobody made it.
  await one.goOn();
  wanted.push(one.create('observations', seen()), two.create('observations', seen()));
  await one.sync();
  await two.sync();
  await one.sync();
  await atRest(at, one, ['observations']);
  await atRest(at, two, ['observations']);
  assert.deepEqual(one.records('observations').map((r) => r.id).sort(), wanted.sort());
  assert.deepEqual(one.state.view, two.state.view);
  assert.equal((await at.verify()).ok, true);
});

test('[PUSH-2] what both copies hold under other numbers and names is taken once, by stamp, lineage and content', async () => {
  const at = await place();
  const one = await at.enrol('worker', outreach);
  for (let i = 0; i < 3; i++) one.create('observations', seen());
  const two = one.copy();
  const three = one.copy();
  assert.deepEqual(brief(await one.push()), ['1 applied', '2 applied', '3 applied']);
  await two.goOn();
  await three.goOn();
  for (const m of two.state.outbox) m.n += 40;
  for (const m of three.state.outbox) m.n += 7;
  const entries = (await at.verify()).entries;
  for (const copy of [two, three]) {
    const verdicts = await copy.push();
    assert.deepEqual(verdicts.map((v) => [v.verdict, v.replayed]), Array(3).fill(['applied', true]));
    await atRest(at, copy, ['observations']);
  }
  assert.equal((await at.verify()).entries, entries);
});

test('[PUSH-2] a stamp of a stranger is refused, and one stamp for two contents is refused and kept', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const stranger = await at.enrol('worker', outreach);
  const theirs = stranger.save({ op: 'create', collection: 'observations', id: newId(), fields: seen() });
  assert.deepEqual(brief((await phone.pushOnce([theirs])).body.verdicts), ['1 refused invalid']);
  assert.deepEqual(brief(await stranger.push()), ['1 applied'], 'whose it is can still send it');
  const mine = phone.save({ op: 'create', collection: 'observations', id: newId(), fields: seen() });
  const twice = { ...phone.save({ op: 'create', collection: 'observations', id: newId(), fields: seen() }), stamp: mine.stamp };
  const { body } = await phone.pushOnce([{ ...mine, n: 10 }, { ...twice, n: 11 }]);
  assert.deepEqual(brief(body.verdicts), ['10 applied', '11 refused invalid']);
  assert.ok(body.verdicts[1].quarantine);
});

test('[ENROL-1] enrolment repeated gives the same answer; another key or invite under the id is 409', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const again = await at.enrol('worker', outreach); // the same invite, somebody else
  assert.notEqual(again.state.user.id, phone.state.user.id);
  const invite = at.invites.get(`worker|${outreach}||`);
  const id = newId();
  const key = await newKey();
  const a = await Device.enrol(at.url, { invite, id, key });
  const b = await Device.enrol(at.url, { invite, id, key });
  assert.deepEqual(b.state.user, a.state.user);
  await assert.rejects(Device.enrol(at.url, { invite, id }), (err) => err instanceof Refused && refusal(err.answer, 409, 'device_exists', 'never') === undefined);
  const second = await Device.enrol(at.url, { token: a.token });
  assert.deepEqual(second.state.user, a.state.user);
  const { invite: single } = await at.command('invite', 'make', '--json', '--role', 'worker', '--organization', outreach);
  await Device.enrol(at.url, { invite: single });
  await assert.rejects(Device.enrol(at.url, { invite: single }), (err) => err instanceof Refused && refusal(err.answer, 403, 'invite_used', 'never') === undefined);
  await assert.rejects(Device.enrol(at.url, { invite: 'AAAA-BBBB-CCCC' }), (err) => err instanceof Refused && refusal(err.answer, 403, 'invite_invalid', 'never') === undefined);
});
