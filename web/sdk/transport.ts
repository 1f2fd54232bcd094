/** One exchange with the server, and whether what came back is its answer (DEV-7). */
import { aborted, badInput, notOurs, offline, SdkError, type ErrorDetails } from './errors.ts';
import type { Watch } from './clock.ts';
import { validID } from './hlc/hlc.ts';
import { utf8, type Bytes } from './wire/bytes.ts';
import { isObject } from './wire/json.ts';
import type { EnrollAnswer, ErrorBody, Hello, Limits, PullAnswer, PushAnswer, RecoveryAnswer } from './wire/messages.ts';

/** Bounds an answer's size: a stranger's endless page must not fill the memory. */
const MAX_ANSWER = 64 << 20;
const ZIP_FROM = 512;

export interface Request {
  method: 'GET' | 'POST';
  base: string;
  path: string;
  token?: string;
  body?: string;
  /** How long the server may hold it, ms. */
  wait?: number;
  /** How long the rest may take, ms. */
  within?: number;
}

/** When, by the device's clock, a request left and its answer was read. */
export interface Timing {
  sent: number;
  got: number;
  /** The server may have held the request. */
  held: boolean;
}

/** Server minus device in ms. The server read its clock somewhere between sending and receiving; of a held request it is known to be late. */
export function offsetOf(t: Timing, server: number): number {
  const at = t.held ? t.got : t.sent + (t.got - t.sent) / 2;
  return Math.round(server - at);
}

/** Says what is missing of an answer; '' for nothing. */
export type Check = (a: Record<string, unknown>) => string;

export class Transport {
  constructor(private readonly fetcher: typeof fetch, private readonly watch: Watch, private readonly timeout: number) {}

