/** The checklists as pulled. */
import type { ViewRecord } from '../view.ts';
import type { Conditions } from './asked.ts';

/** One thing that may have been noticed. An `emergency` shows 911 before anything else (R3). */
export interface Item extends Conditions {
  text: string;
  weight: 'context' | 'strong' | 'emergency';
  form: 'sex' | 'labor' | 'both';
  hint?: string;
  read_aloud?: string;
  icon?: string;
  group?: string;
  group_label?: string;
  group_icon?: string;
  /** What reviews it still awaits (R25). */
  review?: string;
  noticed_by?: string;
  sources?: string[];
}

/** One version of a checklist. A submission names `id` and `version`. */
export interface Checklist {
  id: string;
  key: string;
  version: number;
  locale: string;
  title: string;
  items: Item[];
}

/** By key, newest version first, `locale` before others. */
export function checklistsOf(records: readonly ViewRecord[], locale: string): Checklist[] {
  const rank = (c: Checklist): number => (c.locale === locale ? 0 : 1);
  return records.map(({ id, fields }) => ({
    id, key: String(fields.key ?? ''), version: Number(fields.version ?? 0), locale: String(fields.locale ?? ''), title: String(fields.title ?? ''),
    items: Array.isArray(fields.items) ? (fields.items as Item[]) : [],
  })).sort((a, b) => order(a.key, b.key) || b.version - a.version || rank(a) - rank(b) || order(a.locale, b.locale));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Of each key the newest version in the first language that there is. */
export const newest = (all: readonly Checklist[]): Checklist[] => all.filter((c, i) => c.key !== all[i - 1]?.key);
