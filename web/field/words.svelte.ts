import { say, type Fill, type Locale, type Text } from '../ui/text.ts';
import { en, type Key } from './strings/en.ts';
import { es } from './strings/es.ts';
import { prefs } from './prefs.svelte.ts';

const dictionaries: Record<Locale, Record<Key, Text>> = { en, es };

/** A text in the language of now. */
export const t = (key: Key, fill?: Fill): string => say(dictionaries[prefs.locale][key], fill);

/** The language of now. */
export const locale = (): Locale => prefs.locale;
