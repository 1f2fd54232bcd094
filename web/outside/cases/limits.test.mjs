// Sizes, refusals of whole requests, gzip.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device, newKey, send } from '../client.mjs';
import { Installation } from '../installation.mjs';
import { newId } from '../wire.mjs';
import { brief, outreach, place, refusal, seen } from './common.mjs';

const hello = async (at) => (await send(at.url, 'GET', '/api/sync/hello')).body;

test('[PUSH-13] a push of 0, limit-1, limit and limit+1 mutations ends well', async () => {
  const at = await Installation.start('limits');
  const { limits } = await hello(at);
  const phone = await at.enrol('worker', outreach);
  assert.deepEqual((await phone.pushOnce([])).body.verdicts, []);
  for (let i = 0; i <= limits.mutations; i++) phone.create('observations', { event_time: '2026-01-11T04:55:00.000Z', indicators: [] });
  const all = structuredClone(phone.state.outbox);
  const entries = (await at.verify()).entries;
  const over = await phone.pushOnce(all);
  refusal(over, 413, 'too_large', 'split');
  assert.deepEqual(over.body.limits, limits);
  assert.equal((await at.verify()).entries, entries, 'nothing of it is done');
  const whole = await phone.pushOnce(all.slice(0, limits.mutations));
  assert.equal(whole.status, 200, whole.text.slice(0, 300));
  assert.ok(whole.body.verdicts.length === limits.mutations && whole.body.verdicts.every((v) => v.verdict === 'applied' && !v.replayed));
  const less = await phone.pushOnce(all.slice(1, limits.mutations));
  assert.ok(less.body.verdicts.length === limits.mutations - 1 && less.body.verdicts.every((v) => v.replayed));
  // A device that knows no limits finds them by splitting.
  phone.batch = Infinity;
  await phone.push();
  assert.equal(phone.state.outbox.length, 0);

  // A pull of more than one page at the largest limit, and one above it.
  for (const limit of [limits.changes - 1, limits.changes, limits.changes + 1]) {
    phone.state.cursor = null;
    const pages = await phone.pull({ limit, digests: true });
    assert.deepEqual(phone.digests(), pages.at(-1).digests);
    assert.equal(phone.records('observations').length, limits.mutations + 1);
    assert.ok(pages.every((p) => p.changes.length <= 2 * limits.changes));
  }
});

test('[PUSH-13] a body of limit-1, limit and limit+1 bytes, plain and inflated', async () => {
  const at = await place();
  const { limits } = await hello(at);
  const phone = await at.enrol('worker', outreach);
  const text = JSON.stringify(phone.envelope({ mutations: [] }));
  for (const [limit, gzip] of [[limits.bytes, false], [limits.inflated, true]]) {
    for (const size of [limit - 1, limit, limit + 1]) {
      const answer = await send(at.url, 'POST', '/api/sync/push', { token: phone.token, raw: text.padEnd(size), gzip });
      if (size <= limit) assert.equal(answer.status, 200, `${size} ${gzip}: ${answer.text}`);
      else {
        refusal(answer, 413, 'too_large', 'split');
        assert.deepEqual(answer.body.limits, limits);
      }
    }
  }
});

test('[PUSH-13] one mutation that is too large is its own refusal, and kept', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  phone.create('observations', seen({ note: 'x'.repeat(1_500_000) }));
  phone.create('observations', seen());
  const verdicts = await phone.push();
  assert.equal(verdicts[0].verdict, 'refused', JSON.stringify(verdicts[0]));
  assert.ok(['invalid', 'too_large'].includes(verdicts[0].code));
  assert.ok(verdicts[0].quarantine);
  assert.equal(brief(verdicts)[1], '2 applied');
});

