// How many reports there were: by night, hour, site, setting and indicator. Pure.
import type { Row } from './rows.ts';

/** A night, by the day on which it began: "2026-11-21". It runs from 10 in the morning to 10 in the morning, on the clock of its zone. */
export type Night = string;

/** A day begins with this hour: the small hours count to the night before. */
const DAWN = 10;

/** Reads times on the clock of a zone, summer or winter as it was then. */
export class Clock {
  readonly zone: string;
  readonly #parts: Intl.DateTimeFormat;
  /** By quarter of an hour, which no zone's clock divides: a board has thousands of reports, and reading one time takes long. */
  readonly #known = new Map<number, { date: string; hour: number }>();

  constructor(zone: string) {
    this.zone = zone;
    this.#parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', hourCycle: 'h23' });
  }

  #read(ms: number): { date: string; hour: number } {
    const quarter = Math.floor(ms / 900_000);
    let known = this.#known.get(quarter);
    if (!known) {
      const p = Object.fromEntries(this.#parts.formatToParts(ms).map((x) => [x.type, x.value]));
      known = { date: `${p['year']}-${p['month']}-${p['day']}`, hour: Number(p['hour']) };
      this.#known.set(quarter, known);
    }
    return known;
  }

  hour(ms: number): number {
    return this.#read(ms).hour;
  }

  night(ms: number): Night {
    const { date, hour } = this.#read(ms);
    return hour < DAWN ? before(date, 1) : date;
  }
}

/** The night so many nights earlier: by the calendar, whatever the clocks did. */
export const before = (night: Night, nights: number): Night => new Date(Date.parse(`${night}T00:00:00Z`) - nights * 86_400_000).toISOString().slice(0, 10);

/** The nights of a period, the last one first to last; of `nights` 0 all from the first report on, but no more than `most`. */
export function nightsOf(rows: readonly Row[], clock: Clock, now: number, nights: number, most = 400): Night[] {
  const last = clock.night(now);
  let from = before(last, nights - 1);
  if (nights === 0) {
    const first = rows.reduce((a, r) => (r.happened > 0 && r.happened < a ? r.happened : a), now);
    from = clock.night(first);
    if (from < before(last, most - 1)) from = before(last, most - 1);
  }
  const out: Night[] = [];
  for (let n = from; n <= last; n = before(n, -1)) out.push(n);
  return out;
}

/** The reports of so many nights up to now, the running one included; of 0 all. What claims to lie ahead is of tonight: its phone's clock was wrong. */
export function within(rows: readonly Row[], clock: Clock, now: number, nights: number): Row[] {
  if (nights === 0) return [...rows];
  const first = before(clock.night(now), nights - 1);
  return rows.filter((r) => clock.night(Math.min(r.happened, now)) >= first);
}

/** How many reports each night of a list has. */
export function byNight(rows: readonly Row[], clock: Clock, now: number, nights: readonly Night[]): number[] {
  const at = new Map(nights.map((n, i) => [n, i]));
  const out = nights.map(() => 0);
  for (const r of rows) {
    const i = at.get(clock.night(Math.min(r.happened, now)));
    if (i !== undefined) out[i]!++;
  }
  return out;
}

/** How many reports each hour of the day has, 0 to 23; of phones whose clock was wrong nobody knows the hour. */
export function byHour(rows: readonly Row[], clock: Clock): { hours: number[]; doubtful: number } {
  const hours = Array.from({ length: 24 }, () => 0);
  let doubtful = 0;
  for (const r of rows) {
    if (r.doubtful) doubtful++;
    else hours[clock.hour(r.happened)]!++;
  }
  return { hours, doubtful };
}

/** A day's hours as a night shows them: from noon to noon. */
export const shown: readonly number[] = Array.from({ length: 24 }, (_, i) => (i + 12) % 24);

/** One line of a table of counts. */
export interface Line { key: string; n: number }

/** Counts what `keysOf` gives for each report, most first. */
export function tally(rows: readonly Row[], keysOf: (r: Row) => readonly string[]): Line[] {
  const out = new Map<string, number>();
  for (const r of rows) for (const k of new Set(keysOf(r))) out.set(k, (out.get(k) ?? 0) + 1);
  return [...out].map(([key, n]) => ({ key, n })).sort((a, b) => b.n - a.n || (a.key < b.key ? -1 : 1));
}

/** What is written without a checklist counts under this setting, here as on the server. */
export const NO_LIST = 'observation';
export const bySite = (rows: readonly Row[]): Line[] => tally(rows, (r) => [r.site]);
export const bySetting = (rows: readonly Row[]): Line[] => tally(rows, (r) => [settingOf(r)]);
export const byIndicator = (rows: readonly Row[]): Line[] => tally(rows, (r) => r.said.filter((s) => s.answer === 'yes').map((s) => s.id));
export const settingOf = (r: Row): string => r.list?.key ?? NO_LIST;

/** A completed week of the other organizations: what is not named had fewer than 5, or is withheld. */
export interface Week {
  /** Its Monday, UTC. */
  week: string;
  zone: string;
  reports: number;
  setting: Record<string, number>;
  venue: Record<string, number>;
  hour: Record<string, number>;
  indicator: Record<string, number>;
}
/** What GET /api/fieldpost/counts answers. */
export interface Others { organizations: number; weeks: Week[] }

/** Own reports that came in a week: what the week of the others is compared with. */
export function arrivedIn(rows: readonly Row[], week: string): Row[] {
  const from = Date.parse(`${week}T00:00:00Z`);
  return rows.filter((r) => r.arrived >= from && r.arrived < from + 7 * 86_400_000);
}

/** One line where own and others stand side by side; `others` 0 is "<5". */
export interface Both { key: string; own: number; others: number }

/** Puts them side by side: all that either names, the most first. */
export function both(own: readonly Line[], others: Record<string, number>): Both[] {
  const out = new Map(own.map(({ key, n }) => [key, { key, own: n, others: others[key] ?? 0 }]));
  for (const [key, n] of Object.entries(others)) if (!out.has(key)) out.set(key, { key, own: 0, others: n });
  return [...out.values()].sort((a, b) => b.own + b.others - a.own - a.others || (a.key < b.key ? -1 : 1));
}
