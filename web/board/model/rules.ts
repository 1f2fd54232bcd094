import type { ViewRecord } from '../../sdk/index.ts';
import type { Locale } from '../../ui/text.ts';

/** A version of the triage rules, as far as the board needs it (content/triage/schema.json). */
interface Rules {
  key: string;
  version: number;
  rules: { name: string; 'label::en': string; 'label::es': string }[];
  duplicates: { within_minutes: number };
  late: { after_minutes: number };
}

/**
 * The thresholds in force and the words of every version: the server's own
 * rules, so that the board has no second truth. Without them nothing is called
 * late and nothing alike.
 */
export interface Judging {
  /** From here on a report is late, ms between what happened and its arrival. */
  late: number;
  /** Reports of one site this near in time may be about one thing, ms. Never merged by the program. */
  near: number;
  /** The sentence of a rule in the version that fired; its name where that version is not here. */
  label(name: string, of: { key?: string; version?: number } | undefined, locale: Locale): string;
}

/** Reads the triage_rules that were pulled; the one with the highest turn is in force. */
export function judging(records: readonly ViewRecord[]): Judging {
  const all = [...records].sort((a, b) => Number(b.fields['turn'] ?? 0) - Number(a.fields['turn'] ?? 0)).map((r) => r.fields['rules'] as Rules | undefined).filter((r) => r !== undefined);
  const now = all[0];
  return {
    late: now ? now.late.after_minutes * 60_000 : Infinity,
    near: now ? now.duplicates.within_minutes * 60_000 : -1,
    label: (name, of, locale) => all.find((r) => r.key === of?.key && r.version === of.version)?.rules.find((r) => r.name === name)?.[`label::${locale}`] ?? name,
  };
}
