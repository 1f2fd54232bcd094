import { say, type Fill, type Locale, type Text } from '../ui/text.ts';
import { en, type Key } from './strings/en.ts';
import { es } from './strings/es.ts';

const dictionaries: Record<Locale, Record<Key, Text>> = { en, es };
const KEY = 'board-locale';
const chosen: { locale: Locale } = $state({ locale: (localStorage.getItem(KEY) ?? navigator.language).startsWith('es') ? 'es' : 'en' });

/** A text in the language of now. */
export const t = (key: Key, fill?: Fill): string => say(dictionaries[chosen.locale][key], fill);

/** The language of now. */
export const locale = (): Locale => chosen.locale;

/** The other language. */
export function turnLanguage(): void {
  chosen.locale = chosen.locale === 'en' ? 'es' : 'en';
  localStorage.setItem(KEY, chosen.locale);
}
