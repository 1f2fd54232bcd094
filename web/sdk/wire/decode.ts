/**
 * Reading requests as a server does: what is wrong with the envelope fails the
 * whole request, what is wrong inside a mutation refuses that one (PUSH-4). A
 * device needs it to know beforehand what a server will say, and to test
 * against.
 */
import { parse, validID, type Stamp } from '../hlc/hlc.ts';
import { sha256, utf8, type Bytes } from './bytes.ts';
import { canonical } from './canonical.ts';
import { elements, isObject, members, opens, OutOfRange, parseJSON, plainObject, skipSpace, skipValue, validJSON, wellFormed, type Value, type ValueObject } from './json.ts';
import { DEFAULT_PAGE, Fault, MAX_DEPTH, MAX_MUTATION_BYTES, MAX_N, MAX_OPS, MAX_WAIT, PROTOCOL, type Limits, type OpKind } from './messages.ts';

/** Why a mutation can't be taken: a refusal code and a sentence. */
export interface Problem {
  code: string;
  message: string;
}

export interface ReceivedOp {
  op: OpKind;
  collection: string;
  id: string;
  base: number;
  fields: ValueObject;
  /** Members that are not understood; null for none. */
  extra: ValueObject | null;
}

/** A mutation as a server decodes it. When `problem` is set the rest may be incomplete, but n, whole and content stand. */
export interface Received {
  n: number;
  stamp?: Stamp;
  offset: number | null;
  epoch: string;
  schema: number;
  ops: ReceivedOp[];
  sealed: string;
  whole: ValueObject;
  /** PUSH-3: SHA-256 of the canonical {stamp, ops}, or of the sealed text. */
  content: Bytes;
  /** Of a sealed one that was opened: content as if it had come open. */
  opened?: Bytes;
  extra?: ValueObject;
  problem?: Problem;
}

export interface Push {
  device: string;
  epoch: string;
  now: number;
  mark: string;
  mutations: Received[];
}

const bad = (message: string): Fault => new Fault('bad_request', message);
const invalid = (message: string): Problem => ({ code: 'invalid', message });

/** Reads the body of a push. Throws a {@link Fault}: bad_request, unsupported_protocol, too_large. */
export function decodePush(body: string, limits: Limits): Push {
  const env = envelope(body, ['protocol', 'device', 'epoch', 'now', 'mark', 'mutations']);
  checkProtocol(env);
  const device = textMember(env, 'device', false);
  const epoch = textMember(env, 'epoch', true);
  const mark = textMember(env, 'mark', true);
  const nowText = textMember(env, 'now', true);
  let now = NaN;
  if (nowText !== '') {
    if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(nowText) || Number.isNaN(now = Date.parse(nowText))) {
      throw bad('`now` is not an RFC 3339 time.');
    }
  }
  const mutations: Received[] = [];
  for (const m of listMember(env, limits)) {
    if (m.n <= (mutations.at(-1)?.n ?? 0)) throw bad('The n of the mutations do not ascend.');
    mutations.push(m);
  }
  return { device, epoch, now, mark, mutations };
}

function listMember(env: Map<string, string>, limits: Limits): Received[] {
  const list = env.get('mutations');
  if (list === undefined || !opens(list, '[')) throw bad('`mutations` is not a list.');
  const found = [...elements(list)];
  if (found.length > limits.mutations) throw new Fault('too_large', 'Too much at once.', limits);
  return found.map(([raw, depth]) => decodeMutation(raw, depth));
}

/** The members of a request that are known; others are for later versions and ignored. */
export function envelope(body: string, known: string[]): Map<string, string> {
  if (!validJSON(body) || !opens(body, '{')) throw bad('The request is not a JSON object.');
  const env = new Map<string, string>();
  for (const [key, raw] of members(body)) if (known.includes(key)) env.set(key, raw);
  return env;
}

function checkProtocol(env: Map<string, string>): void {
  const n = integerMember(env, 'protocol');
  if (n === undefined) throw bad('`protocol` is missing or not a number.');
  if (n !== PROTOCOL) throw new Fault('unsupported_protocol', 'This server speaks protocol 1.');
}

const decoded = (raw: string): unknown => JSON.parse(raw);

export function textMember(env: Map<string, string>, key: string, optional: boolean): string {
  const raw = env.get(key);
  const v = raw === undefined ? null : decoded(raw);
  if (v === null) {
    if (optional) return '';
    throw bad(`\`${key}\` is missing.`);
  }
  if (typeof v !== 'string') throw bad(`\`${key}\` is not a text.`);
  return wellFormed(v);
}

