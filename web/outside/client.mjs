// A device of Fieldpost, written from the protocol's text alone: it shares no
// line with the library in Go. What it holds is one plain value (state), so that
// a test can copy a phone, lose one, or look into one.
import { webcrypto } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { seal } from './hpke.mjs';
import { base64url, canonical, digests, newId, stampText, thumbprint } from './wire.mjs';

const { subtle } = webcrypto;
const curve = { name: 'ECDSA', namedCurve: 'P-256' };
const jumpFrom = 2_000; // ms by which wall clock and stopwatch may differ
const rounds = 2_000; // pages of one record each, of a world with its content

export class Refused extends Error {
  constructor(what, answer) {
    super(`${what}: ${answer.status} ${answer.text.slice(0, 400)}`);
    this.answer = answer;
  }
}

/**
 * One request as it is, refusals included.
 *
 * @returns {Promise<{status: number, headers: Headers, text: string, body: any}>} body: undefined where it is no JSON
 */
export async function send(url, method, path, { token, body, raw, gzip, headers = {}, signal } = {}) {
  let content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const head = { ...(content === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers };
  if (token) head.Authorization = token;
  if (gzip) {
    content = gzipSync(content);
    head['Content-Encoding'] = 'gzip';
  }
  const answer = await fetch(url + path, { method, headers: head, body: content, signal: signal ?? AbortSignal.timeout(60_000) });
  const text = await answer.text();
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined; // a portal's page, say: DEV-7
  }
  return { status: answer.status, headers: answer.headers, text, body: parsed };
}

export async function newKey() {
  const pair = await subtle.generateKey(curve, true, ['sign', 'verify']);
  const { kty, crv, x, y } = await subtle.exportKey('jwk', pair.publicKey);
  return { pair, jwk: { kty, crv, x, y } };
}

const sign = async (key, text) =>
  base64url(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.pair.privateKey, Buffer.from(text, 'utf8')));

