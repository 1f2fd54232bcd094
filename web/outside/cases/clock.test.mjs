// Clocks that are wrong by a year, both ways: nothing is blocked, nothing wins for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atRest, exact, outreach, pause, place, seen } from './common.mjs';

const minute = 60_000;
const hour = 60 * minute;
const year = 365 * 24 * hour;

for (const [name, skew, off] of [
  ['right', 0, 'ok'], ['90 s fast', 90_000, 'ok'], ['5 min slow', -5 * minute, 'minutes'], ['2 h fast', 2 * hour, 'hours'],
  ['a year fast', year, 'days'], ['a year slow', -year, 'days'],
]) {
  for (const answered of [false, true]) {
    test(`[PUSH-12] a report by a clock that is ${name}, ${answered ? 'with the offset of an answer' : 'before any answer'}, is taken and marked ${off}`, async () => {
      const at = await place();
      const phone = await at.enrol('worker', outreach);
      phone.skew = skew;
      if (answered) await phone.pull();
      const event = new Date(phone.now() - 1000).toISOString();
      phone.create('observations', seen({ event_time: event }));
      assert.equal(phone.state.outbox[0].offset === null, !answered);
      const [verdict] = await phone.push();
      assert.equal(verdict.verdict, 'applied', JSON.stringify(verdict));
      await atRest(at, phone, ['observations']);
      const [record] = phone.records('observations');
      assert.equal(record.clock_off, off);
      assert.equal(record.event_time.replace(' ', 'T'), event);
      assert.ok(Math.abs(Date.parse(record.received) - Date.now()) < minute);
    });
  }
}

test('[PUSH-12] a clock a year fast never wins for ever: the next act by a right clock replaces it, in both orders of arrival', async () => {
  const at = await place();
  for (const late of [false, true]) {
    const fast = await at.enrol('coordinator', outreach);
    const right = await at.enrol('coordinator', outreach);
    const id = right.create('sites', { name: 'Clock tower', venue: 'hotel' });
    await right.push();
    await right.pull();
    await fast.pull();
    exact([right]);
    fast.skew = year; // it sees the jump, and forgets the offset
    fast.update('sites', id, { notes: 'from next year' });
    assert.equal(fast.state.outbox[0].offset, null);
    if (late) await pause(400); // the push's own offset is off by as long as it travels
    else await fast.push();
    right.update('sites', id, { notes: 'from today' });
    await right.push();
    await fast.push();
    for (const e of [right, fast]) await e.pull();
    const { notes } = right.state.view[`sites/${id}`].record;
    assert.equal(notes, 'from today');
    assert.equal(fast.state.view[`sites/${id}`].record.notes, notes);
  }
});
