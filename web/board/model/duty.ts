/** Hours of a week, as the server keeps them: from a day's time to another, over midnight if it ends before it begins. */
export interface Hours { day: string; from: string; to: string }
/** What is different on one date. */
export interface Exception { date: string; closed?: boolean; from?: string; to?: string; person?: string }
/** An organization's on-call hours and lists. */
export interface Plan { zone: string; hours: Hours[] | null; exceptions: Exception[] | null; mail: string[] | null; second: string[] | null }

const lines = (s: string): string[] => s.split('\n').map((l) => l.trim()).filter(Boolean);
const span = /^(\d\d:\d\d)\s*-\s*(\d\d:\d\d)$/;

/** Reads "fri 18:00-02:00", one a line; null if one cannot be read. */
export function hoursOf(s: string): Hours[] | null {
  const out: Hours[] = [];
  for (const l of lines(s)) {
    const [day = '', ...rest] = l.split(/\s+/);
    const m = span.exec(rest.join(' '));
    if (!m || !/^(sun|mon|tue|wed|thu|fri|sat)$/i.test(day)) return null;
    out.push({ day: day.toLowerCase(), from: m[1]!, to: m[2]! });
  }
  return out;
}

/** Reads "2026-12-24 closed" and "2026-12-24 20:00-23:00", one a line, with a person's id after it if there is one; null if one cannot be read. */
export function exceptionsOf(s: string): Exception[] | null {
  const out: Exception[] = [];
  for (const l of lines(s)) {
    const m = /^(\d{4}-\d\d-\d\d)\s+(?:(closed)|(\d\d:\d\d)\s*-\s*(\d\d:\d\d)(?:\s+(\w{15}))?)$/.exec(l);
    if (!m) return null;
    out.push(m[2] ? { date: m[1]!, closed: true } : { date: m[1]!, from: m[3]!, to: m[4]!, ...(m[5] && { person: m[5] }) });
  }
  return out;
}

/** The other way round. */
export const linesOf = {
  hours: (all: Hours[]): string => all.map((h) => `${h.day} ${h.from}-${h.to}`).join('\n'),
  exceptions: (all: Exception[]): string => all.map((x) => `${x.date} ${x.closed ? 'closed' : `${x.from ?? ''}-${x.to ?? ''}${x.person ? ` ${x.person}` : ''}`}`).join('\n'),
};