const place = (collection, id) => `${collection}/${id}`;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Device {
  constructor(url, key, state) {
    this.url = url;
    this.key = key;
    this.state = state;
    this.skew = 0; // ms by which this device's clock is wrong
    this.watch = null; // the stopwatch's reading beside the clock's
    this.gzip = true;
    this.batch = Infinity; // mutations of a push; the server's limit holds in any case
  }

  /** Enrols a new device: with an invite, or as a further one of the person whose token is given. */
  static async enrol(url, { invite, token, id = newId(), key, name = 'outside' }) {
    key ??= await newKey();
    const answer = await send(url, 'POST', '/api/sync/enroll', {
      token, body: { ...(invite ? { invite } : {}), device: { id, name, platform: 'test', key: key.jwk } },
    });
    if (answer.status !== 200 || !answer.body?.token) throw new Refused('enrol', answer);
    const { token: own, user, sealKey } = answer.body;
    return new Device(url, key, {
      id, token: own, user, sealKey, n: 0, clock: { ms: 0, counter: 0 }, offset: null, epoch: null, mark: null, cursor: null, durable: 0,
      outbox: [], // not acknowledged, in order
      kept: [], // acknowledged, not known to be held elsewhere: {seq, mutation}
      refused: [], // with the verdict
      view: {}, // confirmed: collection/id -> {collection, id, seq, record}
      held: {}, // dropped by a reset but for changes of our own
      reset: null, // collection/id sent since the reset began
      seen: [],
      rewinds: 0,
    });
  }

  get id() { return this.state.id; }
  get token() { return this.state.token; }

  /** The same phone twice: a restored backup of it, a copied file. */
  copy() {
    const twin = new Device(this.url, this.key, structuredClone(this.state));
    twin.skew = this.skew;
    return twin;
  }

  // The wall clock, watched: after a jump no stamp and no offset of before counts.
  now() {
    const wall = Date.now() + this.skew;
    const mono = performance.now();
    if (this.watch && Math.abs(wall - this.watch.wall - (mono - this.watch.mono)) > jumpFrom) {
      this.state.clock = { ms: 0, counter: 0 };
      this.state.offset = null;
    }
    this.watch = { wall, mono };
    return wall;
  }

  stamp() {
    const wall = this.now();
    const { clock } = this.state;
    if (wall > clock.ms) this.state.clock = { ms: wall, counter: 0 };
    else if (clock.counter < 0xffff) clock.counter++;
    else this.state.clock = { ms: clock.ms + 1, counter: 0 };
    return stampText(this.state.clock.ms, this.state.clock.counter, this.id);
  }

  /** The version of a record as the person sees it. */
  base(collection, id) {
    return this.state.view[place(collection, id)]?.seq ?? 0;
  }

  /** One act of a person. ops: {op, collection, id, fields}; base is filled in where it is absent. */
  save(...ops) {
    const { state } = this;
    const stamp = this.stamp();
    const mutation = {
      n: ++state.n, stamp, offset: state.offset, epoch: state.epoch, schema: 1,
      ops: ops.map(({ op, collection, id, base, fields }) => ({
        op, collection, id, base: base ?? (op === 'create' ? 0 : this.base(collection, id)), ...(op === 'delete' ? {} : { fields }),
      })),
    };
    state.outbox.push(mutation);
    return mutation;
  }

  create(collection, fields, id = newId()) {
    this.save({ op: 'create', collection, id, fields });
    return id;
  }

  update(collection, id, fields) { return this.save({ op: 'update', collection, id, fields }); }

  /** Replaces what a waiting mutation says by its sealed form; who carries it can read nothing. */
  async seal(mutation) {
    const { ops, ...rest } = mutation;
    const aad = `${this.id}:${mutation.n}:${mutation.stamp}`;
    const sealed = base64url(await seal(Buffer.from(this.state.sealKey, 'base64url'), 'fieldpost-sealed-v1', aad, JSON.stringify({ ops })));
    const at = this.state.outbox.indexOf(mutation);
    const whole = { ...rest, sealed };
    if (at >= 0) this.state.outbox[at] = whole;
    return whole;
  }

  /** What this device has not been answered for, sealed and signed, for anybody to carry. */
  async recoveryFile() {
    const mutations = [];
    for (const m of [...this.state.outbox]) mutations.push(m.sealed ? m : await this.seal(m));
    const rest = { device: this.id, mutations };
    return { ...rest, signature: await sign(this.key, canonical(rest)) };
  }

  request(path, body, options = {}) {
    return send(this.url, 'POST', path, { token: this.token, body, gzip: this.gzip, ...options });
  }

  envelope(extra) {
    const { id, epoch, mark } = this.state;
    return { protocol: 1, device: id, epoch, now: new Date(this.now()).toISOString(), mark, ...extra };
  }

  pushOnce(mutations, options) { return this.request('/api/sync/push', this.envelope({ mutations }), options); }

  pullOnce(more = {}, options) {
    const { id, mark, cursor } = this.state;
    return this.request('/api/sync/pull', { protocol: 1, schema: 1, device: id, mark, cursor, limit: 500, wait: 0, digests: false, ...more }, options);
  }

  // What every answer of push and pull tells. Before anything else of it is used.
  note(body) {
    const { state } = this;
    if (body.rewound) {
      state.rewinds++;
      // All that was acknowledged goes again, first. Push and pull may both tell of
      // one rewind, and a snapshot put back keeps its epoch: what goes once too often is harmless.
      state.outbox = [...state.kept.map((k) => k.mutation), ...state.outbox];
      state.kept = [];
    }
    state.epoch = body.epoch;
    state.mark = body.mark;
    state.offset = Math.round(Date.parse(body.now) - this.now());
    state.durable = body.durableSeq;
  }

  settle(sent, body) {
    const { state } = this;
    if (!Array.isArray(body?.verdicts) || body.verdicts.length !== sent.length) throw new Error('push: an answer that is not ours');
    this.note(body);
    const waiting = [];
    for (const [i, verdict] of body.verdicts.entries()) {
      const mutation = sent[i];
      if (verdict.n !== mutation.n) throw new Error(`push: verdict for ${verdict.n} in the place of ${mutation.n}`);
      if (verdict.verdict === 'deferred') {
        waiting.push(verdict);
        continue;
      }
      state.outbox = state.outbox.filter((m) => m.n !== mutation.n);
      if (verdict.verdict === 'refused') state.refused.push({ mutation, verdict });
      else state.kept.push({ seq: verdict.seq, mutation });
    }
    state.kept = state.kept.filter((k) => k.seq > state.durable).sort((a, b) => a.mutation.n - b.mutation.n);
    return waiting;
  }

  /**
   * Sends what waits, each mutation at most once, and gives the verdicts. A
   * deferred one stays in the outbox. fork tells what to do with 409: 'goOn' or 'throw'.
   */
  async push({ fork = 'goOn', patience = 20 } = {}) {
    const verdicts = [];
    let batch = Math.min(this.batch, 1000);
    let tried = new Set();
    for (let round = 0; round < rounds; round++) {
      const rewinds = this.state.rewinds;
      const sent = this.state.outbox.filter((m) => !tried.has(m.n)).slice(0, batch);
      if (!sent.length) return verdicts;
      const answer = await this.pushOnce(sent);
      if (answer.status === 200) {
        this.settle(sent, answer.body);
        verdicts.push(...answer.body.verdicts);
        for (const m of sent) tried.add(m.n);
        // After a rewind the old ones come first, and what waited for them has another chance.
        if (this.state.rewinds > rewinds) tried = new Set();
      } else if (answer.body?.retry === 'renew' && answer.status === 401) await this.renew();
      else if (answer.body?.code === 'device_forked' && fork === 'goOn') await this.goOn();
      else if (answer.body?.retry === 'split' && batch > 1 && sent.length > 1) batch = Math.ceil(sent.length / 2);
      else if (answer.body?.retry === 'later' && patience-- > 0) await pause(1000 * Math.min(2, Number(answer.headers.get('retry-after')) || 1));
      else throw new Refused('push', answer);
    }
    throw new Error(`push: no end after ${rounds} requests`);
  }

  take(body) {
    const { state } = this;
    if (!Array.isArray(body?.changes) || typeof body.cursor !== 'string') throw new Error('pull: an answer that is not ours');
    this.note(body);
    if (body.reset) {
      state.reset = {};
      state.seen = [];
    }
    for (const { collection, id, seq, record } of body.changes) {
      const key = place(collection, id);
      if (record) {
        state.view[key] = { collection, id, seq, record };
        delete state.held[key];
        if (state.reset) state.reset[key] = true;
      } else {
        delete state.view[key];
        delete state.held[key];
      }
    }
    state.seen = [...new Set([...state.seen, ...body.seen])];
    state.cursor = body.cursor;
    if (state.reset && !body.more) {
      const touched = new Set(state.outbox.flatMap((m) => (m.ops ?? []).map((op) => place(op.collection, op.id))));
      for (const key of Object.keys(state.view)) {
        if (state.reset[key]) continue;
        if (touched.has(key)) state.held[key] = state.view[key];
        delete state.view[key];
      }
      state.reset = null;
    }
  }

  /** Pulls to the end; gives all pages as they came, parsed (and as text, for who compares bytes). */
  async pull(more = {}) {
    const pages = [];
    for (let round = 0; round < rounds; round++) {
      const answer = await this.pullOnce(more);
      if (answer.status === 401 && answer.body?.retry === 'renew') {
        await this.renew();
        continue;
      }
      if (answer.status !== 200) throw new Refused('pull', answer);
      this.take(answer.body);
      pages.push({ ...answer.body, text: answer.text });
      if (!answer.body.more) return pages;
    }
    throw new Error(`pull: no end after ${rounds} pages`);
  }

  async sync() {
    const verdicts = await this.push();
    const { rewinds } = this.state;
    await this.pull();
    // The pull may be the one that tells of a rewind.
    return this.state.rewinds > rewinds ? [...verdicts, ...await this.push()] : verdicts;
  }

  /** PULL-8: whether the confirmed view is what the server counts. */
  digests() { return digests(Object.values(this.state.view)); }

  records(collection) {
    return Object.values(this.state.view).filter((r) => r.collection === collection).map((r) => r.record);
  }

  /** A new token by the device's key; with fresh, of a new device that descends from this one. */
  async renewOnce(fresh) {
    const asked = await send(this.url, 'POST', '/api/sync/challenge', { body: { device: this.id } });
    if (asked.status !== 200) throw new Refused('challenge', asked);
    const { challenge } = asked.body;
    const text = `fieldpost-renew-v1\n${this.id}\n${challenge}${fresh ? `\n${fresh.id}\n${thumbprint(fresh.key.jwk)}` : ''}`;
    return send(this.url, 'POST', '/api/sync/renew', {
      body: { device: this.id, challenge, signature: await sign(this.key, text), ...(fresh ? { newDevice: { id: fresh.id, key: fresh.key.jwk } } : {}) },
    });
  }

  async renew() {
    const answer = await this.renewOnce();
    if (answer.status !== 200) throw new Refused('renew', answer);
    this.state.token = answer.body.token;
  }

  /** PUSH-3: a copy goes on under a name of its own; stamps stay, counting goes on. */
  async goOn() {
    const fresh = { id: newId(), key: await newKey() };
    const answer = await this.renewOnce(fresh);
    if (answer.status !== 200) throw new Refused('renew with newDevice', answer);
    this.key = fresh.key;
    Object.assign(this.state, { id: fresh.id, token: answer.body.token });
  }
}
