import type { Checklist, Item, ViewRecord } from '../../sdk/index.ts';
import type { Locale } from '../../ui/text.ts';
import type { Judging } from './rules.ts';

/** How urgent the rules, or a coordinator, hold a report. */
export type Urgency = 'emergency' | 'review' | 'context';
/** Why a report was closed. */
export const reasons = ['insufficient', 'duplicate', 'explained', 'no_basis', 'referred'] as const;
export type Reason = (typeof reasons)[number];


/** What was ticked, in the words of its version. */
export interface Said {
  id: string;
  text: string;
  weight: Item['weight'];
  review: string;
  answer: 'yes' | 'no' | 'unsure';
  basis: 'saw' | 'told' | '';
}

/** A report with its triage, as the queue and the report's page show it. */
export interface Row {
  id: string;
  collection: 'observations' | 'submissions';
  triage: string;
  site: string;
  place: string;
  /** The checklist's title; "" for a night stop. */
  list: Checklist | null;
  urgency: Urgency;
  closed: boolean;
  reason: string;
  /** Unix ms. */
  happened: number;
  arrived: number;
  opened: number;
  /** The phone's clock was off by more than minutes. */
  doubtful: boolean;
  late: boolean;
  counts: Record<Item['weight'], number>;
  said: Said[];
  claimedBy: string;
  assignee: string;
  /** A claim of this browser that no server has decided. */
  asked: boolean;
  rule: string;
  fired: string[];
  fields: ViewRecord['fields'];
  triageFields: ViewRecord['fields'];
}

export const text = (v: unknown): string => (typeof v === 'string' ? v : '');
export const time = (v: unknown): number => Date.parse(text(v)) || 0;
export const list = <T>(v: unknown): T[] => (Array.isArray(v) ? (v as T[]) : []);
const urgencies = new Set<string>(['emergency', 'review', 'context']);
const rank: Record<Urgency, number> = { emergency: 0, review: 1, context: 2 };

/** What a report's items are looked up in. */
export interface Words {
  lists: ReadonlyMap<string, Checklist>;
  /** Every item by id, in the coordinator's language: what an observation ticks. */
  items: ReadonlyMap<string, Item>;
  sites: ReadonlyMap<string, string>;
  judging: Judging;
  locale: Locale;
}

/** Makes a row of a report and its triage. */
export function rowOf(r: ViewRecord, triage: ViewRecord, words: Words): Row {
  const f = r.fields;
  const g = triage.fields;
  const checklist = words.lists.get(text(f['checklist'])) ?? null;
  const said = r.collection === 'submissions' ? answered(f, checklist) : ticked(f, words);
  const counts = { emergency: 0, strong: 0, context: 0 };
  for (const s of said) if (s.answer === 'yes') counts[s.weight]++;
  const happened = time(f['event_time']);
  const arrived = time(f['received']);
  const fired = (g['fired'] ?? {}) as { rule?: string; items?: string[]; rules?: { key?: string; version?: number } };
  const urgency = text(g['urgency']) || text(g['suggested']);
  return {
    id: r.id, collection: r.collection as Row['collection'], triage: triage.id, site: text(f['site']), place: words.sites.get(text(f['site'])) ?? '',
    list: checklist, urgency: (urgencies.has(urgency) ? urgency : 'context') as Urgency, closed: text(g['status']) === 'closed', reason: text(g['closing_reason']),
    happened, arrived, opened: time(g['opened']), doubtful: !['', 'ok', 'minutes'].includes(text(f['clock_off'])), late: arrived - happened > words.judging.late,
    counts, said, claimedBy: text(g['claimed_by']), assignee: text(g['assignee']), asked: triage.n > 0, rule: words.judging.label(text(fired.rule), fired.rules, words.locale), fired: list<string>(fired.items),
    fields: f, triageFields: g,
  };
}

function answered(f: ViewRecord['fields'], checklist: Checklist | null): Said[] {
  const answers = (f['answers'] ?? {}) as Record<string, Said['answer']>;
  const basis = (f['basis'] ?? {}) as Record<string, Said['basis']>;
  const known = new Map(checklist?.items.map((i) => [i.id, i]) ?? []);
  const order = [...known.keys(), ...Object.keys(answers).filter((k) => !known.has(k))];
  return order.filter((k) => answers[k]).map((k) => ({
    id: k, text: known.get(k)?.text ?? k, weight: known.get(k)?.weight ?? 'context', review: known.get(k)?.review ?? '', answer: answers[k] ?? 'unsure', basis: basis[k] ?? '',
  }));
}

function ticked(f: ViewRecord['fields'], words: Words): Said[] {
  return list<{ indicator: string; basis: Said['basis'] }>(f['indicators']).map(({ indicator, basis }) => {
    const item = words.items.get(indicator);
    return { id: indicator, text: item?.text ?? indicator, weight: item?.weight ?? 'context', review: item?.review ?? '', answer: 'yes' as const, basis };
  });
}

/** The order of the queue: by urgency, then the latest event first. */
export const byUrgency = (a: Row, b: Row): number => rank[a.urgency] - rank[b.urgency] || b.happened - a.happened || (a.id < b.id ? -1 : 1);

/** Candidates for the same event: same site, no further apart than `within` ms. */
export const near = (row: Row, all: readonly Row[], within: number): Row[] =>
  row.site === '' ? [] : all.filter((o) => o.id !== row.id && o.site === row.site && Math.abs(o.happened - row.happened) <= within);
