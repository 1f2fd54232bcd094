// People who are moved, demoted and let in again while their phones are away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answered, atRest, brief, hotel, outreach, owner, partner, place, seen } from './common.mjs';

const kinds = ['observations', 'submissions', 'addenda', 'sites', 'triage', 'conflicts', 'quarantine'];
const move = (at, device, change) => at.asRoot('PATCH', `/api/collections/users/records/${device.state.user.id}`, change);
const ids = (device, collection) => device.records(collection).map((r) => r.id);

test('[PUSH-8] who was demoted while away has the old right\'s acts refused and kept, and sees what the new role may', async () => {
  const at = await place();
  const person = await at.enrol('coordinator', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const site = boss.create('sites', { name: 'Lay-by 12', venue: 'rest_area' });
  await boss.sync();
  await person.pull();
  person.update('sites', site, { notes: 'by who may no more' });
  const report = person.state.n; // the one that a worker may as well
  const note = person.create('observations', seen());
  assert.equal(report, 1);
  await move(at, person, { role: 'worker' });
  const verdicts = await person.push();
  assert.equal(brief(verdicts)[0], '1 refused not_allowed');
  assert.ok(verdicts[0].quarantine);
  assert.equal(brief(verdicts)[1], '2 applied');
  const [page] = await person.pull();
  assert.equal(page.reset, true);
  await atRest(at, person, kinds);
  assert.deepEqual(ids(person, 'observations'), [note]);
  assert.deepEqual(ids(person, 'triage'), []);
  await boss.pull();
  assert.equal(boss.state.view[`sites/${site}`].record.notes, '');
  assert.equal(boss.records('quarantine').some((q) => q.id === verdicts[0].quarantine), true);
});

test('[PUSH-8] staff whose site changed while away: what was made for the old site is refused, kept, and lost to nobody', async () => {
  const at = await place();
  const clerk = await at.enrol('staff', owner, hotel);
  const boss = await at.enrol('coordinator', outreach);
  const [old] = clerk.state.user.sites;
  await boss.pull();
  const other = await at.asRoot('POST', '/api/collections/sites/records', {
    name: 'Harbour Lodge', venue: 'hotel', owner: clerk.state.user.organization, served_by: boss.state.user.organization,
  });
  await clerk.pull();
  clerk.create('submissions', answered(clerk, { site: old }));
  await move(at, clerk, { sites: [other.id] });
  clerk.create('submissions', answered(clerk, { site: other.id }));
  const verdicts = await clerk.push();
  assert.deepEqual(brief(verdicts), ['1 refused not_allowed', '2 applied'], JSON.stringify(verdicts));
  await atRest(at, clerk, kinds);
  assert.deepEqual(ids(clerk, 'sites'), [other.id]);
  await atRest(at, boss, kinds);
  assert.ok(ids(boss, 'quarantine').includes(verdicts[0].quarantine));
});

test('[PULL-3] a scope that is lost takes its records along, and one that is regained brings them back, however old', async () => {
  const at = await place();
  const worker = await at.enrol('worker', outreach);
  const report = worker.create('observations', seen());
  await worker.push();
  const person = await at.enrol('coordinator', outreach);
  const stranger = await at.enrol('coordinator', partner);
  await stranger.pull();
  await person.pull();
  assert.ok(ids(person, 'observations').includes(report));
  const whole = structuredClone(person.state.view);

  await move(at, person, { organization: stranger.state.user.organization });
  assert.equal((await person.pull())[0].reset, true);
  await atRest(at, person, kinds);
  assert.equal(ids(person, 'observations').includes(report), false);
  assert.deepEqual(ids(person, 'observations').sort(), ids(stranger, 'observations').sort());

  await move(at, person, { organization: worker.state.user.organization });
  assert.equal((await person.pull({ limit: 3 }))[0].reset, true);
  await atRest(at, person, kinds);
  // People and devices were changed by the moves themselves.
  for (const key of Object.keys(whole).filter((k) => !/^(users|devices)\//.test(k))) {
    assert.deepEqual(person.state.view[key], whole[key], key);
  }
});

test('[PULL-4] a reset in small pages sweeps only at its end, and keeps what has changes of its own that wait', async () => {
  const at = await place();
  const person = await at.enrol('coordinator', outreach);
  const site = person.create('sites', { name: 'Pier 4', venue: 'port' });
  await person.sync();
  person.update('sites', site, { notes: 'not yet sent' });
  await move(at, person, { organization: (await at.enrol('coordinator', partner)).state.user.organization });
  const first = await person.pullOnce({ limit: 1 });
  assert.equal(first.body.reset, true);
  person.take(first.body);
  if (first.body.more) assert.ok(person.state.view[`sites/${site}`], 'not before the end');
  await person.pull({ limit: 1 });
  assert.equal(person.state.view[`sites/${site}`], undefined);
  assert.ok(person.state.held[`sites/${site}`], 'what was changed here and not sent is not dropped');
  assert.equal(person.state.outbox.length, 1);
  await atRest(at, person, kinds);
});

test('[PULL-4] a cursor that was given to somebody else is answered by a full view of one\'s own', async () => {
  const at = await place();
  const [one, two] = [await at.enrol('worker', outreach), await at.enrol('worker', outreach)];
  two.create('observations', seen());
  await two.sync();
  await one.pull();
  const own = structuredClone(two.state.view);
  two.state.cursor = one.state.cursor;
  assert.equal((await two.pull())[0].reset, true);
  assert.deepEqual(two.state.view, own);
});
