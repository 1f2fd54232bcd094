// A queue that is kept from reading to reading is the one that a whole reading makes.
import { describe, expect, test } from 'vitest';
import { triageID, type ViewRecord } from '../../sdk/index.ts';
import { judging } from './rules.ts';
import { Queue } from './queue.ts';
import { byUrgency, rowOf, text, type Row, type Words } from './rows.ts';

/** Numbers that look drawn and are the same at each run. */
function drawn(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (at + 0x6d2b79f5) | 0;
    let t = Math.imul(at ^ (at >>> 15), 1 | at);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const kinds = ['observations', 'submissions', 'triage'] as const;
type Kind = (typeof kinds)[number];
/** A device's view: an unchanged record is the same object, and an unchanged collection the same list. */
type World = { [kind in Kind]: readonly ViewRecord[] };

const record = (collection: string, id: string, fields: ViewRecord['fields'], n = 0): ViewRecord => ({ collection, id, seq: 1, fields, word: null, n });
const pick = <T>(all: readonly T[], any: (below: number) => number): T => all[any(all.length)]!;
const put = (all: readonly ViewRecord[], r: ViewRecord): ViewRecord[] => [...all.filter((x) => x.id !== r.id), r].sort((a, b) => (a.id < b.id ? -1 : 1));

const lists = new Map([['l1', { id: 'l1', key: 'motel', version: 1, locale: 'en', title: 'Motel', items: [{ id: 'm1', text: 'A', weight: 'strong' as const, form: 'both' as const }, { id: 'm2', text: 'B', weight: 'emergency' as const, form: 'sex' as const }] }]]);
const rules = (turn: number, late: number): ViewRecord => record('triage_rules', `r${turn}`, { turn, rules: { key: 'k', version: turn, rules: [], late: { after_minutes: late }, duplicates: { within_minutes: 60 } } });
const first: Words = { lists, items: new Map(), sites: new Map([['s0', 'Pine lot']]), judging: judging([rules(1, 30)]), locale: 'en' };

const report = (kind: Kind, id: string, any: (below: number) => number): ViewRecord => record(kind, id, {
  event_time: new Date(1.7e12 + any(50) * 60_000).toISOString(), received: new Date(1.7e12 + any(90) * 60_000).toISOString(), site: pick(['', 's0', 's1', 's2'], any),
  ...(kind === 'submissions' ? { checklist: pick(['l1', 'gone'], any), answers: { m1: 'yes', m2: pick(['yes', 'no'], any) } } : { indicators: [] }),
});
const judgement = (id: string, any: (below: number) => number): ViewRecord => record('triage', id, {
  urgency: pick(['emergency', 'review', 'context', ''], any), suggested: 'review', status: pick(['review', 'closed'], any), claimed_by: pick(['', 'kim'], any), opened: pick(['', '2026-01-01T00:00:00Z'], any),
}, any(2));

/** How it was read before there was a queue to keep: all of it. */
function whole(world: World, words: Words): Row[] {
  const judged = new Map(world.triage.map((r) => [r.id, r]));
  return [...world.observations, ...world.submissions].flatMap((r) => {
    const g = judged.get(triageID(r.collection, r.id));
    return g ? [rowOf(r, g, words)] : [];
  }).sort(byUrgency);
}

/** One change, as a person, a pull or a view that begins anew makes it. */
function change(world: World, words: Words, any: (below: number) => number, n: number): { world: World; words: Words } {
  const kind = pick(['observations', 'submissions'] as const, any);
  const r = world[kind].length > 0 ? pick(world[kind], any) : undefined;
  const id = `${kind[0]}${String(n).padStart(4, '0')}`;
  switch (any(10)) {
    case 0: case 1: { // a report comes with its triage, or before it
      const came = { ...world, [kind]: put(world[kind], report(kind, id, any)) };
      return { words, world: any(3) === 0 ? came : { ...came, triage: put(world.triage, judgement(triageID(kind, id), any)) } };
    }
    case 2: return { words, world: { ...world, triage: put(world.triage, judgement(triageID(kind, id), any)) } }; // a triage whose report is not here
    case 3: case 4: case 5: return r ? { words, world: { ...world, triage: put(world.triage, judgement(triageID(kind, r.id), any)) } } : { world, words };
    case 6: return r ? { words, world: { ...world, [kind]: put(world[kind], report(kind, r.id, any)) } } : { world, words };
    case 7: return r ? { words, world: { ...world, [kind]: world[kind].filter((x) => x !== r), ...(any(2) && { triage: world.triage.filter((g) => g.id !== triageID(kind, r.id)) }) } } : { world, words };
    case 8: return any(6) === 0 ? { words, world: { observations: [], submissions: [], triage: [] } } : { words, world: { ...world, observations: world.observations.map((x) => ({ ...x })) } };
    default: return { world, words: pick<Words>([{ ...words, sites: new Map([...words.sites, [`s${any(3)}`, `Lot ${n}`]]) }, { ...words, judging: judging([rules(n, any(60))]) }, { ...words, locale: 'es' }], any) };
  }
}

describe('the queue of a board', () => {
  test('[PULL-5] kept over two thousand random changes it is at each of them what a whole reading makes', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const any = drawn(seed);
      const queue = new Queue();
      let now: { world: World; words: Words } = { world: { observations: [], submissions: [], triage: [] }, words: first };
      for (let n = 0; n < 250; n++) {
        const many = 1 + any(4); // a pull brings several at once
        for (let i = 0; i < many; i++) now = change(now.world, now.words, any, n * 10 + i);
        expect(queue.read(now.world.observations, now.world.submissions, now.world.triage, now.words), `seed ${seed}, change ${n}`).toEqual(whole(now.world, now.words));
      }
    }
  });

  test('[PULL-5] what a change did not touch stays the same row, and without a change the list is the same', () => {
    const any = drawn(9);
    let world: World = { observations: [], submissions: [], triage: [] };
    for (let n = 0; n < 200; n++) world = { ...world, observations: put(world.observations, report('observations', `o${String(n).padStart(4, '0')}`, any)) };
    world = { ...world, triage: world.observations.map((r) => judgement(triageID('observations', r.id), any)).sort((a, b) => (a.id < b.id ? -1 : 1)) };
    const queue = new Queue();
    const read = (words = first): readonly Row[] => queue.read(world.observations, world.submissions, world.triage, words);
    const others = (before: readonly Row[], after: readonly Row[]): string[] => after.filter((r) => !before.includes(r)).map((r) => r.id);
    const one = read();
    expect(read()).toBe(one);
    const seen = one[70]!;
    world = { ...world, triage: put(world.triage, { ...queue.triage(seen.triage)!, fields: { ...seen.triageFields, opened: '2026-01-02T00:00:00Z' } }) };
    const two = read();
    expect(others(one, two)).toEqual([seen.id]);
    world = { ...world, observations: put(world.observations, report('observations', 'o9999', any)), triage: put(world.triage, judgement(triageID('observations', 'o9999'), any)) };
    const three = read();
    expect(others(two, three)).toEqual(['o9999']);
    // A site's new name is a matter of its own rows.
    const four = read({ ...first, sites: new Map([['s0', 'Pine lot'], ['s1', 'Elm lot']]) });
    expect(others(three, four).sort()).toEqual(three.filter((r) => text(r.fields['site']) === 's1').map((r) => r.id).sort());
    expect(others(three, four).length).toBeGreaterThan(10);
  });
});
