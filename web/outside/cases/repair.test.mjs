// Devices that were signed out, and what coordinators do with what was refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device, Refused, send } from '../client.mjs';
import { newId } from '../wire.mjs';
import { atRest, brief, outreach, partner, place, refusal, seen } from './common.mjs';

const repair = (at, who, id, verb, body) => send(at.url, 'POST', `/api/sync/quarantine/${id}/${verb}`, { token: who.token, body });

test('[PUSH-10] a signed-out device is refused everywhere, hands in by a token for push alone, and a coordinator adopts it', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const stranger = await at.enrol('coordinator', partner);
  const before = phone.create('observations', seen());
  await phone.sync();
  const late = phone.create('observations', seen());
  phone.create('addenda', { observation: late, text: 'more on it' });
  await at.command('devices', 'revoke', phone.id);

  refusal(await phone.pushOnce(phone.state.outbox), 403, 'device_revoked', 'never');
  refusal(await phone.pullOnce(), 403, 'device_revoked', 'never');
  for (const path of ['/api/collections/observations/records', '/api/collections/users/records']) {
    const answer = await send(at.url, 'GET', path, { token: phone.token });
    assert.ok(answer.status === 401 || answer.status === 403 || answer.body?.items?.length === 0, answer.text);
  }
  await phone.renew();
  refusal(await phone.pullOnce(), 403, 'device_revoked', 'never');
  const listed = await send(at.url, 'GET', '/api/collections/observations/records', { token: phone.token });
  assert.ok(listed.status === 401 || listed.status === 403 || listed.body?.items?.length === 0, listed.text);
  const created = await send(at.url, 'POST', '/api/collections/observations/records', { token: phone.token, body: seen() });
  assert.ok(created.status >= 400, created.text);

  // Nor is there a way round it: no second device, no new name, no carrying for others.
  await assert.rejects(Device.enrol(at.url, { token: phone.token }), (err) => err instanceof Refused && refusal(err.answer, 403, 'device_revoked', 'never') === undefined);
  const renamed = phone.copy();
  await renamed.goOn();
  refusal(await renamed.pullOnce(), 403, 'device_revoked', 'never');
  refusal(await send(at.url, 'POST', '/api/sync/recovery', { token: phone.token, body: await boss.recoveryFile() }), 403, 'device_revoked', 'never');

  const sent = structuredClone(phone.state.outbox);
  const verdicts = await phone.push();
  assert.deepEqual(verdicts.map((v) => v.verdict), ['refused', 'refused'], JSON.stringify(verdicts));
  assert.ok(verdicts.every((v) => v.quarantine));
  await boss.pull();
  assert.equal(boss.state.view[`observations/${late}`], undefined);
  const held = boss.records('quarantine').filter((q) => q.record === late);
  assert.equal(held.length, 1);
  assert.equal(JSON.stringify(held).includes(phone.id), false, 'the device only by its pseudonym');

  const id = verdicts[0].quarantine;
  assert.ok([403, 404].includes((await repair(at, stranger, id, 'release')).status));
  assert.ok([403, 404].includes((await repair(at, phone, id, 'release')).status));
  assert.equal((await repair(at, boss, newId(), 'release')).body.code, 'not_found');
  // As its author it may not run: the rules of now know the device as signed out.
  const tried = await repair(at, boss, id, 'release');
  assert.equal(tried.status, 200, tried.text);
  assert.deepEqual([tried.body.state, tried.body.verdict.code], ['held', 'not_allowed']);
  const done = await repair(at, boss, id, 'adopt');
  assert.equal(done.body.state, 'adopted', done.text);
  assert.equal(done.body.verdict.verdict, 'applied', done.text);
  refusal(await repair(at, boss, id, 'adopt'), 409, 'not_held', 'never');
  if (!(done.body.followed ?? []).some((f) => f.id === verdicts[1].quarantine)) {
    const second = await repair(at, boss, verdicts[1].quarantine, 'adopt');
    assert.equal(second.body.verdict.verdict, 'applied', second.text);
  }
  await atRest(at, boss, ['observations', 'addenda', 'quarantine', 'triage']);
  assert.equal(boss.state.view[`observations/${late}`].record.note, sent[0].ops[0].fields.note);
  assert.ok(boss.state.view[`observations/${before}`]);
  assert.deepEqual(boss.records('addenda').filter((a) => a.observation === late).map((a) => a.text), ['more on it']);
  const again = await phone.pushOnce(sent);
  assert.deepEqual(again.body.verdicts, verdicts.map((v) => ({ ...v, replayed: true })));
  assert.equal((await at.verify()).ok, true);
});

