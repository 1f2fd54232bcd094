import type { Locale } from '../ui/text.ts';
import { age, clock, day } from '../ui/format.ts';

export { age, clock, day };

/** The time of day to the second, for what is live: "1:52:41 AM". */
export const exact = (ms: number, locale: Locale): string =>
  new Intl.DateTimeFormat(locale === 'es' ? 'es-US' : 'en-US', { hour: 'numeric', minute: '2-digit', second: '2-digit' }).format(ms);

/** A time, with its day when it is not of the last 20 hours. */
export const when = (ms: number, locale: Locale, now: number): string => (now - ms < 20 * 3_600_000 ? clock(ms, locale) : `${day(ms, locale)}, ${clock(ms, locale)}`);

/** Words that stand alone elsewhere, in the middle of a sentence: "all nights". */
export const inside = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1);

/** How long ago, to the second below a minute: "3 s", "6 min 40 s". */
export function ageExact(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return age(ms);
}

/** An hour of the day as the language writes it: "1 AM", "1 a. m.". */
export const hourName = (hour: number, locale: Locale): string =>
  new Intl.DateTimeFormat(locale === 'es' ? 'es-US' : 'en-US', { hour: 'numeric', timeZone: 'UTC' }).format(hour * 3_600_000);

/** A day of the calendar ("2026-11-21"), as the language writes it: "Nov 21". */
export const dayName = (date: string, locale: Locale): string =>
  new Intl.DateTimeFormat(locale === 'es' ? 'es-US' : 'en-US', { month: 'short', day: 'numeric', timeZone: 'UTC' }).format(Date.parse(`${date}T00:00:00Z`));