function integerMember(env: Map<string, string>, key: string): number | undefined {
  const raw = env.get(key);
  return raw === undefined ? undefined : integer(decoded(raw));
}

/** A JSON number that is an integer of at most 2^53-1. */
function integer(v: unknown): number | undefined {
  return typeof v === 'number' && Number.isInteger(v) && Math.abs(v) <= MAX_N ? v : undefined;
}

function decodeMutation(raw: string, depth: number): Received {
  if (!opens(raw, '{')) throw bad('`mutations` holds something that is no object.');
  const large = raw.length > MAX_MUTATION_BYTES || utf8(raw).length > MAX_MUTATION_BYTES;
  const { value, inRange } = parseJSON(raw);
  const whole = value as ValueObject;
  const n = integer(whole.n);
  if (n === undefined || n < 1) throw bad('An n is not an integer from 1 to 2^53-1.');
  const r: Received = { n, offset: null, epoch: '', schema: 0, ops: [], sealed: '', whole, content: contentOf(whole) };
  if (typeof whole.sealed === 'string') r.content = sha256(whole.sealed);
  if (large) {
    r.problem = { code: 'too_large', message: 'The mutation is larger than 1 MiB.' };
    return r;
  }
  const problem = read(r);
  if (problem) r.problem = problem;
  else if (!inRange) r.problem = invalid('The mutation holds a number that is out of range.');
  if (depth > MAX_DEPTH) {
    r.ops = [];
    delete r.extra;
    r.problem = invalid('The mutation is nested deeper than 64 levels.');
  }
  return r;
}

function read(r: Received): Problem | undefined {
  const w = r.whole;
  try {
    r.stamp = parse(typeof w.stamp === 'string' ? w.stamp : '');
  } catch {
    return invalid('The stamp is not of the form <13 digits>-<4 hex>-<device>.');
  }
  if (w.offset !== undefined && w.offset !== null) {
    const offset = integer(w.offset);
    if (offset === undefined) return invalid('The offset is not an integer of milliseconds.');
    r.offset = offset;
  }
  if (w.epoch !== undefined && w.epoch !== null) {
    if (typeof w.epoch !== 'string') return invalid('The epoch is not a text.');
    r.epoch = w.epoch;
  }
  const schema = integer(w.schema);
  if (schema === undefined || schema < 1) return invalid('The schema is not a number from 1.');
  r.schema = schema;
  const extra = others(w, ['n', 'stamp', 'offset', 'epoch', 'schema', 'ops', 'sealed']);
  if (extra) r.extra = extra;
  if (w.sealed !== undefined) {
    if (typeof w.sealed !== 'string' || w.sealed === '') return invalid('The sealed part is not a text.');
    r.sealed = w.sealed;
    if (w.ops !== undefined) return invalid('A mutation has ops or a sealed part, not both.');
    return undefined;
  }
  if (!Array.isArray(w.ops)) return invalid('The ops are not a list.');
  return readOps(r, w.ops);
}

function others(from: ValueObject, known: string[]): ValueObject | null {
  let extra: ValueObject | null = null;
  for (const k of Object.keys(from)) {
    if (known.includes(k)) continue;
    extra ??= plainObject<Value>();
    extra[k] = from[k]!;
  }
  return extra;
}

/** Reads the decoded ops of a mutation, those of a sealed one once it is opened. */
export function readOps(r: Received, list: Value[]): Problem | undefined {
  if (list.length === 0) return invalid('The mutation has no ops.');
  if (list.length > MAX_OPS) return { code: 'too_large', message: 'The mutation has more than 100 ops.' };
  for (const v of list) {
    const op = decodeOp(v);
    if ('code' in op) return op;
    r.ops.push(op);
  }
  return undefined;
}