test('[PUSH-6] a refused report is repaired and released with what hangs on it; the device\'s verdict stays as it was', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const id = newId();
  phone.create('observations', { event_time: 'yesterday', indicators: [], note: 'kept whole' }, id);
  phone.create('addenda', { observation: id, text: 'hangs on it' });
  const sent = structuredClone(phone.state.outbox);
  const verdicts = await phone.push();
  assert.deepEqual(brief(verdicts), ['1 refused invalid', '2 refused depends_on_refused']);
  await boss.pull();
  const kept = boss.state.view[`quarantine/${verdicts[0].quarantine}`].record;
  assert.match(JSON.stringify(kept.mutation), /kept whole/);
  assert.equal(kept.code, 'invalid');

  const asItIs = await repair(at, boss, kept.id, 'release');
  assert.equal(asItIs.body.state, 'held');
  assert.equal(asItIs.body.verdict.verdict, 'refused');
  const ops = [{ op: 'create', collection: 'observations', id, base: 0, fields: { event_time: '2026-01-10T12:00:00.000Z', indicators: [], note: 'kept whole' } }];
  const done = await repair(at, boss, kept.id, 'release', { ops });
  assert.equal(done.body.state, 'released', done.text);
  assert.deepEqual(done.body.followed.map((f) => [f.id, f.state]), [[verdicts[1].quarantine, 'released']], done.text);
  await atRest(at, phone, ['observations', 'addenda', 'quarantine']);
  assert.deepEqual(phone.records('observations').map((r) => [r.id, r.note]), [[id, 'kept whole']]);
  assert.equal(phone.records('addenda').length, 1);
  const again = await phone.pushOnce(sent);
  assert.deepEqual(again.body.verdicts, verdicts.map((v) => ({ ...v, replayed: true })));
});

test('[PUSH-6] a release lends nobody the coordinator\'s rights; adopting does it in the coordinator\'s own name', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const site = boss.create('sites', { name: 'Warehouse 3', venue: 'other' });
  const [made] = await boss.push();
  assert.equal(made.verdict, 'applied', JSON.stringify(made));
  await phone.pull();
  phone.update('sites', site, { notes: 'the back door is open' });
  const [verdict] = await phone.push();
  assert.equal(verdict.code, 'not_allowed');
  const released = await repair(at, boss, verdict.quarantine, 'release');
  assert.equal(released.status, 200, released.text);
  assert.equal(released.body.state, 'held');
  assert.equal(released.body.verdict.code, 'not_allowed');
  const adopted = await repair(at, boss, verdict.quarantine, 'adopt');
  assert.equal(adopted.body.state, 'adopted', adopted.text);
  await atRest(at, boss, ['sites', 'quarantine']);
  assert.equal(boss.state.view[`sites/${site}`].record.notes, 'the back door is open');
});

test('[PUSH-10] a signed-out device fills 2 MB of quarantine and no more; beyond it the device keeps', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  await at.command('devices', 'revoke', phone.id);
  await phone.renew();
  const push = async () => {
    const m = phone.save({ op: 'create', collection: 'observations', id: newId(), fields: seen({ note: 'x'.repeat(700_000) }) });
    return phone.pushOnce([m]);
  };
  for (let i = 0; i < 2; i++) assert.equal((await push()).status, 200);
  const full = await push();
  refusal(full, 503, 'quarantine_full', 'later');
  assert.ok(Number(full.headers.get('retry-after')) > 0);
  phone.create('observations', seen()); // what is small still fits
  const { status } = await phone.pushOnce(phone.state.outbox.slice(-1));
  assert.equal(status, 200);
});
