// The shared vectors, as docs/protocol/vectors/README.md says to run them. The
// same file runs in Node and in Chromium.
import { describe, expect, test } from 'vitest';
import { asked, unfit } from '../checklist/asked.ts';
import { ExpressionError, parseExpression } from '../checklist/expression.ts';
import * as hlc from '../hlc/hlc.ts';
import { create } from '../merge/clocks.ts';
import { base as lineBase, type Line } from '../merge/lines.ts';
import type { Clock, Conflict, Edit, Field, Outcome, Policy } from '../merge/merge.ts';
import { update } from '../merge/update.ts';
import { openSealed, sealFor } from '../seal.ts';
import { fromBase64url, hex, text as fromUtf8, utf8 } from '../wire/bytes.ts';
import { canonical } from '../wire/canonical.ts';
import { contentOf, decodePull, decodePush, unseal } from '../wire/decode.ts';
import { digestTerm, Summer } from '../wire/digest.ts';
import { thumbprint, triageID } from '../wire/ids.ts';
import { parseJSON, type ValueObject } from '../wire/json.ts';
import { DEFAULT_LIMITS, Fault, renewText, type Key } from '../wire/messages.ts';
import { decodeRecovery } from '../wire/recovery.ts';
import { sealedAAD } from '../wire/sealed.ts';
import { verify } from '../keys.ts';

interface Case {
  rule: string;
  why: string;
  given: any;
  expect: any;
}
interface File {
  about: string;
  cases: { [kind: string]: Case[] };
}
type Run = (given: any, want: any) => unknown;

const files = import.meta.glob<File>('../../../docs/protocol/vectors/*.json', { eager: true, import: 'default' });

const failed = { error: true };
const orFailed = <T>(f: () => T): T | typeof failed => {
  try {
    return f();
  } catch {
    return failed;
  }
};

/** Reads members by name and fails on one that nobody reads. */
function strict<T extends Record<string, unknown>>(given: T, ...known: string[]): T {
  for (const k of Object.keys(given)) if (!known.includes(k)) throw new Error(`nobody reads ${k}`);
  return given;
}

const body = (given: { text?: string; body?: unknown }): string => given.text ?? JSON.stringify(given.body);
const fault = (err: unknown): unknown => {
  if (!(err instanceof Fault)) throw err;
  return err.limits ? { error: err.code, limits: true } : { error: err.code };
};

