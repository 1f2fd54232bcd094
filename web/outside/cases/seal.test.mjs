// What a locked vault holds: carried by anybody, read by nobody on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../client.mjs';
import { newId } from '../wire.mjs';
import { atRest, brief, outreach, pause, place, refusal, seen } from './common.mjs';

const deliver = (at, carrier, file, options) => send(at.url, 'POST', '/api/sync/recovery', { token: carrier.token, body: file, ...options });

test('[PUSH-2] sealed mutations are opened by push, and again they get the stored verdict', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const id = phone.create('observations', seen());
  phone.create('addenda', { observation: id, text: 'to it' });
  for (const m of [...phone.state.outbox]) await phone.seal(m);
  const sent = structuredClone(phone.state.outbox);
  assert.equal('ops' in sent[0], false);
  assert.deepEqual(brief(await phone.push()), ['1 applied', '2 applied']);
  const { body } = await phone.pushOnce(sent);
  assert.deepEqual(body.verdicts.map((v) => v.replayed), [true, true]);
  await atRest(at, phone, ['observations', 'addenda']);
  assert.equal(phone.records('observations')[0].id, id);
});

test('[PUSH-4] a sealed mutation that does not open is its own refusal, kept, and holds back nothing', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  for (let i = 0; i < 5; i++) phone.create('observations', seen());
  const [spoilt, moved, cut, both] = [...phone.state.outbox];
  const turned = await phone.seal(spoilt);
  const bytes = Buffer.from(turned.sealed, 'base64url');
  bytes[bytes.length - 1] ^= 1;
  const sealed = await phone.seal(moved);
  const short = await phone.seal(cut);
  const batch = [
    { ...turned, sealed: bytes.toString('base64url') },
    { ...sealed, stamp: both.stamp }, // aad names another stamp
    { ...short, sealed: short.sealed.slice(0, 40) },
    { ...both, sealed: 'not base64url !' },
    phone.state.outbox[4],
  ];
  delete batch[3].ops;
  const { status, body, text } = await phone.pushOnce(batch);
  assert.equal(status, 200, text);
  assert.deepEqual(brief(body.verdicts), ['1 refused invalid', '2 refused invalid', '3 refused invalid', '4 refused invalid', '5 applied']);
  for (const v of body.verdicts.slice(0, 4)) assert.ok(v.quarantine, JSON.stringify(v));
});

test('[PUSH-1] a recovery file is delivered by somebody else\'s device, as its maker\'s push, and tells the carrier nothing', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const carrier = await at.enrol('worker', outreach);
  const secret = seen({ note: 'only for the coordinators' });
  const id = phone.create('observations', secret);
  phone.create('addenda', { observation: id, text: 'and this' });
  phone.create('observations', { indicators: 'none' });
  const file = await phone.recoveryFile();
  assert.equal(JSON.stringify(file).includes(secret.note), false);
  const answer = await deliver(at, carrier, file);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(brief(answer.body.verdicts), ['1 applied', '2 applied', '3 refused invalid']);
  for (const v of answer.body.verdicts) for (const key of Object.keys(v)) assert.ok(['n', 'verdict', 'code', 'replayed'].includes(key), key);
  assert.equal(answer.text.includes(id), false);
  await carrier.pull();
  assert.deepEqual(carrier.records('observations'), []);

  // Twice is harmless, and so is the maker's own push after it.
  const entries = (await at.verify()).entries;
  assert.deepEqual((await deliver(at, carrier, file, { gzip: true })).body.verdicts.map((v) => v.replayed), [true, true, true]);
  assert.deepEqual((await phone.push()).map((v) => [v.verdict, v.replayed]), [['applied', true], ['applied', true], ['refused', true]]);
  assert.equal((await at.verify()).entries, entries);
  await atRest(at, phone, ['observations', 'addenda']);
  const [record] = phone.records('observations');
  assert.equal(record.note, secret.note);
  assert.equal(record.author, phone.state.user.id, 'the maker is the author, not the carrier');
});

test('[PUSH-2] what went up plain and unanswered may go up again sealed in a recovery file, and is there once', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const carrier = await at.enrol('worker', outreach);
  const first = phone.create('observations', seen());
  assert.equal((await phone.pushOnce(phone.state.outbox)).status, 200); // the answer is lost on the way
  const second = phone.create('observations', seen());
  const file = await phone.recoveryFile();
  const answer = await deliver(at, carrier, file);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.body.verdicts.map((v) => v.verdict), ['applied', 'applied']);
  await phone.sync();
  await atRest(at, phone, ['observations']);
  assert.deepEqual(phone.records('observations').map((r) => r.id).sort(), [first, second].sort());
});

test('[PUSH-3] a copied phone with a locked vault goes on under a new name with the text that it has', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const id = phone.create('observations', seen());
  await phone.seal(phone.state.outbox[0]);
  const twin = phone.copy();
  twin.state.outbox = [];
  twin.state.n = 0;
  await pause(3);
  twin.create('observations', seen());
  await twin.push(); // takes the number
  const named = phone.id;
  assert.deepEqual(brief(await phone.push()), ['1 applied']);
  assert.notEqual(phone.id, named);
  await atRest(at, phone, ['observations']);
  assert.ok(phone.state.view[`observations/${id}`]);

  // The carrier of somebody else's sealed text does not have it opened that way.
  const secret = seen({ note: 'for no carrier' });
  const other = await at.enrol('worker', outreach);
  other.create('observations', secret);
  const [stolen] = (await other.recoveryFile()).mutations;
  const carrier = await at.enrol('worker', outreach);
  const [verdict] = (await carrier.pushOnce([stolen])).body.verdicts;
  assert.equal(`${verdict.verdict} ${verdict.code}`, 'refused invalid');
  await carrier.pull();
  const kept = JSON.stringify(carrier.records('quarantine'));
  assert.ok(kept.includes(stolen.sealed) && !kept.includes('for no carrier'), kept);
  assert.deepEqual(brief(await other.push()), ['1 applied']);
});

test('[PUSH-13] a recovery file that is not signed by the device it names is refused whole', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const carrier = await at.enrol('worker', outreach);
  phone.create('observations', seen());
  phone.create('observations', seen());
  const file = await phone.recoveryFile();
  for (const bad of [
    { ...file, mutations: file.mutations.slice(0, 1) },
    { ...file, device: carrier.id },
    { ...file, device: newId() },
    { ...file, signature: (await carrier.recoveryFile()).signature },
  ]) refusal(await deliver(at, carrier, bad), 403, 'bad_signature', 'never');
  assert.equal((await send(at.url, 'POST', '/api/sync/recovery', { body: file })).status, 401);
  await phone.push();
  assert.deepEqual(phone.state.kept.length, 2);
});
