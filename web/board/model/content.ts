import { explain, type Checklist, type Device, type Item, type JsonObject, type ViewRecord } from '../../sdk/index.ts';
import type { Locale } from '../../ui/text.ts';
import { list, text } from './rows.ts';

/** One language of a form or a row ends its members' names. */
export const languages = ['en', 'es'] as const;

/** A row of a form: the begin or end of a group, or an item (content/forms/schema.json). */
export interface FormRow {
  type: string;
  name?: string;
  'label::en'?: string;
  'label::es'?: string;
  'hint::en'?: string;
  'hint::es'?: string;
  'read_aloud::en'?: string;
  'read_aloud::es'?: string;
  'review::en'?: string;
  'review::es'?: string;
  icon?: string;
  weight?: string;
  form?: string;
  noticed_by?: string;
  sources?: string[];
  relevant?: string;
  constraint?: string;
  required?: boolean;
}

/** A checklist in all its languages, as it is written. */
export interface Form {
  format: number;
  key: string;
  version: number;
  'title::en': string;
  'title::es': string;
  'seen_by::en': string;
  'seen_by::es': string;
  'review::en': string;
  'review::es': string;
  venue: string;
  survey: FormRow[];
  choices: unknown[];
}

/** What is wrong with a form: the server's words, in English, and a permanent code with what they name. */
export interface Finding {
  item?: string;
  language?: string;
  message: string;
  code?: string;
  args?: string[];
}

/** What sets a form apart from the version in force. */
export interface Change {
  item?: string;
  what: 'added' | 'removed' | 'edited' | 'moved';
  fields?: string[];
}

export interface DraftView {
  id: string;
  key: string;
  version: number;
  revision: number;
  state: 'draft' | 'published';
  form: Form;
  faults: Finding[];
  changes: Change[];
  in_force: number;
}

/** What of a workbook a checklist does not take as it is. */
export interface Problem {
  code: string;
  state: 'refused' | 'left_out' | 'added';
  sheet?: string;
  row?: number;
  column?: string;
  header?: string;
  message: string;
  next: string;
}

/** A group of a form with its items. */
export interface Group {
  head: FormRow;
  items: FormRow[];
}

/** A version of the rules of triage (content/triage/schema.json). */
export interface RuleSet {
  format: number;
  key: string;
  version: number;
  'title::en': string;
  'title::es': string;
  'review::en': string;
  'review::es': string;
  rules: Rule[];
  duplicates: { within_minutes: number };
  late: { after_minutes: number };
}

export interface Rule {
  name: string;
  urgency: 'emergency' | 'review' | 'context';
  weight?: 'emergency' | 'strong' | 'context';
  at_least?: number;
  groups?: boolean;
  flag?: string;
  otherwise?: boolean;
  'label::en': string;
  'label::es': string;
}

/** What rules would change. */
export interface Trial {
  looked: number;
  skipped: number;
  changes: { collection: string; report: string; from: Rule['urgency']; from_rule: string; to: Rule['urgency']; rule: string; items: string[] }[];
}

/** What coordinators and admins ask of content. The server decides, and audits. */
export const asks = (device: Device) => ({
  begin: (from: string, key: string): Promise<{ draft: DraftView }> => device.ask('/api/fieldpost/drafts', { from, key }),
  read: (xlsx: string, key: string, leave: boolean): Promise<{ draft: DraftView | null; problems: Problem[] }> => device.ask('/api/fieldpost/drafts', { xlsx, key, leave_out: leave }),
  draft: (id: string): Promise<DraftView> => device.ask(`/api/fieldpost/drafts/${id}`),
  save: (id: string, revision: number, form: Form): Promise<DraftView> => device.ask(`/api/fieldpost/drafts/${id}`, { revision, form } as unknown as JsonObject),
  publish: (id: string, revision: number, reason: string): Promise<DraftView> => device.ask(`/api/fieldpost/drafts/${id}/publish`, { revision, reason }),
  drop: (id: string, revision: number): Promise<unknown> => device.ask(`/api/fieldpost/drafts/${id}/drop`, { revision }),
  tryRules: (rules: RuleSet): Promise<Trial> => device.ask('/api/fieldpost/triage/rules/try', { rules } as unknown as JsonObject),
  applyRules: (rules: RuleSet, reason: string): Promise<unknown> => device.ask('/api/fieldpost/triage/rules/apply', { rules, reason } as unknown as JsonObject),
  verify: (id: string): Promise<{ verified_on: string }> => device.ask(`/api/fieldpost/hotlines/${id}/verified`, {}),
});

/** Why something did not work, in the server's words, or that there is no connection. */
export const whyNot = (err: unknown): string => explain(err).message;

/** Runs `read` now and after each change of the view, one at a time; gives the way to stop. */
export function watching(device: Device, read: () => Promise<void>): () => void {
  let over = false;
  let busy = false;
  let again = false;
  const run = async (): Promise<void> => {
    if (over) return;
    if (busy) { again = true; return; }
    busy = true;
    try {
      await read();
    } catch (err) {
      const kind = explain(err).kind;
      if (kind !== 'locked' && kind !== 'wiped') throw err;
    } finally {
      busy = false;
    }
    if (again) { again = false; void run(); }
  };
  void run();
  const stop = device.onChange(() => void run());
  return () => { over = true; stop(); };
}