function decodeOp(m: Value): ReceivedOp | Problem {
  if (!isObject(m)) return invalid('An op is no object.');
  const { op, collection, id, base, fields } = m as { [key: string]: Value };
  if (op !== 'create' && op !== 'update' && op !== 'delete') return invalid('An op is not create, update or delete.');
  if (typeof collection !== 'string' || collection === '') return invalid('An op names no collection.');
  if (!validID(id)) return invalid('A record id is not 15 characters a-z0-9.');
  const number = base === undefined ? undefined : integer(base);
  if (base !== undefined && (number === undefined || number < 0)) return invalid('A base is not a number from 0.');
  if (op !== 'create' && base === undefined) return invalid('An update or delete has no base.');
  if (op === 'create' && (number ?? 0) !== 0) return invalid('A create has a base other than 0.');
  if (fields !== undefined && !isObject(fields)) return invalid('The fields of an op are no object.');
  if (op === 'delete' && fields !== undefined && Object.keys(fields).length > 0) return invalid('A delete has fields.');
  if (op === 'update' && fields === undefined) return invalid('An update has no fields.');
  return {
    op, collection, id, base: number ?? 0, fields: (fields as ValueObject | undefined) ?? plainObject<Value>(),
    extra: others(m as ValueObject, ['op', 'collection', 'id', 'base', 'fields']),
  };
}

/** What PUSH-3 compares of an open mutation. Numbers out of range are bound as text where there is no canonical form. */
export function contentOf(whole: ValueObject): Bytes {
  const bound: { [key: string]: Value } = {};
  for (const k of ['stamp', 'ops']) if (whole[k] !== undefined) bound[k] = whole[k]!;
  try {
    return sha256(canonical(bound));
  } catch {
    return sha256(canonical(asText(bound)));
  }
}

function asText(v: Value): Value {
  if (v instanceof OutOfRange) return v.text;
  if (Array.isArray(v)) return v.map(asText);
  if (!isObject(v)) return v;
  const out = plainObject<Value>();
  for (const k of Object.keys(v)) out[k] = asText((v as ValueObject)[k]!);
  return out;
}

/**
 * Puts what a sealed part held in its place, as if the mutation had come open.
 * Members beside the ops go to `extra` (PUSH-9). A text that is none leaves the
 * mutation sealed.
 */
export function unseal(r: Received, text: string): Problem | undefined {
  if (!validJSON(text) || !opens(text, '{')) return invalid('The sealed part holds no JSON object.');
  if (skipValue(text, skipSpace(text, 0)).depth > MAX_DEPTH) return invalid('The sealed part is nested deeper than 64 levels.');
  const { value, inRange } = parseJSON(text);
  const inner = value as ValueObject;
  if (!Array.isArray(inner.ops)) return invalid('The sealed part holds no ops.');
  const extra = others(inner, ['ops']);
  if (extra) r.extra = Object.assign(r.extra ?? plainObject<Value>(), extra);
  const whole = Object.assign(plainObject<Value>(), inner, r.whole); // the envelope's members are not the sealed part's to say
  delete whole.sealed;
  r.whole = whole;
  r.opened = contentOf(whole);
  if (!inRange) return invalid('The mutation holds a number that is out of range.');
  return readOps(r, inner.ops);
}

export interface PullRequest {
  protocol: number;
  schema: number;
  device: string;
  mark: string | null;
  cursor: string | null;
  limit: number;
  wait: number;
  digests: boolean;
}

/** Reads the body of a pull: bad_request or unsupported_protocol. Limit and wait above their maximum are clamped. */
export function decodePull(body: string, limits: Limits): PullRequest {
  const env = envelope(body, ['protocol', 'schema', 'device', 'mark', 'cursor', 'limit', 'wait', 'digests']);
  checkProtocol(env);
  const device = textMember(env, 'device', false);
  const mark = textMember(env, 'mark', true) || null;
  const cursor = textMember(env, 'cursor', true) || null;
  const schema = integerMember(env, 'schema');
  if (schema === undefined || schema < 1) throw bad('`schema` is not a number from 1.');
  const limit = clamped(env, 'limit', limits.changes) || Math.min(DEFAULT_PAGE, limits.changes);
  const wait = clamped(env, 'wait', MAX_WAIT);
  const raw = env.get('digests');
  const digests = raw === undefined ? null : decoded(raw);
  if (digests !== null && typeof digests !== 'boolean') throw bad('`digests` is not true or false.');
  return { protocol: PROTOCOL, schema, device, mark, cursor, limit, wait, digests: digests ?? false };
}

function clamped(env: Map<string, string>, key: string, maximum: number): number {
  const raw = env.get(key);
  const v = raw === undefined ? null : decoded(raw);
  if (v === null) return 0;
  // Infinity is what is left of a number that no double holds: the server's reader refuses it.
  if (typeof v !== 'number' || !Number.isInteger(v) || v < 0) throw bad(`\`${key}\` is not a number from 0.`);
  return Math.min(v, maximum);
}
