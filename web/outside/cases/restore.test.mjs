// History that goes back: an older copy is put into service.
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Device, newKey } from '../client.mjs';
import { Installation } from '../installation.mjs';
import { newId } from '../wire.mjs';
import { answered, atRest, hotel, outreach, owner, seen } from './common.mjs';

const kinds = ['observations', 'submissions', 'addenda', 'sites', 'triage', 'conflicts'];

test('[EPOCH-3] after a restore of an older copy all that devices hold beyond it is back, once, though the server has grown past their cursors', async () => {
  const at = await Installation.start('restored');
  const worker = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const clerk = await at.enrol('staff', owner, hotel);
  const idle = await at.enrol('worker', outreach); // nothing of its own beyond the copy
  const [site] = clerk.state.user.sites;
  const wanted = { observations: [], submissions: [], addenda: [], sites: [] };
  const report = async (device) => {
    if (device !== clerk) return wanted.observations.push(device.create('observations', seen()));
    wanted.submissions.push(clerk.create('submissions', answered(clerk, { site })));
    return clerk.seal(clerk.state.outbox.at(-1)); // as staff keep it
  };
  await clerk.pull();
  for (let i = 0; i < 3; i++) await report(worker);
  await report(idle);
  await report(clerk);
  const depot = boss.create('sites', { name: 'Depot', venue: 'truck_stop', notes: 'v0' });
  wanted.sites.push(site, depot);
  for (const d of [worker, boss, clerk, idle]) await d.sync();
  await boss.pull();
  const file = at.file('older.zip');
  await at.command('backup', file);

  // Beyond the copy.
  for (let i = 0; i < 4; i++) await report(worker);
  wanted.addenda.push(worker.create('addenda', { observation: wanted.observations[0], text: 'one more thing' }));
  await report(clerk);
  boss.update('sites', depot, { notes: 'v1' });
  await boss.sync();
  boss.update('sites', depot, { notes: 'v2', address: '1 Quay' });
  const two = worker.copy(); // and a copied phone among them
  for (const d of [worker, boss, clerk]) await d.sync();
  const invite = at.invites.get(`worker|${outreach}||`);
  const key = await newKey();
  const late = await Device.enrol(at.url, { invite, key }); // the copy does not know it
  await report(late);
  await late.sync();
  await boss.pull();
  const old = { epoch: boss.state.epoch };
  const whole = structuredClone(boss.state.view);

  await at.stop();
  await at.command('restore', file);
  await at.start();
  for (const d of [worker, boss, clerk, idle, late, two]) d.url = at.url;
  assert.equal((await at.verify()).ok, true);

  // Somebody who knows of nothing makes the history longer than it ever was.
  const fresh = await at.enrol('worker', outreach);
  for (let i = 0; i < 60; i++) wanted.observations.push(fresh.create('observations', seen()));
  await fresh.sync();
  assert.notEqual(fresh.state.epoch, old.epoch);
  assert.ok(Math.max(...fresh.state.kept.map((m) => m.seq)) > Math.max(...worker.state.kept.map((m) => m.seq)));

  // One sends first, one pulls first, one has nothing to send.
  await report(worker);
  const first = await worker.pushOnce(worker.state.outbox);
  assert.equal(first.body.rewound, true);
  worker.settle([...worker.state.outbox], first.body);
  await worker.sync();
  assert.ok(worker.state.rewinds >= 1);
  const [page] = await boss.pull();
  assert.equal(page.rewound, true);
  assert.equal(page.reset, true);
  assert.ok(boss.state.outbox.length >= 2, 'the acknowledged go again');
  await boss.sync();
  const [quiet] = await idle.pull();
  assert.equal(quiet.rewound, undefined, 'the copy has the point that it names');
  assert.notEqual(quiet.epoch, old.epoch);
  await idle.sync();
  await clerk.sync();
  await clerk.sync();
  assert.ok(clerk.state.rewinds >= 1);

  // The copied phone has unsent acts that its twin has sent in both histories.
  await two.sync();
  await two.sync();

  // The one that the copy has never seen enrols as before, and goes on.
  assert.equal((await late.pullOnce()).status, 401);
  const again = await Device.enrol(at.url, { invite, id: late.id, key });
  Object.assign(late.state, { token: again.token, user: again.state.user });
  await late.sync();
  await late.sync();

  for (const d of [worker, boss, clerk, idle, late, two]) {
    assert.deepEqual(d.state.outbox, [], d.id);
    assert.deepEqual(d.state.refused, [], JSON.stringify(d.state.refused));
    await atRest(at, d, kinds);
  }
  for (const [collection, all] of Object.entries(wanted)) {
    assert.deepEqual(boss.records(collection).map((r) => r.id).sort(), [...all].sort(), collection);
  }
  assert.equal(boss.records('triage').length, wanted.observations.length + wanted.submissions.length);
  assert.deepEqual(boss.records('conflicts'), []);
  const { notes, address } = boss.state.view[`sites/${depot}`].record;
  assert.deepEqual({ notes, address }, { notes: 'v2', address: '1 Quay' });
  for (const [path, { record }] of Object.entries(whole).filter(([k]) => k.startsWith('addenda/'))) {
    assert.equal(boss.state.view[path].record.text, record.text);
  }

  // Again, all of it: nothing changes.
  const before = await at.verify();
  assert.equal(before.ok, true);
  for (const d of [worker, boss, clerk, late]) {
    const { body } = await d.pushOnce(d.state.kept.map((k) => k.mutation));
    assert.equal(body.rewound, undefined);
    for (const v of body.verdicts) assert.equal(v.replayed, true, `${d.state.user.role} ${JSON.stringify(v)}`);
  }
  assert.equal((await at.verify()).entries, before.entries);
});

