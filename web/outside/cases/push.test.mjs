// Handing in: verdicts, poison, repetition, what is kept, sizes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device, send } from '../client.mjs';
import { newId, stampText, triageId } from '../wire.mjs';
import { atRest, brief, outreach, place, seen } from './common.mjs';

test('[PUSH-4] poison among twenty holds back only what depends on it', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const good = [];
  for (let i = 1; i <= 20; i++) {
    if (i === 5) phone.create('observations', { event_time: 'yesterday, about tea time', indicators: 'none' }, 'poison000000005');
    else if (i === 9) phone.create('horoscopes', { sign: 'leo' });
    else if (i === 13) phone.create('addenda', { observation: 'poison000000005', text: 'to the fifth' });
    else if (i === 17) phone.update('observations', good[0], { note: 'otherwise' });
    else good.push(phone.create('observations', seen()));
  }
  const verdicts = await phone.push();
  assert.deepEqual(brief(verdicts), Array.from({ length: 20 }, (_, i) => ({
    4: '5 refused invalid', 8: '9 refused unknown_collection', 12: '13 refused depends_on_refused', 16: '17 refused not_allowed',
  })[i] ?? `${i + 1} applied`));
  for (const v of verdicts.filter((v) => v.verdict === 'refused')) {
    assert.ok(v.message, JSON.stringify(v));
    assert.match(v.quarantine, /^[a-z0-9]{15}$/);
    assert.equal(v.seq, undefined);
  }
  await atRest(at, phone, ['observations', 'addenda', 'quarantine']);
  assert.deepEqual(phone.records('observations').map((r) => r.id).sort(), good.sort());
  assert.equal(phone.records('quarantine').length, 4);

  await boss.pull();
  for (const id of good) assert.equal(boss.records('triage').filter((t) => t.id === triageId('observations', id)).length, 1);
});

test('[PUSH-2] the same mutations again get the stored verdicts, in whatever batch, and change nothing', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  for (let i = 0; i < 3; i++) phone.create('observations', seen());
  phone.create('observations', { indicators: [] });
  const sent = structuredClone(phone.state.outbox);
  const first = await phone.push();
  assert.deepEqual(brief(first), ['1 applied', '2 applied', '3 applied', '4 refused invalid']);
  const before = await at.verify();
  for (const again of [sent, sent.slice(1, 3), [sent[3]]]) {
    const { status, body } = await phone.pushOnce(again);
    assert.equal(status, 200);
    assert.deepEqual(body.verdicts, again.map((m) => ({ ...first[m.n - 1], replayed: true })));
  }
  assert.equal((await at.verify()).entries, before.entries);
});

test('[PUSH-2] one push five times at the same moment takes effect once, and a mutation written otherwise is the same', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  for (let i = 0; i < 20; i++) phone.create('observations', seen({ people: 3, point: { lat: 1e-7, lon: 2 }, note: 'half an emoji \ud83d and a nul \u0000' }));
  const sent = structuredClone(phone.state.outbox);
  const before = (await at.verify()).entries;
  const answers = await Promise.all(Array.from({ length: 5 }, () => phone.pushOnce(sent)));
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, 200, 200]);
  assert.equal(answers.flatMap((a) => a.body.verdicts).filter((v) => !v.replayed).length, 20);
  // Other order of keys, other forms of the same numbers.
  const turned = sent.map((m) => Object.fromEntries(Object.entries(m).reverse()));
  const raw = JSON.stringify(phone.envelope({ mutations: turned }), null, 1).replaceAll('"people": 3', '"people": 3.0').replaceAll('1e-7', '0.0000001');
  const again = await phone.request('/api/sync/push', undefined, { raw });
  assert.ok(again.body.verdicts.every((v) => v.replayed), again.text);
  assert.equal((await at.verify()).entries - before, 40, 'an entry for each report and one for its triage record');
  await atRest(at, phone, ['observations']);
});