  /**
   * Sends a request and gives the answer. Fails with an SdkError: `aborted` for
   * the caller's own signal, `offline` when no answer came, `not_ours` when it
   * was not the server's, otherwise what the error body says.
   */
  async exchange<T>(r: Request, check: Check, signal?: AbortSignal): Promise<{ answer: T; timing: Timing }> {
    if (signal?.aborted) throw aborted();
    const within = new AbortController();
    const timer = setTimeout(() => within.abort(new DOMException('the time for the request is over', 'TimeoutError')),
      (r.within ?? this.timeout) + (r.wait ?? 0));
    const onAbort = (): void => within.abort(signal!.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timing: Timing = { sent: 0, got: 0, held: (r.wait ?? 0) > 0 };
    const failed = (err: unknown, more: ErrorDetails): SdkError => {
      if (err instanceof SdkError) return err;
      if (signal?.aborted) return aborted();
      return offline(err, { ...more, slow: within.signal.aborted });
    };
    try {
      const { body, zipped } = await pack(r.body);
      timing.sent = this.watch.now().wall;
      let res: Response;
      try {
        res = await this.fetcher(r.base + r.path, {
          method: r.method, headers: headersOf(r, zipped), signal: within.signal, redirect: 'manual', credentials: 'omit',
          cache: 'no-store', referrerPolicy: 'no-referrer', ...(body === undefined ? {} : { body }),
        });
      } catch (err) {
        throw failed(err, {});
      }
      let text: string;
      try {
        text = await readBody(res);
      } catch (err) {
        throw failed(err, { begun: true });
      }
      timing.got = this.watch.now().wall;
      return { answer: decodeAnswer(res, text, check) as T, timing };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

function headersOf(r: Request, zipped: boolean): Record<string, string> {
  return {
    Accept: 'application/json',
    ...(r.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(zipped ? { 'Content-Encoding': 'gzip' } : {}),
    ...(r.token ? { Authorization: r.token } : {}),
  };
}

async function pack(body: string | undefined): Promise<{ body?: Bytes | string; zipped: boolean }> {
  if (body === undefined) return { zipped: false };
  if (body.length <= ZIP_FROM || typeof CompressionStream === 'undefined') return { body, zipped: false };
  const stream = new Blob([utf8(body)]).stream().pipeThrough(new CompressionStream('gzip'));
  return { body: new Uint8Array(await new Response(stream).arrayBuffer()), zipped: true };
}

async function readBody(res: Response): Promise<string> {
  if (!res.body) return '';
  const reader = res.body.getReader();
  const decoder = new TextDecoder();
  let size = 0;
  let out = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return out + decoder.decode();
    size += value.length;
    if (size > MAX_ANSWER) {
      void reader.cancel();
      throw notOurs('The answer has no end.', res.status);
    }
    out += decoder.decode(value, { stream: true });
  }
}

function decodeAnswer(res: Response, text: string, check: Check): unknown {
  if (res.type === 'opaqueredirect' || (res.status >= 300 && res.status < 400)) throw notOurs('The address answers with a redirect.', res.status);
  const kind = (res.headers.get('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase();
  if (kind !== 'application/json') throw notOurs('Something else than the server answered.', res.status);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (err) {
    throw notOurs('The answer cannot be read.', res.status, err);
  }
  if (res.status !== 200) throw decodeFault(res, body);
  if (!isObject(body)) throw notOurs('The answer cannot be read.', res.status);
  const missing = check(body);
  if (missing) throw notOurs(`The answer is not a server's of ours: ${missing} is missing.`, res.status);
  return body;
}

/**
 * Reads an error body. One in PocketBase's shape but without a code is not ours
 * either, but push may have to look who is at fault.
 */
function decodeFault(res: Response, raw: unknown): SdkError {
  const stranger = notOurs('Something else than the server answered.', res.status);
  if (!isObject(raw) || raw.status !== res.status) return stranger;
  const b = raw as Partial<ErrorBody> & { data?: unknown };
  let { code, retry } = b;
  if (typeof code !== 'string' || code === '') {
    if (!('data' in raw)) return stranger;
    if (res.status === 429) [code, retry] = ['slow_down', 'later'];
    else if (res.status === 413) [code, retry] = ['too_large', 'split'];
    else return new SdkError('not_ours', 'no_code', 'The server does not have what this device needs.', { status: res.status });
  }
  const later = retry === 'later' || res.status >= 500;
  return new SdkError(later ? 'later' : 'refused', code, typeof b.message === 'string' ? b.message : '', {
    status: res.status,
    ...(typeof b.hint === 'string' && b.hint ? { hint: b.hint } : {}),
    ...(later ? { retryAfter: retryAfter(res) } : {}),
    ...(goodLimits(b.limits) ? { limits: b.limits } : {}),
  });
}

/** Reads the header in its form of seconds, at most an hour, as ms. */
function retryAfter(res: Response): number {
  const text = (res.headers.get('Retry-After') ?? '').trim();
  return /^[0-9]{1,9}$/.test(text) ? Math.min(Number(text), 3600) * 1000 : 0;
}

/** Brings a server's address into the one form that is stored. '' is the origin that the page came from. */
export function cleanURL(text: string): string {
  if (text === '') return '';
  let u: URL;
  try {
    u = new URL(text.trim());
  } catch {
    u = new URL('about:blank');
  }
  if ((u.protocol !== 'http:' && u.protocol !== 'https:') || u.host === '' || u.username || u.password || u.search || u.hash) {
    throw badInput('bad_url', "The server's address cannot be used.", 'Give an address such as https://example.org or http://127.0.0.1:8090.');
  }
  return u.href.replace(/\/+$/, '');
}

const isText = (v: unknown): v is string => typeof v === 'string' && v !== '';
const isTime = (v: unknown): boolean => isText(v) && !Number.isNaN(Date.parse(v));
const isCount = (v: unknown): v is number => typeof v === 'number' && v >= 1;

const goodLimits = (l: unknown): l is Limits => isObject(l) && isCount(l.mutations) && isCount(l.bytes) && isCount(l.inflated) && isCount(l.changes);

function placeMissing(a: Record<string, unknown>): string {
  if (!isText(a.epoch)) return 'epoch';
  if (!isTime(a.now)) return 'now';
  if (!isText(a.mark)) return 'mark';
  if (typeof a.durableSeq !== 'number') return 'durableSeq';
  return '';
}

export const checks = {
  hello: (a: Record<string, unknown>): string => {
    const h = a as unknown as Hello;
    if (!Array.isArray(h.protocol) || h.protocol.length === 0) return 'protocol';
    if (typeof h.epoch !== 'string') return 'epoch';
    if (!isTime(h.now)) return 'now';
    return goodLimits(h.limits) ? '' : 'limits';
  },
  enroll: (a: Record<string, unknown>): string => {
    const e = a as unknown as EnrollAnswer;
    if (!isText(e.token)) return 'token';
    return isObject(e.user) && isText(e.user.id) ? '' : 'user';
  },
  challenge: (a: Record<string, unknown>): string => (isText(a.challenge) ? '' : 'challenge'),
  renew: (a: Record<string, unknown>): string => (isText(a.token) ? '' : 'token'),
  push: (a: Record<string, unknown>): string => (Array.isArray((a as unknown as PushAnswer).verdicts) ? placeMissing(a) : 'verdicts'),
  pull: (a: Record<string, unknown>): string => {
    const p = a as unknown as PullAnswer;
    if (typeof p.reset !== 'boolean') return 'reset';
    if (typeof p.more !== 'boolean') return 'more';
    if (!isText(p.cursor)) return 'cursor';
    if (!Array.isArray(p.changes)) return 'changes';
    for (const c of p.changes) {
      if (!isObject(c) || !isText(c.collection) || !validID(c.id)) return "a record's name";
      if (c.record === undefined) return 'a record';
      if (c.record !== null && !isObject(c.record)) return 'a record';
    }
    return placeMissing(a);
  },
  invite: (a: Record<string, unknown>): string => {
    if (!isText(a.role)) return 'role';
    return isObject(a.organization) && isText(a.organization.id) ? '' : 'organization';
  },
  wipe: (a: Record<string, unknown>): string => {
    if (!isTime(a.now)) return 'now';
    return typeof a.granted === 'boolean' ? '' : 'granted';
  },
  recovery: (a: Record<string, unknown>): string => {
    const r = a as unknown as RecoveryAnswer;
    if (!isText(r.epoch)) return 'epoch';
    if (!isTime(r.now)) return 'now';
    return Array.isArray(r.verdicts) ? '' : 'verdicts';
  },
} satisfies Record<string, Check>;
