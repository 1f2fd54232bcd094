/**
 * Wiping, when the server orders it (DEV-3), in one picture:
 *
 *     order (in an answer of push, pull or renew)
 *       -> push      all that waits gets its verdict
 *       -> confirm   what has none goes up sealed; the device's signed word
 *       -> gone      if nothing was saved meanwhile: rows, keys and what is
 *                    carried, in one transaction
 *
 * Until the last step the device has everything and may be told to stop. While
 * the server is not reached, nothing of this happens.
 */
import { hasCode, SdkError } from './errors.ts';
import { sign, useKey } from './keys.ts';
import { everyRow } from './outbox.ts';
import { emptyPushReport, push } from './push.ts';
import { recoveryParts, sealedRow } from './recovery.ts';
import { device, type OutboxRow } from './rows.ts';
import { authorized, enrolled, type Session } from './session.ts';
import type { Reading } from './store.ts';
import { checks } from './transport.ts';
import { wipeText } from './wire/messages.ts';

const MOST_ROUNDS = 3; // how often something saved meanwhile makes the device hand in once more

const waits = (message: string, hint: string): SdkError => new SdkError('later', 'wipe_waits', message, { hint });

/**
 * Hands in what is left and wipes the vault. It follows a push. It gives whether
 * the vault is gone; false when the order was withdrawn, or somebody keeps saving.
 */
export async function obey(s: Session, signal?: AbortSignal): Promise<boolean> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    if (!s.order) return false;
    const left = await s.store.read('look for what has no answer', unanswered);
    try {
      await confirm(s, left, signal);
    } catch (err) {
      if (!hasCode(err, 'wipe_withdrawn')) throw err;
      s.order = '';
      return false;
    }
    const told = left.map((r) => r.pos).join();
    if (await s.store.destroy('wipe', async (tx) => (await unanswered(tx)).map((r) => r.pos).join() === told)) return true;
    await push(s, emptyPushReport(), signal);
  }
  return false;
}

/** The mutations that the server has given no verdict that stands: those that wait, and those that this device set aside by itself. */
async function unanswered(tx: Reading): Promise<OutboxRow[]> {
  const open = (r: OutboxRow): boolean => r.body !== null && (r.phase === 'waiting'
    || ((r.phase === 'parked' || r.phase === 'corrected') && (!r.verdict || r.verdict.verdict === 'deferred')));
  return (await everyRow(tx)).filter(open).sort((a, b) => a.n - b.n);
}

/** Gives the server what is left, sealed, and this device's word that there is nothing else. */
async function confirm(s: Session, left: readonly OutboxRow[], signal?: AbortSignal): Promise<void> {
  const st = await s.store.read('read device', device);
  const sealed = await Promise.all(left.map((r) => sealedRow(st, r)));
  if (sealed.includes(null)) {
    throw waits('This device is to be wiped, and holds something that is too large to be handed in.', 'Tell your coordinator. Everything is kept on this device.');
  }
  const parts: (string | undefined)[] = await recoveryParts(st, sealed as OutboxRow[]);
  if (parts.length === 0) parts.push(undefined);
  for (const [i, part] of parts.entries()) {
    const more = i < parts.length - 1;
    // A renewal on the way may bring a newer order: then the signature would be of
    // the one before, and the server says so.
    const now = await enrolled(s);
    const { order } = s;
    const signature = await sign(await useKey(now.key), wipeText(now.id, order, part ? (JSON.parse(part) as { signature: string }).signature : '', more));
    const head = JSON.stringify({ device: now.id, order, ...(more ? { more } : {}), signature });
    const result = await authorized<{ granted: boolean }>(s, { path: '/api/sync/wipe' }, true, checks.wipe,
      () => (part ? `${head.slice(0, -1)},"leftovers":${part}}` : head), signal);
    if ('turn' in result || result.answer.granted === more) {
      throw waits('This device is to be wiped, and has not handed everything in yet.', 'Everything is kept on this device. It goes on by itself.');
    }
  }
}

export const wiped = (): SdkError => new SdkError('wiped', 'wiped', 'This device was wiped, as the coordinator ordered. All that it held was handed in.', {
  hint: 'To use it again, enrol it with a new invite.',
});