test('[PUSH-5] gaps in n are allowed, and a later push may go back into one', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const made = [7, 1000, 9007199254740991].map((n) => ({ ...phone.save({ op: 'create', collection: 'observations', id: newId(), fields: seen() }), n }));
  const { body } = await phone.pushOnce(made);
  assert.deepEqual(brief(body.verdicts), ['7 applied', '1000 applied', '9007199254740991 applied']);
  const late = { ...phone.save({ op: 'create', collection: 'observations', id: newId(), fields: seen() }), n: 3 };
  assert.deepEqual(brief((await phone.pushOnce([late])).body.verdicts), ['3 applied']);
});

test('[PUSH-4] what is wrong inside a mutation is its own refusal; what is wrong with the envelope is 400', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const fresh = (n, change = {}) => ({
    n, stamp: stampText(Date.now() + n, 0, phone.id), offset: null, epoch: null, schema: 1,
    ops: [{ op: 'create', collection: 'observations', id: newId(), base: 0, fields: seen() }], ...change,
  });
  const inside = [
    fresh(1, { stamp: 'yesterday' }), fresh(2, { stamp: 7 }), fresh(3, { ops: 'none' }), fresh(4, { ops: [null] }), fresh(5, { schema: 'one' }),
    fresh(6, { ops: [{ op: 'upsert', collection: 'observations', id: newId(), base: 0, fields: {} }] }),
    fresh(7, { ops: [{ op: 'create', collection: 'observations', id: 'Short', base: 0, fields: seen() }] }),
    fresh(8, { stamp: stampText(Date.now(), 0, newId()) }), fresh(9, { offset: 'late' }), fresh(10, { ops: [] }), fresh(11),
  ];
  const { status, body, text } = await phone.pushOnce(inside);
  assert.equal(status, 200, text);
  assert.deepEqual(brief(body.verdicts), [...Array.from({ length: 10 }, (_, i) => `${i + 1} refused invalid`), '11 applied']);

  const before = await at.verify();
  const whole = phone.envelope({ mutations: [fresh(20)] });
  for (const [why, bad] of Object.entries({
    'mutations is no list': { ...whole, mutations: {} },
    'a mutation is no object': { ...whole, mutations: [fresh(20), 7] },
    'a mutation is null': { ...whole, mutations: [null] },
    'n is text': { ...whole, mutations: [fresh('20')] },
    'n is 0': { ...whole, mutations: [fresh(0)] },
    'n is no whole number': { ...whole, mutations: [fresh(20.5)] },
    'n is above 2^53-1': { ...whole, mutations: [fresh(9007199254740992)] },
    'n stands still': { ...whole, mutations: [fresh(20), fresh(20)] },
    'n falls': { ...whole, mutations: [fresh(21), fresh(20)] },
    'device is a number': { ...whole, device: 7 },
    'mark is a number': { ...whole, mark: 7 },
    'now is a number': { ...whole, now: 7 },
    'epoch is a list': { ...whole, epoch: [] },
  })) {
    const answer = await phone.request('/api/sync/push', bad);
    assert.equal(answer.status, 400, `${why}: ${answer.text}`);
    assert.equal(answer.body.code, 'bad_request', why);
    assert.equal(answer.body.retry, 'never', why);
    assert.ok(answer.body.hint, why);
  }
  const strange = await phone.request('/api/sync/push', { ...whole, protocol: 2 });
  assert.equal(strange.body.code, 'unsupported_protocol');
  assert.equal((await at.verify()).entries, before.entries);
});

test('[PUSH-4] a body that is not JSON is 400 with a code, plain or inside gzip', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  for (const path of ['/api/sync/push', '/api/sync/pull', '/api/sync/enroll', '/api/sync/challenge', '/api/sync/renew', '/api/sync/recovery']) {
    for (const raw of ['<html>Welcome to the hotel Wi-Fi</html>', '', '{"protocol":1', '[]', '"text"']) {
      for (const gzip of [false, true]) {
        const answer = await send(at.url, 'POST', path, { token: phone.token, raw, gzip });
        assert.equal(answer.status, 400, `${path} ${raw} ${gzip}: ${answer.text}`);
        assert.equal(answer.body.code, 'bad_request', `${path} ${raw}`);
      }
    }
    const broken = await send(at.url, 'POST', path, { token: phone.token, raw: 'no gzip at all', headers: { 'Content-Encoding': 'gzip' } });
    assert.equal(broken.body?.code, 'bad_request', `${path}: ${broken.text}`);
  }
});