const runners: { [file: string]: { [kind: string]: Run } } = {
  'stamp.json': {
    parse: ({ text }) => orFailed(() => {
      const { ms, counter, device } = hlc.parse(text);
      if (hlc.format({ ms, counter, device }) !== text) throw new Error('it comes back as another text');
      return { ms, counter, device };
    }),
    format: (given) => ({ text: hlc.format(strict(given, 'ms', 'counter', 'device')) }),
    order: ({ a, b }) => {
      const order = hlc.compare(hlc.parse(a), hlc.parse(b));
      expect(hlc.compare(hlc.parse(b), hlc.parse(a)) + order).toBe(0);
      return { order };
    },
    tick: (given) => hlc.tick(given),
  },
  'clock.json': {
    run: (given) => {
      let last: hlc.Time = strict(given, 'start', 'readings').start ?? hlc.ZERO;
      return {
        stamps: given.readings.map((r: { wall: number; jump?: boolean }) => {
          const { time, jumped } = hlc.next(last, r.wall, r.jump ?? false);
          last = time;
          return { ...time, jumped };
        }),
      };
    },
  },
  'correct.json': {
    correct: (given) => {
      const { ms, counter, offset, request, received } = strict(given, 'ms', 'counter', 'offset', 'request', 'received');
      return hlc.correct({ ms, counter }, offset ?? request ?? 0, received);
    },
  },
  'ids.json': {
    valid: ({ id }) => ({ valid: hlc.validID(id) }),
    triage: ({ collection, id }) => ({ id: triageID(collection, id) }),
    thumbprint: ({ key }) => orFailed(() => ({ thumbprint: thumbprint(key) })),
    renew: ({ device, challenge, newDevice }) => ({
      text: renewText(device, challenge, newDevice && { id: newDevice.id, thumbprint: thumbprint(newDevice.key) }),
    }),
  },
  'canonical.json': {
    canonical: ({ text }) => ({ canonical: canonical(parseJSON(text).value) }),
    number: ({ bits }) => {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, BigInt(`0x${bits}`));
      const f = view.getFloat64(0);
      const text = canonical(f);
      // -0 is written as 0
      expect(Number(text) === f).toBe(true);
      return { canonical: text };
    },
    content: ({ mutation }, want) => {
      const m = decodePush(`{"protocol":1,"device":"x","mutations":[${mutation}]}`, DEFAULT_LIMITS).mutations[0]!;
      return { bound: want.bound, sha256: hex(m.content) };
    },
  },
  'decode.json': {
    push: (given) => {
      strict(given, 'text', 'body', 'limit');
      const limits = given.limit ? { ...DEFAULT_LIMITS, mutations: given.limit } : DEFAULT_LIMITS;
      try {
        return {
          mutations: decodePush(body(given), limits).mutations.map((m) => {
            if (m.problem) return { n: m.n, problem: m.problem.code };
            const out: Record<string, unknown> = { n: m.n };
            if (m.extra) out.extra = m.extra;
            if (m.sealed) out.sealed = m.sealed;
            if (m.ops.some((op) => op.extra)) out.opsExtra = m.ops.map((op) => op.extra);
            return out;
          }),
        };
      } catch (err) {
        return fault(err);
      }
    },
    pull: (given) => {
      try {
        const p = decodePull(body(given), DEFAULT_LIMITS);
        return {
          limit: p.limit, wait: p.wait, digests: p.digests,
          ...(p.mark === null ? {} : { mark: p.mark }), ...(p.cursor === null ? {} : { cursor: p.cursor }),
        };
      } catch (err) {
        return fault(err);
      }
    },
  },
  'base.json': {
    bases: ({ lines, epoch, base }) => ({ base: lineBase(lines as Line[], epoch, base) }),
    edits: ({ lines, epoch, step }) => runStep({ ...step, edit: { ...step.edit, base: lineBase(lines as Line[], epoch, step.edit.base) } }),
  },
  'digests.json': {
    term: ({ id, seq }) => {
      const { slice, term } = digestTerm(id, seq);
      return { slice, term: term.toString(16).padStart(16, '0') };
    },
    digest: ({ records }) => {
      const s = new Summer();
      for (const r of records) s.add(r.id, r.seq);
      return s.digest();
    },
  },
  'sealed.json': {
    open: async (given) => {
      const { key, sealKey, device, n, stamp, aad, sealed } = strict(given, 'key', 'sealKey', 'device', 'n', 'stamp', 'aad', 'sealed');
      expect(sealedAAD(device, n, stamp)).toBe(aad);
      let text: string;
      try {
        text = fromUtf8(await openSealed(fromBase64url(key), sealed, aad));
      } catch {
        return failed;
      }
      const again = await sealFor(sealKey, aad, text);
      expect(fromUtf8(await openSealed(fromBase64url(key), again, aad))).toBe(text);
      return { text };
    },
    content: (given) => {
      strict(given, 'mutation', 'text');
      const m = decodePush(JSON.stringify({ protocol: 1, device: 'k3v9x0c2m4q8w1z', mutations: [given.mutation] }), DEFAULT_LIMITS).mutations[0]!;
      const problem = unseal(m, given.text);
      return { sealed: hex(m.content), ...(m.opened ? { opened: hex(m.opened) } : {}), ...(problem ? { problem: problem.code } : {}) };
    },
  },
  'recovery.json': {
    file: async (given) => {
      try {
        const r = decodeRecovery(strict(given, 'file', 'key').file, DEFAULT_LIMITS);
        return { signed: r.signed, mutations: r.mutations.length, verifies: await verify(given.key as Key, utf8(r.signed), r.signature) };
      } catch (err) {
        return fault(err);
      }
    },
  },
  'forms.json': {
    condition: (given) => {
      const { text, answers, own } = strict(given, 'text', 'answers', 'own');
      try {
        return { holds: parseExpression(text).holds((name) => answers?.[name] ?? '', own ?? '') };
      } catch (err) {
        if (!(err instanceof ExpressionError)) throw err;
        return { error: true, at: err.at };
      }
    },
    asked: ({ items, answers }) => ({ asked: asked(items, answers).map((i: any) => i.id), unfit: unfit(items, answers) }),
  },
  'merge.json': { steps: runStep, traces: runTrace },
};

function runStep(given: any): unknown {
  strict(given, 'record', 'fields', 'edit');
  strict(given.edit, 'base', 'stored', 'corrected', 'own', 'fields');
  const fields: { [name: string]: Field } = {};
  for (const [name, f] of Object.entries<any>(given.fields)) {
    strict(f, 'policy', 'value', 'clock', 'history', 'later');
    fields[name] = { policy: f.policy, value: f.value, clock: f.clock, history: f.history ?? [], later: new Set(f.later ?? []) };
  }
  const out = update({
    record: given.record, base: given.edit.base, stored: hlc.parse(given.edit.stored), corrected: given.edit.corrected,
    own: new Set(given.edit.own ?? []), fields: given.edit.fields,
  }, fields);
  const got: any = {};
  if (out.refused) Object.assign(got, { refused: out.refused, field: out.field });
  if (Object.keys(out.changes).length) got.changes = out.changes;
  if (Object.keys(out.clocks).length) got.clocks = out.clocks;
  if (out.conflicts.length) got.conflicts = out.conflicts;
  return got;
}

/** One record with its journal, kept as a server keeps them. */
class JournalledRecord {
  seq = 1;
  fields: { [name: string]: Field } = {};
  conflicts: Conflict[] = [];

