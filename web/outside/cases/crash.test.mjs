// The plug is pulled while several write.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refused } from '../client.mjs';
import { Installation } from '../installation.mjs';
import { atRest, outreach, pause, seen } from './common.mjs';

test('[PUSH-1] kill -9 under load with six writers: every acknowledged mutation is there, and everything is there once', async () => {
  const at = await Installation.start('killed');
  const boss = await at.enrol('coordinator', outreach);
  const writers = [];
  for (let i = 0; i < 6; i++) writers.push(await at.enrol('worker', outreach));
  await boss.pull();
  const start = await at.verify();
  const made = new Set();

  for (let round = 0; round < 2; round++) {
    let dead = false;
    let broken = 0;
    const busy = writers.map(async (w) => {
      while (!dead) {
        for (let i = 0; i < 7; i++) made.add(w.create('observations', seen()));
        try {
          await w.push({ patience: 0 });
        } catch (err) {
          if (err instanceof Refused) {
            assert.equal(err.answer.status, 503, err.message);
            continue;
          }
          broken++; // no answer: it may be in or not
          return;
        }
      }
    });
    for (let i = 0; i < 400 && writers.reduce((sum, w) => sum + w.state.kept.length, 0) < 80 * (round + 1); i++) await pause(10);
    await at.stop('SIGKILL');
    dead = true;
    await Promise.all(busy);
    assert.ok(broken > 0, 'nobody was in the middle of a push');
    assert.equal((await at.verify()).ok, true, 'before the next start');
    await at.start();
    for (const d of [...writers, boss]) d.url = at.url;
    assert.equal((await at.verify()).ok, true);

    const acknowledged = writers.flatMap((w) => w.state.kept.map((k) => k.mutation.ops[0].id));
    assert.ok(acknowledged.length > 0);
    await boss.pull();
    assert.equal(boss.state.rewinds, 0);
    const there = new Set(boss.records('observations').map((r) => r.id));
    for (const id of acknowledged) assert.ok(there.has(id), `${id} was acknowledged`);
  }

  for (const w of writers) {
    const acknowledged = structuredClone(w.state.kept);
    await w.push();
    assert.deepEqual(w.state.refused, []);
    const { body } = await w.pushOnce(acknowledged.map((k) => k.mutation));
    assert.deepEqual(body.verdicts.map((v) => [v.n, v.seq, v.replayed]), acknowledged.map((k) => [k.mutation.n, k.seq, true]));
    await atRest(at, w, ['observations']);
  }
  await atRest(at, boss, ['observations', 'triage']);
  assert.deepEqual(boss.records('observations').map((r) => r.id).sort(), [...made].sort());
  assert.equal(boss.records('triage').length, made.size);
  const end = await at.verify();
  assert.equal(end.ok, true);
  assert.equal(end.entries - start.entries, 2 * made.size, 'an entry for each report and one for its triage record');
});