test('[EPOCH-2] a restart, in good order or by a power cut, is no new epoch and no rewind', async () => {
  const at = await Installation.start('restarted');
  const worker = await at.enrol('worker', outreach);
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    worker.create('observations', seen());
    await worker.sync();
    const { epoch, cursor } = worker.state;
    await at.stop(signal);
    await at.start();
    worker.url = at.url;
    const [page] = await worker.pull();
    assert.equal(page.epoch, epoch);
    assert.equal(page.rewound, undefined);
    assert.equal(page.reset, false);
    assert.ok(cursor);
  }
  await atRest(at, worker, kinds);
});

test('[EPOCH-3] a cursor that is not the server\'s is refused or answered by a reset, never believed', async () => {
  const at = await Installation.start('forged');
  const other = await Installation.start('stranger');
  const here = await at.enrol('worker', outreach);
  const there = await other.enrol('worker', outreach);
  here.create('observations', seen());
  await here.sync();
  await there.sync();
  for (const cursor of ['', 'AAAA', `${here.state.cursor.slice(0, -2)}AA`, there.state.cursor, newId()]) {
    const answer = await here.pullOnce({ cursor });
    if (answer.status === 200) {
      assert.equal(answer.body.reset, true, cursor);
      assert.equal(answer.body.changes.some((c) => c.collection === 'observations'), true);
    } else {
      assert.equal(answer.body.code, 'bad_request', answer.text);
    }
  }
  const { body } = await here.pushOnce([], {});
  assert.equal(body.rewound, undefined);
});

for (const [what, put] of [
  ['the whole folder', async (at, older) => {
    await rm(at.dir, { recursive: true });
    await cp(older, at.dir, { recursive: true });
  }],
  ['the database file alone', async (at, older) => {
    for (const end of ['-wal', '-shm']) await rm(join(at.dir, `data.db${end}`), { force: true });
    for (const end of ['', '-wal', '-shm']) await cp(join(older, `data.db${end}`), join(at.dir, `data.db${end}`)).catch((err) => { if (err.code !== 'ENOENT') throw err; });
  }],
]) {
  test(`[EPOCH-1] an older copy of ${what} is put back by hand: noticed by the first device that knows better, and all comes back once`, async () => {
    const at = await Installation.start(`snapshot-${what.split(' ')[1]}`);
    const worker = await at.enrol('worker', outreach);
    const boss = await at.enrol('coordinator', outreach);
    const wanted = [worker.create('observations', seen())];
    await worker.sync();
    await boss.sync();
    await at.stop();
    const older = at.file(`older-${what.split(' ')[1]}`);
    await cp(at.dir, older, { recursive: true });
    await at.start();
    for (const d of [worker, boss]) d.url = at.url;
    for (let i = 0; i < 5; i++) wanted.push(worker.create('observations', seen()));
    worker.create('addenda', { observation: wanted[5], text: 'beyond the copy' });
    await worker.sync();
    await boss.sync();

    await at.stop();
    await put(at, older);
    await at.start();
    for (const d of [worker, boss]) d.url = at.url;
    const fresh = await at.enrol('worker', outreach);
    for (let i = 0; i < 20; i++) wanted.push(fresh.create('observations', seen()));
    await fresh.sync();
    const [page] = await boss.pull();
    assert.equal(page.rewound, true);
    assert.equal(page.reset, true);
    wanted.push(worker.create('observations', seen()));
    await worker.sync();
    await worker.sync();
    assert.ok(worker.state.rewinds >= 1);
    assert.deepEqual(worker.state.outbox, []);
    for (const d of [worker, boss, fresh]) await atRest(at, d, kinds);
    assert.deepEqual(boss.records('observations').map((r) => r.id).sort(), wanted.sort());
    assert.deepEqual(boss.records('addenda').map((r) => r.text), ['beyond the copy']);
    assert.equal((await at.verify()).ok, true);
  });
}

test('[EPOCH-3] what a verified backup holds a device need not keep; what came later it keeps', async () => {
  const at = await Installation.start('durable');
  const worker = await at.enrol('worker', outreach);
  worker.create('observations', seen());
  await worker.sync();
  assert.equal(worker.state.durable, 0);
  assert.equal(worker.state.kept.length, 1);
  const file = at.file('durable.zip');
  await at.command('backup', file);
  await at.command('backup', 'verify', file, '--held-elsewhere');
  worker.create('observations', seen());
  await worker.sync();
  // A running server learns of it within a minute; one that starts knows at once.
  await at.stop();
  await at.start();
  worker.url = at.url;
  await worker.sync();
  assert.ok(worker.state.durable > 0);
  worker.create('observations', seen());
  await worker.sync();
  assert.deepEqual(worker.state.kept.map((k) => k.mutation.n), [2, 3]);
  const { durable } = worker.state;
  await at.stop();
  await at.start();
  worker.url = at.url;
  await worker.pull();
  assert.ok(worker.state.durable >= durable, 'never falling within an epoch');
});
