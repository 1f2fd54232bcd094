// Two and three who edit one record.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atRest, brief, exact, outreach, pause, place } from './common.mjs';

const year = 365 * 24 * 3600_000;

// site makes a site and pulls it to all who will edit it.
async function site(at, editors) {
  const id = editors[0].create('sites', { name: 'Gate 7', venue: 'truck_stop', notes: 'as it was' });
  const [verdict] = await editors[0].push();
  assert.equal(verdict.verdict, 'applied', JSON.stringify(verdict));
  for (const e of editors) await e.pull();
  exact(editors);
  return id;
}

const editors = async (at, count) => Promise.all(Array.from({ length: count }, () => at.enrol('coordinator', outreach)));
const shown = (device, id) => {
  const { name, notes, address } = device.state.view[`sites/${id}`].record;
  return { name, notes, address };
};

for (const first of [0, 1]) {
  test(`[MERGE-2] two edit one site without a network; the later act wins whoever comes first (${first === 0 ? 'earlier first' : 'later first'}), the other value is kept`, async () => {
    const at = await place();
    const both = await editors(at, 2);
    const id = await site(at, both);
    both[0].update('sites', id, { notes: 'earlier', name: 'Gate seven' });
    await pause(3);
    both[1].update('sites', id, { notes: 'later', address: '7 Dock Road' });
    const order = first === 0 ? both : [...both].reverse();
    const verdicts = [...await order[0].push(), ...await order[1].push()];
    assert.deepEqual(verdicts.map((v) => v.verdict), ['applied', first === 0 ? 'applied' : 'merged']);
    const [conflict] = verdicts[1].conflicts;
    assert.deepEqual({ ...conflict, conflict: '' }, { op: 0, collection: 'sites', id, field: 'notes', conflict: '' });
    for (const e of both) {
      await atRest(at, e, ['sites', 'conflicts']);
      assert.deepEqual(shown(e, id), { name: 'Gate seven', notes: 'later', address: '7 Dock Road' });
      const kept = e.state.view[`conflicts/${conflict.conflict}`].record;
      assert.equal(kept.record, id);
      assert.equal(kept.field, 'notes');
      assert.match(JSON.stringify(kept.other), /earlier/);
      assert.match(JSON.stringify(kept.kept), /later/);
    }
  });
}

const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

test('[MERGE-3] three edit one field, one of them with a wrong clock: every order of arrival ends alike', async () => {
  const at = await place();
  for (const skew of [-year, year]) {
    const ends = new Set();
    for (const order of orders) {
      const three = await editors(at, 3);
      three[1].skew = skew; // from before its first answer on: the offset puts it right
      const id = await site(at, three);
      for (const [i, e] of three.entries()) {
        e.update('sites', id, { notes: `by ${i}` });
        await pause(3);
      }
      for (const i of order) await three[i].push();
      for (const e of three) await e.pull();
      const notes = new Set(three.map((e) => shown(e, id).notes));
      assert.equal(notes.size, 1);
      ends.add([...notes][0]);
      // The two that lost are there to be read.
      const others = three[0].records('conflicts').filter((c) => c.record === id).map((c) => JSON.stringify(c.other));
      for (const i of [0, 1]) assert.ok(others.some((o) => o.includes(`by ${i}`)), `${order}: ${others}`);
    }
    assert.deepEqual([...ends], ['by 2']);
  }
});

test('[MERGE-2] who has seen a value can replace it, with a clock a year slow', async () => {
  const at = await place();
  const two = await editors(at, 2);
  const id = await site(at, two);
  two[0].update('sites', id, { notes: 'first' });
  await two[0].push();
  two[1].skew = -year;
  await two[1].pull();
  two[1].state.offset = null;
  two[1].update('sites', id, { notes: 'second' });
  assert.deepEqual(brief(await two[1].push()), ['1 applied']);
  await two[0].pull();
  assert.equal(shown(two[0], id).notes, 'second');
  assert.deepEqual(two[0].records('conflicts').filter((c) => c.record === id), []);
});

test('[MERGE-1] what a device sent earlier is never a change by others, though it has not pulled since', async () => {
  const at = await place();
  const [e] = await editors(at, 1);
  const id = await site(at, [e]);
  for (let i = 0; i < 5; i++) e.update('sites', id, { notes: `draft ${i}` });
  assert.deepEqual((await e.push()).map((v) => v.verdict), Array(5).fill('applied'));
  await e.pull();
  assert.equal(shown(e, id).notes, 'draft 4');
});

test('[MERGE-5] an edit that did not know of the deletion is refused gone, kept, and undoes nothing', async () => {
  const at = await place();
  const two = await editors(at, 2);
  const id = await site(at, two);
  two[0].save({ op: 'delete', collection: 'sites', id });
  two[1].update('sites', id, { notes: 'too late' });
  assert.deepEqual(brief(await two[0].push()), ['2 applied']);
  const [late] = await two[1].push();
  assert.equal(`${late.verdict} ${late.code}`, 'refused gone');
  assert.ok(late.quarantine);
  for (const e of two) {
    await atRest(at, e, ['sites']);
    assert.equal(e.state.view[`sites/${id}`], undefined);
  }
  two[1].create('sites', { name: 'Back again', venue: 'hotel' }, id);
  assert.equal((await two[1].push())[0].verdict, 'refused', 'deleted ids never live again');
});

test('[MERGE-4] of two who claim one report the first has it, and the second is told nothing of who', async () => {
  const at = await place();
  const worker = await at.enrol('worker', outreach);
  const two = await editors(at, 2);
  worker.create('observations', { event_time: '2026-01-11T04:55:00.000Z', indicators: [] });
  await worker.push();
  for (const e of two) await e.pull();
  const triage = two[0].records('triage').find((t) => t.observation === worker.state.kept[0].mutation.ops[0].id);
  for (const e of two) e.update('triage', triage.id, { claimed_by: e.state.user.id });
  assert.deepEqual(brief(await two[0].push()), ['1 applied']);
  const [second] = await two[1].push();
  assert.equal(`${second.verdict} ${second.code}`, 'refused taken');
  assert.equal(JSON.stringify(second).includes(two[0].state.user.id), false);
  assert.equal(second.quarantine, undefined, 'all but taken are kept');
  two[1].update('triage', triage.id, { organization: 'aaaaaaaaaaaaaaa' });
  const [server] = await two[1].push();
  assert.equal(`${server.verdict} ${server.code}`, 'refused not_allowed');
});