  constructor(readonly id: string, stored: hlc.Stamp, corrected: hlc.Time, values: Record<string, unknown>, policies: { [name: string]: Policy }) {
    const clocks = create(stored, corrected, values, policies);
    for (const [name, policy] of Object.entries(policies)) {
      this.fields[name] = {
        policy, value: values[name], clock: { ...clocks[name]!, seq: 1 }, later: new Set(),
        history: [{ seq: 1, device: stored.device, eff: corrected, value: values[name] }],
      };
    }
  }

  deliver(edit: Omit<Edit, 'record'>): Outcome {
    const before = JSON.stringify(this.fields);
    const out = update({ record: this.id, ...edit }, this.fields);
    expect(JSON.stringify(this.fields)).toBe(before); // the arguments are not changed
    if (out.refused) return out;
    if (Object.keys(out.changes).length) this.seq++;
    for (const [name, change] of Object.entries(out.changes)) {
      const f = this.fields[name]!;
      f.value = change.value;
      f.history = [...f.history, { seq: this.seq, device: edit.stored.device, eff: change.eff, value: change.value }];
    }
    for (const [name, clock] of Object.entries(out.clocks)) {
      const c: Clock = name in out.changes ? { ...clock, seq: this.seq } : clock;
      this.fields[name]!.clock = JSON.parse(JSON.stringify(c)) as Clock;
    }
    this.conflicts.push(...out.conflicts);
    return out;
  }
}

function orders(given: any): string[][] {
  const pushes: { name: string; device: string }[] = given.pushes;
  if (Array.isArray(given.orders)) return given.orders;
  if (given.orders !== 'every') throw new Error(`orders are ${given.orders}`);
  const all: string[][] = [];
  const extend = (order: string[]): void => {
    if (order.length === pushes.length) {
      all.push(order);
      return;
    }
    const waiting = new Set<string>();
    for (const p of pushes) {
      if (order.includes(p.name) || waiting.has(p.device)) continue;
      waiting.add(p.device); // its next; the ones after wait
      extend([...order, p.name]);
    }
  };
  extend([]);
  return all;
}

function runTrace(given: any, want: any): unknown {
  strict(given, 'record', 'policies', 'create', 'pushes', 'orders');
  strict(want, 'fields', 'traced', 'refused', 'conflicts');
  const all = orders(given);
  expect(all.length).toBeGreaterThan(0);
  for (const order of all) {
    const r = new JournalledRecord(given.record, hlc.parse(given.create.stored), given.create.corrected, given.create.fields, given.policies);
    const refused: Record<string, string> = {};
    for (const name of order) {
      const p = given.pushes.find((q: any) => q.name === name);
      const stored = hlc.parse(p.stamp);
      const out = r.deliver({
        base: p.base, stored, corrected: hlc.correct(stored, p.offset, p.received), own: new Set([...(p.own ?? []), p.device]), fields: p.fields,
      });
      if (out.refused) refused[name] = out.refused;
    }
    const say = order.join(' ');
    for (const [name, f] of Object.entries<any>(want.fields)) {
      expect({ value: r.fields[name]!.value, eff: r.fields[name]!.clock.eff }, `${say}: ${name}`).toEqual(f);
    }
    for (const value of want.traced ?? []) {
      expect(r.conflicts.some((c) => canonical(c.other) === canonical(value)), `${say}: ${JSON.stringify(value)} is traced`).toBe(true);
    }
    expect(refused, say).toEqual(want.refused ?? {});
    if (want.conflicts !== undefined) expect(r.conflicts.length, say).toBe(want.conflicts);
  }
  return want;
}

describe('vectors', () => {
  test('[DOC] every file and kind of the shared vectors is run, and no others', () => {
    const have = Object.entries(files).map(([path, f]) => [path.split('/').pop(), Object.keys(f.cases).sort()]);
    const run = Object.entries(runners).map(([name, kinds]) => [name, Object.keys(kinds).sort()]);
    expect(Object.fromEntries(have)).toEqual(Object.fromEntries(run));
  });
  for (const [path, file] of Object.entries(files)) {
    const name = path.split('/').pop()!;
    for (const [kind, cases] of Object.entries(file.cases)) {
      cases.forEach((c, i) => {
        const title = `[${c.rule}] ${name} ${kind} ${i + 1}: ${c.why}`;
        test(title, async () => {
          const run = runners[name]?.[kind];
          if (!run) throw new Error('nobody runs this');
          const got = await run(c.given, c.expect);
          // As JSON values: decoded objects have no prototype here.
          const plain: unknown = JSON.parse(JSON.stringify(got));
          if (c.expect.error === true && c.expect.at === undefined) expect(plain).toMatchObject({ error: true });
          else expect(plain).toEqual(c.expect);
        });
      });
    }
  }
});

test('[PUSH-3] the content of a mutation is that of its stamp and ops, whatever stands around them', () => {
  const one = parseJSON('{"n":1,"stamp":"s","ops":[{"b":1,"a":[]}],"schema":1}').value as ValueObject;
  const other = parseJSON('{"ops":[ {"a":[],"b":1.0} ],"stamp":"s","n":7}').value as ValueObject;
  expect(hex(contentOf(one))).toBe(hex(contentOf(other)));
});
