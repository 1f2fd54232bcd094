import { describe, expect, it } from 'vitest';
import { hits, misses } from './corpus.ts';
import { names } from './names.ts';
import { namesOf, warn as warnWith } from './warn.ts';

const all = namesOf(names);
const warn = (text: string) => warnWith(text, all);

describe('[R2] what is typed is warned of, and nothing is blocked', () => {
  for (const l of ['en', 'es'] as const) {
    it(`[R2] has 50 hits and 50 near misses in ${l}`, () => {
      expect([new Set(hits[l].map(([t]) => t)).size, new Set(misses[l]).size]).toEqual([50, 50]);
    });
    it.each(hits[l])(`${l}: %s`, (text, kind, word) => {
      expect(warn(text)).toContainEqual({ kind, word });
    });
    it.each(misses[l])(`${l}: lets pass %s`, (text) => {
      expect(warn(text)).toEqual([]);
    });
  }
  it('[R2] names each piece once, in the order of the text', () => {
    expect(warn('Marcus and Brenda, 816-555-0134. Marcus again.')).toEqual([
      { kind: 'name', word: 'Marcus' }, { kind: 'name', word: 'Brenda' }, { kind: 'phone', word: '816-555-0134' },
    ]);
  });
});
