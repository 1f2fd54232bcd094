import url from 'virtual:content';
import { icons } from '../ui/icons.ts';
import type { Locale, Text } from '../ui/text.ts';
import type { Key } from './strings/en.ts';
import type { Names } from './warn/warn.ts';

// Texts, hotlines, guidance and pictures are in the app itself: they open from a
// cold start with no network (R3). Beside the script, because data is read many
// times faster than a script. What the server knows better comes with a pull.
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

/** All of it, as the build wrote it. */
interface Content {
  texts: Record<Locale, Record<Key, Text>>;
  lines: Hotline[];
  guides: Guide[];
  pictures: Record<string, string>;
  names: Record<keyof Names, string>;
  icons: typeof icons;
}

let all: Content;

/** Reads it, from the precache when there is no network. The app starts when it is there. */
export async function loadContent(): Promise<void> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`content: ${answer.status}`);
  all = (await answer.json()) as Content;
  Object.assign(icons, all.icons); // the build has left them out of the script
}

/** The app's words in a language. */
export const texts = (locale: Locale): Record<Key, Text> => all.texts[locale];

/** Every line, 911 first. */
export const hotlines = (): Hotline[] => [...all.lines].sort((a, b) => Number(b.needs.includes('emergency')) - Number(a.needs.includes('emergency')));

/** The text of a key; a missing one is a fault of the build. */
export function guide(key: string): Guide {
  const g = all.guides.find((g) => g.key === key);
  if (!g) throw new Error(`content: no guidance ${key}`);
  return g;
}

/** The texts that stand on the Learn screen. */
export const guides = (): Guide[] => all.guides.filter((g) => g.shown !== 'myself');

/** The inner part of a picture of the checklists; "" if there is none of that name. */
export const picture = (name: string): string => all.pictures[name] ?? '';

/** What a note is held against (R2). */
export const names = (): Record<keyof Names, string> => all.names;

/** A bilingual text in a language. */
export const said = (s: Said, locale: Locale): string => s[`text::${locale}`];

/** Days since a person verified a line; null if nobody has. */
export function daysSince(verified: string, now: number): number | null {
  if (!verified) return null;
  return Math.max(0, Math.floor((now - new Date(`${verified}T00:00:00`).getTime()) / 86_400_000));
}