test('[PUSH-9] fields that the server does not know are kept, and the answer says so', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const id = phone.create('observations', seen({ mood_of_the_clerk: 'nervous' }));
  const [verdict] = await phone.push();
  assert.equal(`${verdict.verdict} ${verdict.code}`, 'applied kept_extra');
  assert.ok(verdict.seq > 0);
  await atRest(at, phone, ['observations']);
  assert.equal(phone.records('observations')[0].id, id);
  assert.equal('mood_of_the_clerk' in phone.records('observations')[0], false);
});

test('[PUSH-11] a create whose id exists: the same from the same author is a no-op, other content is refused and kept', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const other = await at.enrol('worker', outreach);
  const fields = seen();
  const id = phone.create('observations', fields);
  const [first] = await phone.push();
  phone.create('observations', fields, id);
  phone.create('observations', seen(), id);
  other.create('observations', fields, id);
  const [same, different] = await phone.push();
  assert.deepEqual(brief([same, different]), ['2 applied', '3 refused invalid']);
  assert.equal(same.seq <= first.seq, true, 'for a no-op the record\'s version');
  assert.deepEqual(brief(await other.push()), ['1 refused invalid']);
  await atRest(at, phone, ['observations']);
  assert.equal(phone.records('observations')[0].note, fields.note);
});

test('[PUSH-7] a mutation that waits for another device\'s record is deferred, and runs when it is there', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const tablet = await Device.enrol(at.url, { token: phone.token }); // the same person's
  assert.equal(tablet.state.user.id, phone.state.user.id);
  const report = phone.create('observations', seen());
  tablet.create('addenda', { observation: report, text: 'from the other one' });
  tablet.create('observations', seen());
  assert.deepEqual(brief(await tablet.push()), ['1 deferred missing_dependency', '2 applied']);
  assert.deepEqual(brief(await tablet.push()), ['1 deferred missing_dependency']);
  await phone.push();
  assert.deepEqual(brief(await tablet.push()), ['1 applied']);
  for (const d of [phone, tablet]) await atRest(at, d, ['observations', 'addenda']);
  assert.deepEqual(phone.state.view, tablet.state.view);
});

test('[PUSH-4] the ops of one mutation are taken all together or not at all', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const [a, b, c, d] = [newId(), newId(), newId(), newId()];
  const report = (id, fields = seen()) => ({ op: 'create', collection: 'observations', id, fields });
  phone.save(report(a), { op: 'create', collection: 'addenda', id: b, fields: { observation: a, text: 'with it' } });
  phone.save(report(c), report(d, { indicators: 7 }));
  const before = (await at.verify()).entries;
  const verdicts = await phone.push();
  assert.deepEqual(brief(verdicts), ['1 applied', '2 refused invalid']);
  await atRest(at, phone, ['observations', 'addenda']);
  assert.deepEqual(phone.records('observations').map((r) => r.id), [a]);
  assert.ok((await at.verify()).entries > before);
  phone.create('observations', seen(), c);
  assert.equal((await phone.push())[0].verdict, 'applied', 'corrected and sent again, under the id that was never taken');
});

test('[PULL-4] the author learns that a coordinator has opened the report, and again after a reset', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const [opened, other] = [phone.create('observations', seen()), phone.create('observations', seen())];
  await phone.sync();
  assert.deepEqual(phone.state.seen, []);
  await boss.pull();
  boss.update('triage', triageId('observations', opened), { opened: new Date().toISOString() });
  assert.equal((await boss.push())[0].verdict, 'applied');
  const pages = await phone.pull();
  assert.deepEqual(pages.flatMap((p) => p.seen), [opened]);
  assert.deepEqual((await phone.pull()).flatMap((p) => p.seen), []);
  phone.state.cursor = null;
  await phone.pull();
  assert.deepEqual(phone.state.seen, [opened]);
  assert.ok(other);
  await boss.pull();
  assert.deepEqual(boss.state.seen, []);
});
