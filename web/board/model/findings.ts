import { locale, t } from '../words.svelte.ts';
import type { Key } from '../strings/en.ts';
import { lintEn } from '../strings/lint.en.ts';
import { workbookEs } from '../strings/workbook.es.ts';
import type { Finding, Problem } from './content.ts';
import { member } from './members.ts';

/** The members that a finding names first, by its code. */
const first = /^(condition_|sentence_hard)/;

/** A finding in the language of now; the server's English where it has a code that this board does not know yet. */
export function finding(f: Finding): { words: string; lang: string | undefined } {
  const key = `lint.${f.code ?? ''}`;
  if (!f.code || !(key in lintEn)) return { words: f.message, lang: 'en' };
  const named = (f.args ?? []).map((a, i) => (i === 0 && first.test(f.code ?? '') ? member(a) : a === 'the end' ? t('lint.end') : a));
  return { words: t(key as Key, Object.fromEntries(named.map((a, i) => ['abcdefgh'[i], a]))), lang: undefined };
}

/** What of a workbook is not taken, and what to do, in the language of now; the server's English where it has a code that this board does not know yet. */
export function problem(p: Problem): { words: string; next: string; lang: string | undefined } {
  const es = locale() === 'es' ? workbookEs[p.code] : undefined;
  return es ? { words: `${p.header ? `${p.header}: ` : ''}${es[0]}.`, next: es[1], lang: undefined } : { words: p.message, next: p.next, lang: 'en' };
}