/** An entry of content: its key and its name in a language. */
export interface Named {
  key: string;
  name: string;
}

/** Entries of a collection of content, by name. */
export const entries = (records: readonly ViewRecord[], locale: Locale): Named[] => records.map((r) => {
  const body = (r.fields['body'] ?? {}) as Record<string, unknown>;
  return { key: text(r.fields['key']), name: text(body[`name::${locale}`]) || text(r.fields['key']) };
}).sort((a, b) => a.name.localeCompare(b.name, locale));

/** The groups of a form, and what stands in none. */
export function groupsOf(form: Form): Group[] {
  const out: Group[] = [];
  for (const r of form.survey) {
    if (r.type === 'begin_group') out.push({ head: r, items: [] });
    else if (r.type !== 'end_group') (out.at(-1) ?? (out.push({ head: { type: 'begin_group' }, items: [] }), out[0]!)).items.push(r);
  }
  return out;
}

/** The rows of groups, in their order. */
export const surveyOf = (groups: readonly Group[]): FormRow[] => groups.flatMap((g) => [g.head, ...g.items, { type: 'end_group' }]);

/** A name that no item of the form has: the next number of its key. */
export function nextName(form: Form): string {
  const numbers = form.survey.map((r) => Number(new RegExp(`^${form.key}\\.(\\d+)$`).exec(r.name ?? '')?.[1] ?? 0));
  return `${form.key}.${String(Math.max(0, ...numbers) + 1).padStart(2, '0')}`;
}

/** The form as phones get it in a language. */
export function checklistOf(form: Form, locale: Locale): Checklist {
  const items: Item[] = [];
  for (const g of groupsOf(form)) {
    for (const r of g.items) {
      const said = <K extends string>(key: K, value: string | undefined) => (value ? { [key]: value } as { [k in K]: string } : {});
      items.push({
        id: r.name ?? '', text: r[`label::${locale}`] ?? '', weight: (r.weight || 'context') as Item['weight'], form: (r.form || 'both') as Item['form'],
        ...said('hint', r[`hint::${locale}`]), ...said('read_aloud', r[`read_aloud::${locale}`]), ...said('icon', r.icon), ...said('group', g.head.name),
        ...said('group_label', g.head[`label::${locale}`]), ...said('relevant', r.relevant), ...said('constraint', r.constraint), ...(r.required && { required: true }),
      });
    }
  }
  return { id: 'preview', key: form.key, version: form.version, locale, title: form[`title::${locale}`], items };
}

/** A checklist in force, in all the languages it is in. */
export interface InForce {
  key: string;
  version: number;
  title: string;
  locales: string[];
  items: number;
}

/** The newest version of each key, by title. */
export function inForce(all: readonly Checklist[], locale: Locale): InForce[] {
  const by = new Map<string, InForce>();
  for (const c of all) { // newest first, the locale asked for before others
    const have = by.get(c.key);
    if (!have) by.set(c.key, { key: c.key, version: c.version, title: c.title, locales: [c.locale], items: c.items.length });
    else if (have.version === c.version) have.locales.push(c.locale);
  }
  return [...by.values()].sort((a, b) => a.title.localeCompare(b.title, locale));
}

/** A line with what is known of it. */
export interface Line {
  id: string;
  name: string;
  reach: { kind: string; value: string; hours: string }[];
  sources: string[];
  verified: string;
  /** Days since; null if nobody has. */
  days: number | null;
  /** Who of the organization said so last; "" if the audit here does not say. */
  by: string;
}

/** From this many days on a line is due, and its card may have changed from that many on. */
export const DUE = 180;
export const OLD = 90;

/** The lines, those that wait longest first. */
export function linesOf(records: readonly ViewRecord[], audit: readonly ViewRecord[], locale: Locale, now: number): Line[] {
  const said = new Map<string, string>();
  for (const a of audit) {
    const d = (a.fields['detail'] ?? {}) as Record<string, unknown>;
    if (d['setting'] === 'hotline_verified') said.set(`${text(d['line'])} ${text(d['to'])}`, text(a.fields['actor']));
  }
  const rank = (l: Line): number => (l.days === null ? Infinity : l.days);
  return records.map((r) => {
    const body = (r.fields['body'] ?? {}) as Record<string, unknown>;
    const id = text(r.fields['key']);
    const verified = text(r.fields['verified_on']);
    return {
      id, name: text(body[`name::${locale}`]) || id, sources: list<string>(body['sources']), verified,
      reach: list<Record<string, unknown>>(body['channels']).map((c) => ({ kind: text(c['kind']), value: text(c['value']), hours: text(c['hours']) })),
      days: verified ? Math.max(0, Math.floor((now - Date.parse(`${verified}T00:00:00Z`)) / 86_400_000)) : null, by: said.get(`${id} ${verified}`) ?? '',
    };
  }).sort((a, b) => rank(b) - rank(a) || a.name.localeCompare(b.name, locale));
}

/** The rules of a record. */
export const ruleSet = (r: ViewRecord): RuleSet => structuredClone(r.fields['rules'] as unknown as RuleSet);
