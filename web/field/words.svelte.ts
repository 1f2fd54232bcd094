import { say, type Fill, type Locale } from '../ui/text.ts';
import { texts } from './content.ts';
import type { Key } from './strings/en.ts';
import { prefs } from './prefs.svelte.ts';

/** A text in the language of now. */
export const t = (key: Key, fill?: Fill): string => say(texts(prefs.locale)[key], fill);

/** The language of now. */
export const locale = (): Locale => prefs.locale;
