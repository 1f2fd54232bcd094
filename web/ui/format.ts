import type { Locale } from './text.ts';

const tags: Record<Locale, string> = { en: 'en-US', es: 'es-US' };
const made = new Map<string, Intl.DateTimeFormat>();

function formatter(locale: Locale, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + name;
  let f = made.get(key);
  if (!f) made.set(key, (f = new Intl.DateTimeFormat(tags[locale], options)));
  return f;
}

/** The time of day as the person's region writes it: "1:52 AM". */
export const clock = (ms: number, locale: Locale): string => formatter(locale, 'clock', { hour: 'numeric', minute: '2-digit' }).format(ms);

/** A day: "Fri, Nov 20". */
export const day = (ms: number, locale: Locale): string =>
  formatter(locale, 'day', { weekday: 'short', month: 'short', day: 'numeric' }).format(ms);

/** A date without its weekday: "Nov 2". */
export const date = (ms: number, locale: Locale): string => formatter(locale, 'date', { month: 'short', day: 'numeric' }).format(ms);

/** The month's name, as a calendar heads its page: "November". */
export const month = (ms: number, locale: Locale): string => {
  const name = formatter(locale, 'month', { month: 'long' }).format(ms);
  return name.charAt(0).toLocaleUpperCase(tags[locale]) + name.slice(1);
};

/** Names of the days of the week, Sunday first: "Sun". */
export const weekdays = (locale: Locale): string[] =>
  // 4 January 1970 was a Sunday.
  [0, 1, 2, 3, 4, 5, 6].map((d) => new Intl.DateTimeFormat(tags[locale], { weekday: 'short', timeZone: 'UTC' }).format((d + 3) * 86_400_000));

/** How long ago, in hours and minutes: "2 h 12 min". */
export function age(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 10 && minutes % 60 > 0) return `${hours} h ${minutes % 60} min`;
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** Whether a time is of a night's work, from 6 in the evening to 10 in the morning. */
export const atNight = (ms: number): boolean => {
  const hour = new Date(ms).getHours();
  return hour >= 18 || hour < 10;
};

/**
 * The start of the working day or night that a time belongs to, in Unix ms. A
 * night belongs to the day it began, so the small hours count to the day before.
 */
export function shiftStart(ms: number): number {
  const d = new Date(ms);
  if (d.getHours() < 10) d.setDate(d.getDate() - 1);
  d.setHours(10, 0, 0, 0);
  return d.getTime();
}
