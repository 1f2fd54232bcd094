// The smallest device that can enrol and pull: plain requests, nothing stored.
import { webcrypto } from 'node:crypto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

function newId() {
  return Array.from(webcrypto.getRandomValues(new Uint8Array(15)), (b) => alphabet[b % alphabet.length]).join('');
}

async function post(url, path, token, body) {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: token } : {}) },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

/**
 * Enrols a new device, with an invite or as a further device of the person
 * whose token is given.
 *
 * @returns {Promise<{id: string, token: string, user: {id: string, role: string, organization: string}}>}
 */
export async function enroll(url, { invite, token }) {
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', pair.publicKey);
  const id = newId();
  const { status, body } = await post(url, '/api/sync/enroll', token, {
    ...(invite ? { invite } : {}),
    device: { id, name: 'second phone', platform: 'test', key: { kty, crv, x, y } },
  });
  if (status !== 200) throw new Error(`enroll: ${status} ${JSON.stringify(body)}`);
  return { id, token: body.token, user: body.user };
}

/** One pull request as it is, its refusals included. */
export function pullOnce(url, token, device, cursor = null) {
  return post(url, '/api/sync/pull', token, {
    protocol: 1, schema: 1, device, mark: null, cursor, limit: 500, wait: 0, digests: false,
  });
}

/** One push request as it is, its refusals included. */
export function pushOnce(url, token, device, mutations = []) {
  return post(url, '/api/sync/push', token, {
    protocol: 1, device, epoch: null, now: new Date().toISOString(), mark: null, mutations,
  });
}

/** Pulls from cursor until nothing more is there. */
export async function pullAll(url, device, cursor = null) {
  const changes = [];
  for (let page = 0; page < 100; page++) {
    const { status, body } = await pullOnce(url, device.token, device.id, cursor);
    if (status !== 200) throw new Error(`pull: ${status} ${JSON.stringify(body)}`);
    changes.push(...body.changes);
    cursor = body.cursor;
    if (!body.more) return { changes, cursor };
  }
  throw new Error('pull: no end after 100 pages');
}
