// The stock PocketBase JS SDK, unchanged, against a running Fieldpost. People's
// own scripts use it; what they write must reach every device all the same.
import './needs-node.mjs';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventSource } from 'eventsource';
import PocketBase, { ClientResponseError } from 'pocketbase';
import { enroll, pullAll } from './device.mjs';
import { startInstallation } from './installation.mjs';

// Node 20 has no EventSource of its own; the SDK looks for a global one.
globalThis.EventSource = EventSource;

const seen = { event_time: '2026-01-11 04:55:00.000Z', indicators: [{ indicator: 'core.01', basis: 'saw' }] };
let place; // the installation
let root; // the SDK as superuser
let worker; // the SDK with a worker's device token
let person; // that worker, as enrolling told

before(async () => {
  place = await startInstallation();
  root = new PocketBase(place.adminUrl);
  await root.collection('_superusers').authWithPassword(place.superuser.email, place.superuser.password);
  // People come in by their device: the stock ways for people are closed (SIGNIN).
  const { token, user } = await enroll(place.url, { invite: place.invites.worker });
  worker = new PocketBase(place.url);
  worker.autoCancellation(false);
  worker.authStore.save(token, null);
  person = user;
});

after(async () => {
  if (place) await place.close();
});

// secondDevice enrols a phone of the same person, who is signed in by the first one.
const secondDevice = () => enroll(place.url, { token: worker.authStore.token });

const created = (record) => (change) => change.collection === 'observations' && change.id === record.id;

async function refusal(act) {
  try {
    await act();
  } catch (err) {
    if (err instanceof ClientResponseError) return err;
    throw err;
  }
  return assert.fail('it was accepted');
}

test('[JOURNAL-1] a worker signs in, lists and creates an observation through the stock SDK, and it is journalled', async () => {
  const before = await place.verify();
  const listed = await worker.collection('observations').getFullList();
  const made = await worker.collection('observations').create({ ...seen, note: 'silver van, cab to cab' });
  assert.equal(made.author, person.id);
  assert.equal(made.organization, person.organization);
  assert.equal(made.clock_off, 'ok');
  assert.ok(made.received);

  const now = await worker.collection('observations').getFullList();
  assert.equal(now.length, listed.length + 1);
  const after = await place.verify();
  assert.equal(after.ok, true);
  // The observation and the triage record that the server makes for it.
  assert.equal(after.entries, before.entries + 2);
});

test('[JOURNAL-1] [PULL-1] a second device pulls what the stock SDK created, exactly as the list API shows it', async () => {
  const phone = await secondDevice();
  assert.equal(phone.user.id, person.id);
  const { cursor } = await pullAll(place.url, phone);
  const made = await worker.collection('observations').create({ ...seen, note: 'two of them, no luggage' });

  const { changes } = await pullAll(place.url, phone, cursor);
  const found = changes.filter(created(made));
  assert.equal(found.length, 1);
  assert.ok(found[0].seq > 0);
  const [listed] = (await worker.collection('observations').getFullList()).filter((r) => r.id === made.id);
  assert.deepEqual(found[0].record, listed);
});

test('[DOOR] a device sends by push: a batch of the stock SDK is refused and leaves nothing', async () => {
  const phone = await secondDevice();
  const { cursor } = await pullAll(place.url, phone);
  const before = await place.verify();
  const batch = worker.createBatch();
  batch.collection('observations').create({ ...seen, note: 'first of the batch' });
  batch.collection('observations').create({ ...seen, note: 'second of the batch' });
  assert.equal((await refusal(() => batch.send())).status, 403);
  const after = await place.verify();
  assert.equal(after.entries, before.entries);
  assert.equal(after.ok, true);

  const { changes } = await pullAll(place.url, phone, cursor);
  assert.deepEqual(changes.filter((c) => c.collection === 'observations'), []);
});

// Even with the very value that the server would have set.
for (const [field, value] of Object.entries({
  author: () => person.id,
  organization: () => person.organization,
  received: () => '2026-01-11 05:10:00.000Z',
  clock_off: () => 'ok',
})) {
  test(`[MERGE-4] a create through the stock SDK that sets the server's field ${field} is refused`, async () => {
    const before = await place.verify();
    const err = await refusal(() => worker.collection('observations').create({ ...seen, [field]: value() }));
    assert.ok(err.status === 400 || err.status === 403, `status ${err.status}`);
    assert.equal((await place.verify()).entries, before.entries);
  });
}

test('[PUSH-8] a report cannot be changed or deleted through the stock SDK, nor seen by another worker', async () => {
  const made = await worker.collection('observations').create({ ...seen, note: 'as it was' });
  assert.ok((await refusal(() => worker.collection('observations').update(made.id, { note: 'otherwise' }))).status >= 400);
  assert.ok((await refusal(() => worker.collection('observations').delete(made.id))).status >= 400);
  assert.equal((await worker.collection('observations').getOne(made.id)).note, 'as it was');

  const stranger = await enroll(place.url, { invite: place.invites.worker });
  const other = new PocketBase(place.url);
  other.authStore.save(stranger.token, null);
  assert.deepEqual(await other.collection('observations').getFullList(), []);
  assert.equal((await refusal(() => other.collection('observations').getOne(made.id))).status, 404);
});

test('[LIVE-2] a subscription of the stock SDK to a whole collection is refused', async () => {
  const watcher = new PocketBase(place.url);
  watcher.authStore.save(worker.authStore.token, worker.authStore.record);
  try {
    const err = await refusal(() => watcher.collection('observations').subscribe('*', () => {}));
    assert.equal(err.status, 403);
    assert.equal(err.response.code, 'not_allowed');
    assert.equal(err.response.retry, 'never');
    assert.ok(err.response.hint);
  } finally {
    await watcher.realtime.unsubscribe();
  }
});

test('[LIVE-1] a subscription of the stock SDK to the topic sync is poked, without content, and the change is there to pull', async () => {
  const watcher = new PocketBase(place.url);
  watcher.authStore.save(worker.authStore.token, worker.authStore.record);
  const phone = await secondDevice();
  const { cursor } = await pullAll(place.url, phone);
  let late;
  try {
    let poked;
    const poke = new Promise((resolve, reject) => {
      poked = resolve;
      late = setTimeout(() => reject(new Error('no poke within 5 s')), 5000);
    });
    await watcher.realtime.subscribe('sync', poked);
    const made = await worker.collection('observations').create({ ...seen, note: 'poke' });
    assert.deepEqual(await poke, {});
    const { changes } = await pullAll(place.url, phone, cursor);
    assert.equal(changes.filter(created(made)).length, 1);
  } finally {
    clearTimeout(late);
    await watcher.realtime.unsubscribe();
  }
});

test('[ENROL-3] a device token lists and creates through the stock SDK, and nobody comes in by a password alone', async () => {
  const phone = await secondDevice();
  const sdk = new PocketBase(place.url);
  sdk.authStore.save(phone.token, null);
  const made = await sdk.collection('observations').create({ ...seen, note: 'by the device token' });
  assert.equal(made.author, person.id);
  assert.ok((await sdk.collection('observations').getFullList()).some((r) => r.id === made.id));
  // Only the device's key prolongs a device token: the stock refresh hands the same one back.
  await sdk.collection('users').authRefresh();
  assert.equal(sdk.authStore.token, phone.token);

  const refused = await refusal(() => new PocketBase(place.url).collection('users').authWithPassword('rosa-stock@example.org', 'made-up-for-a-test-1'));
  assert.equal(refused.status, 403);
});
