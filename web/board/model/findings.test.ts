import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { say } from '../../ui/text.ts';
import { en } from '../strings/en.ts';
import { es } from '../strings/es.ts';
import { lintEn } from '../strings/lint.en.ts';
import { lintEs } from '../strings/lint.es.ts';
import { workbookEs } from '../strings/workbook.es.ts';

/** The linter's permanent codes, as it lists them. */
const codes = [...readFileSync(new URL('../../../internal/checklist/codes.go', import.meta.url), 'utf8').replace(/\/\/.*$/gm, '').matchAll(/"([a-z_]+)"/g)].map((m) => m[1]!);

describe('what is wrong with a checklist', () => {
  it('[R20] has words in both languages for each code that the linter lists, and none for any other', () => {
    expect(codes.length).toBeGreaterThan(40);
    const said = Object.keys(lintEn).map((k) => k.replace('lint.', '')).filter((k) => k !== 'end');
    expect(said.toSorted()).toEqual(codes.toSorted());
    for (const k of Object.keys(lintEn) as (keyof typeof lintEn)[]) {
      expect(en[k], k).toBe(lintEn[k]);
      expect(es[k], k).toBe(lintEs[k]);
      expect(lintEs[k], k).not.toBe(lintEn[k]);
    }
  });

  it('[R20] names in Spanish all that it names in English', () => {
    const places = (text: string) => [...text.matchAll(/\{([a-h])\}/g)].map((m) => m[1]).toSorted();
    for (const k of Object.keys(lintEn) as (keyof typeof lintEn)[]) expect(places(lintEs[k]), k).toEqual(places(lintEn[k]));
    expect(say(lintEs['lint.condition_before'], { a: 'relevant', b: 1, c: 'x.09' })).toContain('x.09');
  });
});

describe('what of a workbook is not taken', () => {
  it('[R20] has Spanish words, and what to do, for each code of the server, and for none other', () => {
    const go = readFileSync(new URL('../../../internal/odk/odk.go', import.meta.url), 'utf8');
    const known = [...go.slice(go.indexOf('const ('), go.indexOf('var next')).matchAll(/= "([a-z_]+)"/g)].map((m) => m[1]!);
    expect(known.length).toBeGreaterThan(20);
    expect(Object.keys(workbookEs).toSorted()).toEqual(known.toSorted());
    for (const [what, next] of Object.values(workbookEs)) expect([what.length > 5, next.endsWith('.') || next.endsWith('.md')]).toEqual([true, true]);
  });
});
