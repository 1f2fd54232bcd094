/** Becoming known to a server (ENROL-1), again where it has forgotten the device (EPOCH-3). */
import { badInput, hasCode, notOurs, SdkError } from './errors.ts';
import { device, putDevice } from './rows.ts';
import { validSealKey } from './seal.ts';
import { line, sealAllRows, sendAgain, tokenAgain, type Session } from './session.ts';
import { checks, cleanURL } from './transport.ts';
import { PROTOCOL, type EnrollAnswer, type Hello, type Invitation, type Person } from './wire/messages.ts';

/** Asks who answers there, before anything is told to it. */
export async function hello(s: Pick<Session, 'transport'>, base: string, signal?: AbortSignal): Promise<Hello> {
  const { answer } = await s.transport.exchange<Hello>({ method: 'GET', base, path: '/api/sync/hello' }, checks.hello, signal);
  if (!answer.protocol.includes(PROTOCOL)) {
    throw new SdkError('refused', 'unsupported_protocol', 'The server speaks another version of the protocol.', {
      hint: 'Update this program. What you saved is kept on this device.',
    });
  }
  return answer;
}

/**
 * Reads an invite as people have it: a link such as https://example.org/#invite=CODE,
 * or a code alone. `address` is '' for a code. Throws `bad_link` for a text that
 * looks like a link and is none of ours.
 */
export function parseInvite(text: string): { address: string; code: string } {
  const trimmed = text.trim();
  if (!trimmed.includes('://')) return { address: '', code: trimmed };
  const bad = badInput('bad_link', 'The link is not an invite.', 'Take the whole link from the card, such as https://example.org/#invite=CODE, or type the code.');
  let u: URL;
  try {
    u = new URL(trimmed);
  } catch {
    throw bad;
  }
  const code = new URLSearchParams(u.hash.slice(1)).get('invite');
  if (!code) throw bad;
  u.hash = '';
  return { address: cleanURL(u.href), code };
}

/** Asks what an invite would give, and uses nothing up. A server that is older than the question answers `not_found`. */
export async function look(s: Pick<Session, 'transport'>, address: string, invite: string, signal?: AbortSignal): Promise<Invitation> {
  const base = cleanURL(address);
  await hello(s, base, signal);
  return (await s.transport.exchange<Invitation>(
    { method: 'POST', base, path: '/api/sync/invite', body: JSON.stringify({ invite }) }, checks.invite, signal)).answer;
}

/** Somebody who is signed in on the web: the token of their session, in the place of an invite. The device is a further one of theirs (ENROL-1). */
export interface SignedIn {
  session: string;
}

export async function enroll(s: Session, address: string, by: string | SignedIn, name: string, platform: string, signal?: AbortSignal): Promise<Person> {
  const base = cleanURL(address);
  const invite = typeof by === 'string' ? by : '';
  if (by === '') throw badInput('no_invite', 'There is no invite.', 'Ask your coordinator for an invite.');
  const st = await s.store.read('read device', device);
  if (st.token && st.url !== base) {
    throw badInput('already_enrolled', 'This device is enrolled with another server.', 'Make a vault of its own for another server.');
  }
  const { limits } = await hello(s, base, signal);
  const ids = line(st);
  const first = ids.at(-1)!; // the id that was enrolled; the others go on for it
  let answer: EnrollAnswer;
  let got: number;
  try {
    const result = await s.transport.exchange<EnrollAnswer>({
      method: 'POST', base, path: '/api/sync/enroll', ...(typeof by === 'string' ? {} : { token: by.session }),
      body: JSON.stringify({ invite, device: { id: first.id, name, platform, key: first.key.public } }),
    }, checks.enroll, signal);
    ({ answer } = result);
    ({ got } = result.timing);
  } catch (err) {
    if (!hasCode(err, 'device_exists')) throw err;
    throw new SdkError('refused', 'device_exists', (err as SdkError).message, {
      status: 409, hint: 'Use the invite that this device was first enrolled with, or enrol with a new vault.', cause: err,
    });
  }
  if (!(await validSealKey(answer.sealKey))) throw notOurs("The answer is not a server's of ours: sealKey is missing.", 200);
  // A server that knew this device would have told of the same person or
  // refused. What one role wrote must not go out as another's (R9), nor to
  // another installation.
  const forgotten = st.token !== '' && st.person?.id !== answer.user.id;
  if (forgotten && (st.person?.role !== answer.user.role || st.sealKey !== answer.sealKey)) {
    throw badInput('another_person', 'The invite is for another person than the one this vault belongs to.',
      'Make a vault of its own: one vault is one person. Everything is kept in this one, and nothing was handed in.');
  }
  const token = ids.length > 1 ? (await tokenAgain(s, base, ids, signal)).token : answer.token;
  await s.store.write('note enrolment', async (tx) => {
    const now = await device(tx);
    const resealed = now.sealKey !== answer.sealKey;
    if (forgotten) await sendAgain(tx, now, s.watch.now().wall); // nor has it anything of what this device handed in
    const { token: _, user, sealKey: __, ...belonging } = answer;
    Object.assign(now, { url: base, name, token, person: user, belonging, sealKey: answer.sealKey, limits, contact: got, problem: null });
    if (resealed) await sealAllRows(tx, now);
    putDevice(tx, now);
  });
  return answer.user;
}
