import type { Locale } from '../../ui/text.ts';

/** What a piece of a text looks like (R2). It is a warning, never a block. */
export interface Warning {
  kind: 'name' | 'phone' | 'id';
  /** The piece, as it was typed. */
  word: string;
}

// Seven digits and more with the marks that people put between them, or the
// ten of a North American number.
const phone = /(?<![\w$#])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])?\d{3}[ .-]\d{4}(?!\w)|(?<!\w)\+?\d{10,11}(?!\w)/g;
// A social security number; a number of an immigration file; a letter or two
// and six digits or more, as passports and licences have; eight digits and more.
const id = /(?<![\p{L}\d])\d{3}-\d{2}-\d{4}(?!\d)|(?<![\p{L}\d])(?:[A-Z]{1,2} |[A-Za-z]{1,2}-?)\d{6,12}(?![\p{L}\d])|(?<![\p{L}\d])\d{8,9}(?![\p{L}\d])|(?<![\p{L}\d])[A-Z]{4}\d{6}[A-Z]{6,7}\d{0,2}(?![\p{L}\d])/gu;
// Words after which a name stands.
const cues: Record<Locale, RegExp> = {
  en: /\b(?:named|called (?!(?:the|a|an|me|us|her|him|them|my|our|in|out|for|from|back|at|on|to|911|police|security|twice|again)\b)|name is|name was|name's|goes by|nickname|mr\.?|mrs\.?|ms\.?|miss) ?([\p{L}'’-]{2,})/giu,
  es: /(?:^|[^\p{L}])(?:se llama|se llamaba|llamad[oa]|le dicen|le decían|de nombre|nombre es|apodo|apodad[oa]|don|doña|señora|señor|sra?\.) ([\p{L}'’-]{2,})/giu,
};
// What follows a cue and is no name.
const noName = new Set(['the', 'a', 'an', 'el', 'la', 'los', 'las', 'un', 'una', 'que', 'mi', 'su', 'not', 'no', 'unknown', 'asleep', 'de', 'del', 'por', 'a', 'al', 'mayor', 'joven', 'policía']);
const word = /\p{L}[\p{L}'’-]*/gu;
// "St. Louis", "San Antonio": a town.
const town = /(?:^|[^\p{L}])(?:st\.?|saint|san|santa|santo) $/iu;

/** Given names, folded, and those of them that are words or places too. They are data: they come with the app's content. */
export interface Names {
  given: ReadonlySet<string>;
  ambiguous: ReadonlySet<string>;
}

/** The names in a set each, of the texts that the content has. */
export const namesOf = (texts: Record<keyof Names, string>): Names => ({ given: new Set(texts.given.split(' ')), ambiguous: new Set(texts.ambiguous.split(' ')) });

/**
 * What looks like a name, a phone number or an ID number in a text, in its
 * order, each piece once. Pure and local: no text leaves the phone for it.
 */
export function warn(text: string, { given, ambiguous }: Names): Warning[] {
  const found: (Warning & { at: number })[] = [];
  const add = (kind: Warning['kind'], piece: string, at: number) => {
    if (!found.some((f) => (f.word === piece && f.kind === kind) || (at < f.at + f.word.length && f.at < at + piece.length))) found.push({ kind, word: piece, at });
  };
  for (const m of text.matchAll(phone)) add('phone', m[0], m.index);
  for (const m of text.matchAll(id)) add('id', m[0].trim(), m.index);
  for (const l of ['en', 'es'] as const) {
    // Both languages: people write in both, whatever the app speaks.
    for (const m of text.matchAll(cues[l])) {
      const piece = m[1] ?? '';
      const capital = /^\p{Lu}/u.test(piece);
      if (!noName.has(piece.toLowerCase()) && (capital || given.has(fold(piece)))) add('name', piece, m.index + m[0].length - piece.length);
    }
  }
  for (const m of text.matchAll(word)) {
    const piece = m[0].replace(/['’]s$/u, '');
    const plain = fold(piece);
    if (!given.has(plain) || town.test(text.slice(0, m.index))) continue;
    const begins = /(?:^|[.!?¡¿]\s*|\n\s*)$/u.test(text.slice(0, m.index));
    const capital = /^\p{Lu}/u.test(piece);
    // "Will", "rose", "luz": a name only with a capital inside of a sentence.
    if (ambiguous.has(plain) && (!capital || begins)) continue;
    add('name', piece, m.index);
  }
  return found.sort((a, b) => a.at - b.at).map(({ kind, word: w }) => ({ kind, word: w }));
}

/** Lower case without accents, as the lists are. */
function fold(piece: string): string {
  return piece.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');
}
