/** Recovery files: sealed mutations of one device, signed by it, for anybody to carry. */
import { canonical } from './canonical.ts';
import { envelope, textMember } from './decode.ts';
import { elements, members, opens, parseJSON, type ValueObject } from './json.ts';
import { utf8 } from './bytes.ts';
import { Fault, MAX_DEPTH, MAX_MUTATION_BYTES, type Limits, type Mutation } from './messages.ts';

/** A decoded recovery file. `signed` is the text that `signature` is about. */
export interface Recovery {
  device: string;
  mutations: ValueObject[];
  signature: string;
  signed: string;
}

/** What a device signs of a recovery file: the canonical JSON of {device, mutations}. */
export const recoveryText = (device: string, mutations: readonly (Mutation | ValueObject)[]): string => canonical({ device, mutations });

/** A whole recovery file: a text that {@link recoveryText} made, and the signature over it. */
export const recoveryFile = (signed: string, signature: string): string => `${signed.slice(0, -1)},"signature":${canonical(signature)}}`;

const damaged = (message: string): Fault => new Fault('bad_request', message);

/** Reads a recovery file: bad_request, too_large. It fails as a whole. The signature is not looked at. */
export function decodeRecovery(body: string, limits: Limits): Recovery {
  const known = ['device', 'mutations', 'signature'];
  const env = envelope(body, known);
  for (const [key] of members(body)) if (!known.includes(key)) throw damaged('The file holds more than a recovery file does.');
  const device = textMember(env, 'device', false);
  const signature = textMember(env, 'signature', false);
  const list = env.get('mutations');
  if (!opens(list, '[')) throw damaged('`mutations` is not a list.');
  const raws = [...elements(list!)];
  if (raws.length > limits.mutations) throw new Fault('too_large', 'Too much at once.', limits);
  const mutations: ValueObject[] = [];
  let last = 0;
  for (const [raw, depth] of raws) {
    if (!opens(raw, '{') || depth > MAX_DEPTH || utf8(raw).length > MAX_MUTATION_BYTES) {
      throw damaged('The file holds something that is no sealed mutation.');
    }
    const { value, inRange } = parseJSON(raw);
    const m = value as ValueObject;
    if (typeof m.n !== 'number' || !Number.isSafeInteger(m.n) || m.n < 1) throw damaged('An n is not an integer from 1 to 2^53-1.');
    if (typeof m.sealed !== 'string' || m.sealed === '' || m.ops !== undefined) throw damaged('The file holds a mutation that is not sealed.');
    if (m.n <= last) throw damaged('The n of the mutations do not ascend.');
    last = m.n;
    if (!inRange) throw damaged('The file holds a number that is out of range.');
    mutations.push(m);
  }
  return { device, mutations, signature, signed: recoveryText(device, mutations) };
}
