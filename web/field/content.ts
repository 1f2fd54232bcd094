import type { Locale } from '../ui/text.ts';

// Hotlines, guidance and pictures are in the app itself: they open from a cold
// start with no network (R3). What the server knows better comes with a pull.
type Said = { 'text::en': string; 'text::es': string };

/** A way to reach a line. `hours` "" is: not known. */
export interface Channel {
  kind: 'call' | 'text' | 'tty' | 'chat';
  value: string;
  languages: string[];
  hours: string;
  note?: Said;
}

/** A line that somebody may call; `verified_on` is "" until a person called it. */
export interface Hotline {
  id: string;
  'name::en': string;
  'name::es': string;
  places: string[];
  needs: string[];
  channels: Channel[];
  what_happens: Said;
  immigration?: Said;
  fresh?: Said;
  verified_on: string;
}

interface Paragraph extends Said {
  id: string;
  mark?: 'do' | 'do_not';
}

/** A short text for the worker. */
export interface Guide {
  key: string;
  shown: string;
  'title::en': string;
  'title::es': string;
  paragraphs: Paragraph[];
  lines?: string[];
}

const lineFiles = import.meta.glob<{ lines: Hotline[] }>('../../content/hotlines/*.json', { eager: true, import: 'default' });
const guideFiles = import.meta.glob<Guide>('../../content/guidance/*.json', { eager: true, import: 'default' });
const pictureFiles = import.meta.glob<string>('../../content/icons/*.svg', { eager: true, query: '?raw', import: 'default' });

/** Every line, 911 first. */
export const hotlines: Hotline[] = Object.keys(lineFiles).sort().flatMap((f) => lineFiles[f]?.lines ?? [])
  .sort((a, b) => Number(b.needs.includes('emergency')) - Number(a.needs.includes('emergency')));

/** The text of a key; a missing one is a fault of the build. */
export function guide(key: string): Guide {
  const g = Object.values(guideFiles).find((g) => g.key === key);
  if (!g) throw new Error(`content: no guidance ${key}`);
  return g;
}

/** The texts that stand on the Learn screen. */
export const guides: Guide[] = Object.keys(guideFiles).sort().map((f) => guideFiles[f]).filter((g): g is Guide => !!g && g.shown !== 'myself');

/** The inner part of a picture of the checklists; "" if there is none of that name. */
export function picture(name: string): string {
  const svg = pictureFiles[`../../content/icons/${name}.svg`] ?? '';
  return svg.replace(/^[^>]*>/, '').replace(/<\/svg>\s*$/, '');
}

/** A bilingual text in a language. */
export const said = (s: Said, locale: Locale): string => s[`text::${locale}`];

/** Days since a person verified a line; null if nobody has. */
export function daysSince(verified: string, now: number): number | null {
  if (!verified) return null;
  return Math.max(0, Math.floor((now - new Date(`${verified}T00:00:00`).getTime()) / 86_400_000));
}
