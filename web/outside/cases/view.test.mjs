// What each role is shown: pull, list API and digests tell one story.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Installation } from '../installation.mjs';
import { rawParts } from '../wire.mjs';
import { answered, hotel, outreach, owner, partner, seen } from './common.mjs';

let made;
const populated = () => (made ??= populate());

// populate makes an installation with something for each role to see, and not to see.
async function populate() {
  const at = await Installation.start('roles');
  const people = {
    worker: await at.enrol('worker', outreach),
    colleague: await at.enrol('worker', outreach),
    staff: await at.enrol('staff', owner, hotel),
    manager: await at.enrol('manager', owner, hotel),
    coordinator: await at.enrol('coordinator', outreach),
    stranger: await at.enrol('coordinator', partner),
    provider: await at.enrol('provider', partner),
    law_enforcement: await at.enrol('law_enforcement', partner),
    admin: await at.enrol('admin', outreach),
  };
  const [site] = people.staff.state.user.sites;
  for (const d of [people.worker, people.colleague]) {
    const id = d.create('observations', seen({ people: 3, point: { lat: 12.5, lon: -3.25 }, grid: 'u4pru', persons: [{ age: 'unsure', description: [] }] }));
    d.create('observations', seen({ site, manager_involved: true }));
    d.create('addenda', { observation: id, text: 'Ünïcode "quoted" \\ <b> & \u2028 emoji 😀' });
    d.create('observations', { indicators: 'poison' });
    await d.sync();
  }
  await people.staff.pull();
  people.staff.create('submissions', answered(people.staff, { site }));
  await people.staff.sync();
  for (const d of [people.coordinator, people.stranger]) {
    const id = d.create('sites', { name: 'Yard', venue: 'truck_stop', notes: 'n0', point: { lat: 0.1, lon: 1e-7 } });
    await d.sync();
    d.update('sites', id, { notes: 'n1' });
    await d.sync();
  }
  const twin = await at.enrol('coordinator', outreach);
  await twin.pull();
  const yard = people.coordinator.records('sites').find((s) => s.name === 'Yard').id;
  twin.update('sites', yard, { notes: 'theirs' });
  people.coordinator.update('sites', yard, { notes: 'ours' });
  await twin.push();
  await people.coordinator.push();
  return { at, people, collections: (await at.asRoot('GET', '/api/collections?perPage=200')).items.filter((c) => !c.system).map((c) => c.name) };
}

const roles = ['worker', 'colleague', 'staff', 'manager', 'coordinator', 'stranger', 'provider', 'law_enforcement', 'admin'];
const reports = ['observations', 'submissions', 'addenda', 'triage'];

// fields is a record's text without the two members that may be there or not.
function fields(text) {
  const parts = rawParts(text);
  for (const name of ['collectionId', 'collectionName']) parts.delete(name);
  return [...parts].map(([name, value]) => `${name}: ${value}`).join('\n');
}

for (const role of roles) {
  test(`[PULL-1] what ${role} pulls is what the list API shows, byte for byte, and the digests agree`, async () => {
    const { at, people, collections } = await populated();
    const device = people[role].copy();
    device.state.cursor = null;
    device.state.view = {};
    const pages = await device.pull({ limit: 7, digests: true });
    assert.equal(pages[0].reset, true);
    assert.deepEqual(device.digests(), pages.at(-1).digests ?? {});

    const pulled = new Map(); // the newest state of each, as it stood in the answer
    for (const page of pages) {
      for (const change of rawParts(rawParts(page.text).get('changes'))) {
        const parts = rawParts(change);
        pulled.set(`${JSON.parse(parts.get('collection'))}/${JSON.parse(parts.get('id'))}`, parts.get('record'));
      }
    }
    for (const [key, text] of pulled) if (text === 'null') pulled.delete(key);
    const listed = new Map();
    for (const collection of collections) {
      const all = await at.list(collection, device.token);
      for (const text of all?.texts ?? []) {
        for (const item of rawParts(rawParts(text).get('items'))) listed.set(`${collection}/${JSON.parse(item).id}`, item);
      }
    }
    assert.deepEqual([...pulled.keys()].sort(), [...listed.keys()].sort());
    for (const [key, text] of listed) assert.equal(fields(pulled.get(key)), fields(text), key);

    const count = (collection) => device.records(collection).length;
    if (['manager', 'provider', 'law_enforcement', 'admin'].includes(role)) for (const c of reports) assert.equal(count(c), 0, c);
    if (role === 'staff') assert.equal(count('observations') + count('submissions'), 0, 'staff read back from their own vault');
    if (role === 'worker') assert.deepEqual([count('observations'), count('addenda'), count('triage')], [2, 1, 0]);
    if (role === 'coordinator') assert.deepEqual([count('observations'), count('submissions'), count('addenda'), count('triage'), count('conflicts')], [4, 1, 2, 5, 1]);
    if (role === 'stranger') for (const c of reports) assert.equal(count(c), 0, c);
  });
}

// A small generator of its own: the same seed gives the same acts.
function random(seed) {
  let s = seed >>> 0;
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return Math.floor((s / 2 ** 32) * below);
  };
}

test('[PULL-8] digests agree over every role\'s view after random changes, by increments alone', async () => {
  const { at, people } = await populated();
  const pick = random(20260111);
  const writers = [people.worker, people.colleague, people.coordinator, people.stranger];
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 12; i++) {
      const d = writers[pick(writers.length)];
      const sites = d.records('sites');
      const triage = d.records('triage');
      const own = d.records('observations');
      const act = pick(5);
      if (act === 0 || d.state.user.role === 'worker') {
        if (act === 1 && own.length) d.create('addenda', { observation: own[pick(own.length)].id, text: `round ${round}` });
        else d.create('observations', seen());
      } else if (act === 1) d.create('sites', { name: `Site ${round}.${i}`, venue: 'hotel' });
      else if (act === 2 && sites.length > 1) d.save({ op: 'delete', collection: 'sites', id: sites[pick(sites.length)].id });
      else if (act === 3 && triage.length) d.update('triage', triage[pick(triage.length)].id, { note: `seen in ${round}` });
      else if (sites.length) d.update('sites', sites[pick(sites.length)].id, { notes: `round ${round}.${i}` });
      if (pick(3) === 0) await d.push();
    }
    for (const d of writers) await d.push();
    if (round === 2) {
      await at.asRoot('PATCH', `/api/collections/sites/records/${people.staff.state.user.sites[0]}`, { served_by: people.stranger.state.user.organization });
    }
    for (const role of roles) {
      const pages = await people[role].pull({ digests: true, limit: 5 });
      assert.deepEqual(people[role].digests(), pages.at(-1).digests ?? {}, `${role} after round ${round}`);
      assert.equal(pages.slice(0, -1).some((p) => p.digests), false, 'only the last page carries them');
    }
  }
});

test('[PULL-2] pages of a reset hold each record once in its newest state, and a limit above the maximum is clamped', async () => {
  const { people } = await populated();
  const device = people.coordinator;
  device.state.cursor = null;
  const pages = await device.pull({ limit: 1 });
  const ids = pages.flatMap((p) => p.changes.map((c) => `${c.collection}/${c.id}`));
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(pages.length > 5);
  device.state.cursor = null;
  const whole = await device.pull({ limit: 2_000_000_000, wait: 0 });
  assert.deepEqual(whole.flatMap((p) => p.changes.map((c) => `${c.collection}/${c.id}`)).sort(), ids.sort());
});
