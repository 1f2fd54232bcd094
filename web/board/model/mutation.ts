import type { Json, JsonObject } from '../../sdk/index.ts';

/** How a field's value is written. */
export type Kind = 'text' | 'time' | 'number' | 'yesno' | 'list' | 'object' | 'any';

const report: Record<string, Kind> = {
  event_time: 'time', site: 'text', grid: 'text', point: 'object', event_end: 'time', people: 'number', persons: 'list', vehicles: 'list', outreach: 'list',
  note: 'text', operation: 'text', minor_possible: 'yesno', manager_involved: 'yesno',
};

/** The fields that a client may write, by collection (the specification's table), and those that a new record must have. */
export const schema: Record<string, { fields: Record<string, Kind>; needs: string[] }> = {
  observations: { fields: { ...report, indicators: 'list' }, needs: ['event_time', 'indicators'] },
  submissions: { fields: { ...report, checklist: 'text', version: 'number', answers: 'object', basis: 'object', about: 'text' }, needs: ['checklist', 'version', 'event_time', 'answers'] },
  addenda: { fields: { observation: 'text', submission: 'text', text: 'text', event_time: 'time' }, needs: ['text'] },
  tips: { fields: { observation: 'text', submission: 'text', channel: 'text', line: 'text', at: 'time', reference: 'text' }, needs: ['channel', 'at'] },
  triage: { fields: { urgency: 'text', status: 'text', closing_reason: 'text', note: 'text', opened: 'any', claimed_by: 'text', assignee: 'text' }, needs: [] },
  sites: { fields: { name: 'text', venue: 'text', industry: 'text', address: 'text', point: 'object', notes: 'text' }, needs: ['name', 'venue'] },
};

/** One field of a refused mutation while a person puts it right. `written` is what stands in the box. */
export interface Field {
  name: string;
  kind: Kind;
  /** The schema of now does not know it: with it the run is refused or the value left aside. */
  strange: boolean;
  missing: boolean;
  came: Json | undefined;
  written: string;
  out: boolean;
}

/** One op of it. */
export interface Edited {
  op: string;
  collection: string;
  id: string;
  whole: JsonObject;
  fields: Field[];
}

const isObject = (v: unknown): v is JsonObject => typeof v === 'object' && v !== null && !Array.isArray(v);
const write = (kind: Kind, v: Json | undefined): string => (v === undefined || v === null ? '' : kind === 'text' || kind === 'time' ? (typeof v === 'string' ? v : JSON.stringify(v)) : JSON.stringify(v, null, 1));

/** The ops of what quarantine keeps, ready to be put right; null where it has none that can be read. */
export function opened(mutation: unknown): Edited[] | null {
  const ops = isObject(mutation) ? mutation['ops'] : undefined;
  if (!Array.isArray(ops) || !ops.every(isObject)) return null;
  return ops.map((op) => {
    const collection = typeof op['collection'] === 'string' ? op['collection'] : '';
    const known = schema[collection];
    const fields = isObject(op['fields']) ? op['fields'] : {};
    const names = [...new Set([...(op['op'] === 'create' ? (known?.needs ?? []) : []), ...Object.keys(fields)])];
    return {
      op: String(op['op'] ?? ''), collection, id: String(op['id'] ?? ''), whole: op,
      fields: names.map((name) => {
        const kind = known?.fields[name] ?? 'any';
        return { name, kind, strange: known !== undefined && !(name in known.fields), missing: !(name in fields), came: fields[name], written: write(kind, fields[name]), out: !(name in fields) };
      }),
    };
  });
}

/** Reads what stands in a box; undefined where it is not of the field's kind. */
export function read(f: Pick<Field, 'kind' | 'written' | 'came'>): Json | undefined {
  const text = f.written.trim();
  if (f.written === write(f.kind, f.came) && f.came !== undefined && f.kind === 'any') return f.came;
  switch (f.kind) {
    case 'text': return f.written;
    case 'time': return Number.isNaN(Date.parse(text)) ? undefined : new Date(text).toISOString();
    case 'yesno': return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'number': return text === 'null' ? null : text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
  }
  let v: Json;
  try { v = JSON.parse(text) as Json; } catch { return undefined; }
  if (f.kind === 'list') return Array.isArray(v) ? v : undefined;
  if (f.kind === 'object') return v === null || isObject(v) ? v : undefined;
  return v;
}

/** What is wrong with a field by the schema; '' for nothing. */
export function wrong(f: Field, needs: boolean): '' | 'strange' | 'missing' | 'kind' {
  if (f.out) return needs ? 'missing' : '';
  if (f.strange) return 'strange';
  return read(f) === undefined ? 'kind' : '';
}

/** The ops as put right; null while something is not of its kind. */
export function repaired(ops: readonly Edited[]): JsonObject[] | null {
  const out: JsonObject[] = [];
  for (const op of ops) {
    if (op.op === 'delete') { out.push(op.whole); continue; }
    const fields: JsonObject = {};
    for (const f of op.fields) {
      if (f.out) continue;
      const v = read(f);
      if (v === undefined) return null;
      fields[f.name] = v;
    }
    out.push({ ...op.whole, fields });
  }
  return out;
}

/** Whether anything was changed: what is as it came is released as it came. */
export const changed = (ops: readonly Edited[]): boolean =>
  ops.some((op) => op.fields.some((f) => (f.out ? !f.missing : f.missing || f.written !== write(f.kind, f.came))));
