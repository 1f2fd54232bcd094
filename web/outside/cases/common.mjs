// What most cases need: the shared installation, things to report, people.
import assert from 'node:assert/strict';
import { Installation } from '../installation.mjs';

let shared;

/** The installation that cases share which leave it standing. */
export const place = () => (shared ??= Installation.start('shared'));

export const outreach = 'Northside Outreach';
export const partner = 'Harbour Watch';
export const hotel = { site: 'Seaview Inn', servedBy: outreach };
export const owner = 'Seaview Hotels';

let notes = 0;

/** An observation with the least that is valid, and a note that no other has. */
export const seen = (more = {}) => ({
  event_time: '2026-01-11T04:55:00.000Z', indicators: [{ indicator: 'core.01', basis: 'saw' }], note: `note ${++notes}`, ...more,
});

/** A submission to the first checklist that the device has pulled. */
export function answered(device, more = {}) {
  const [list] = byId(device.records('checklists'));
  assert.ok(list, 'no checklist was pulled');
  return {
    checklist: list.id, version: list.version, event_time: '2026-01-11T04:55:00.000Z', answers: { [list.items[0].id]: 'yes', [list.items[1].id]: 'unsure' }, ...more,
  };
}

export const brief = (verdicts) => verdicts.map(({ n, verdict, code }) => (code ? `${n} ${verdict} ${code}` : `${n} ${verdict}`));

/** A refusal of a whole request: permanent code, hint for a person, retry for a program. */
export function refusal(answer, status, code, retry) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body?.code, code, answer.text);
  assert.equal(answer.body.retry, retry, answer.text);
  assert.equal(answer.body.status, status);
  assert.equal(typeof answer.body.message, 'string');
  assert.equal(typeof answer.body.data, 'object');
  assert.ok(answer.body.hint.length > 3, answer.text);
}

/** The device's confirmed view is what the server counts, and what the list API shows, byte for byte. */
export async function atRest(place, device, collections) {
  const pages = await device.pull({ digests: true });
  assert.deepEqual(device.digests(), pages.at(-1).digests ?? {});
  for (const collection of collections) {
    const listed = (await place.list(collection, device.token))?.items ?? [];
    assert.deepEqual(byId(device.records(collection)), byId(listed), collection);
  }
}

/** Sleeps. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Offsets as measured on an idle network: on a busy machine they are off by as long as an answer takes, and acts of one moment change places. */
export const exact = (devices) => { for (const d of devices) d.state.offset = -d.skew; };

export const byId = (records) => [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
