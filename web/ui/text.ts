/** A language of the apps. */
export type Locale = 'en' | 'es';

/** The languages, as each names itself. */
export const locales: Record<Locale, string> = { en: 'English', es: 'Español' };

/** One text: as it stands, or by number ("1 waiting", "5 waiting"). `{name}` is filled in. */
export type Text = string | { one: string; other: string };

/** What fills the places of a text. */
export type Fill = Record<string, string | number>;

/** The keys of a dictionary are those of the English one; a language that lacks one does not compile. */
export type Translation<T extends Record<string, Text>> = { [K in keyof T]: T[K] extends string ? string : { one: string; other: string } };

/**
 * Makes a text: the form for the number `n`, with the places filled. A place
 * that nothing fills stays as it is, so that a test sees it.
 */
export function say(text: Text, fill: Fill = {}): string {
  const form = typeof text === 'string' ? text : Number(fill['n']) === 1 ? text.one : text.other;
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => (name in fill ? String(fill[name]) : whole));
}