test('[PUSH-13] gzip both ways', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  phone.gzip = true;
  for (let i = 0; i < 30; i++) phone.create('observations', seen({ note: 'the same words again and again and again' }));
  await phone.push();
  const answer = await phone.pullOnce({}, { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(answer.headers.get('content-encoding'), 'gzip');
  assert.equal(answer.body.changes.filter((c) => c.collection === 'observations').length, 30);
  const plain = await phone.pullOnce({}, { headers: { 'Accept-Encoding': 'identity' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.deepEqual(plain.body.changes, answer.body.changes);
});

test('[PUSH-13] another device\'s id under a token is wrong_device, and nothing of it is done', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const other = await at.enrol('worker', outreach);
  phone.create('observations', seen());
  for (const id of [other.id, newId()]) {
    refusal(await phone.request('/api/sync/push', { ...phone.envelope({ mutations: phone.state.outbox }), device: id }), 403, 'wrong_device', 'never');
    refusal(await phone.pullOnce({ device: id }), 403, 'wrong_device', 'never');
  }
  await other.pull();
  assert.deepEqual(other.records('observations'), []);
});

test('[ENROL-3] without a device token there is no push and no pull: none, nonsense, a superuser\'s', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  await at.asRoot('GET', '/api/collections');
  for (const token of [undefined, 'nonsense', 'a.b.c', `${phone.token.slice(0, -4)}AAAA`]) {
    for (const path of ['push', 'pull']) {
      const body = path === 'push' ? phone.envelope({ mutations: [] }) : { protocol: 1, schema: 1, device: phone.id, mark: null, cursor: null };
      refusal(await send(at.url, 'POST', `/api/sync/${path}`, { token, body }), 401, 'unauthenticated', 'never');
    }
  }
  const root = await send(at.url, 'POST', '/api/sync/pull', { token: at.root, body: { protocol: 1, schema: 1, device: phone.id, mark: null, cursor: null } });
  assert.ok([401, 403].includes(root.status), root.text);
  assert.ok(root.body.code && root.body.hint && root.body.retry === 'never', root.text);
  const bearer = await phone.pullOnce({}, { token: `Bearer ${phone.token}` });
  assert.equal(bearer.status, 200);
  // A device token is not to be refreshed by PocketBase's own way.
  const refreshed = await send(at.url, 'POST', '/api/collections/users/auth-refresh', { token: phone.token });
  assert.ok(refreshed.status >= 400 || refreshed.body.token === phone.token, refreshed.text);
});

test('[DEV-6] renewal: by the device\'s key alone; a challenge serves its own device', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const thief = await at.enrol('worker', outreach);
  const stolen = new Device(at.url, await newKey(), structuredClone(phone.state));
  refusal(await stolen.renewOnce(), 403, 'bad_signature', 'never');
  refusal(await stolen.renewOnce({ id: newId(), key: await newKey() }), 403, 'bad_signature', 'never');
  const unknown = new Device(at.url, thief.key, { ...structuredClone(thief.state), id: newId() });
  refusal(await unknown.renewOnce(), 403, 'bad_signature', 'never');
  refusal(await phone.renewOnce({ id: thief.id, key: await newKey() }), 409, 'device_exists', 'never');
  const old = phone.token;
  await phone.renew();
  assert.equal((await phone.pullOnce()).status, 200);
  phone.state.token = old;
  refusal(await phone.pullOnce(), 401, 'token_expired', 'renew'); // it ended when the next one was used
  const known = await send(at.url, 'POST', '/api/sync/challenge', { body: { device: phone.id } });
  const strange = await send(at.url, 'POST', '/api/sync/challenge', { body: { device: newId() } });
  assert.deepEqual(Object.keys(strange.body).sort(), Object.keys(known.body).sort());
  assert.equal(strange.body.challenge.length, known.body.challenge.length);
});

test('[PUSH-9] a schema that the server does not know: push takes it, pull says what to do', async () => {
  const at = await place();
  const { schema, minSchema } = await hello(at);
  const phone = await at.enrol('worker', outreach);
  for (const known of [minSchema, schema]) {
    const m = { ...phone.save({ op: 'create', collection: 'observations', id: newId(), fields: seen() }), schema: known };
    assert.equal((await phone.pushOnce([m])).body.verdicts[0].verdict, 'applied');
    assert.equal((await phone.pullOnce({ schema: known })).status, 200);
  }
  const never = await phone.pullOnce({ schema: 0 });
  if (never.status === 426) refusal(never, 426, 'upgrade_required', 'never');
  else refusal(never, 400, 'bad_request', 'never');
  // A changed schema is a reset.
  phone.state.cursor = null;
  await phone.pull({ schema: minSchema });
  const [page] = (await phone.pull({ schema }));
  assert.equal(page.reset, minSchema !== schema);
});
