import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const [light, dark] = [0, 1].map((n) => (name: string): string => {
  const value = new RegExp(`--${name}: (?:light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)|(#[0-9a-f]{6}));`).exec(css);
  if (!value) throw new Error(`tokens: no colour ${name}`);
  return value[3] ?? value[n + 1] ?? '';
});

/** Relative luminance and contrast, WCAG 2. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
  return (x! + 0.05) / (y! + 0.05);
}

// What may stand on what: words need 4.5, what bounds a control 3.
const grounds = ['ground', 'surface', 'raised', 'selected'];
const pairs: [what: string, on: string[], least: number][] = [
  ['text', [...grounds, 'you-ground', 'danger-ground'], 4.5], ['text-2', [...grounds, 'you-ground', 'danger-ground'], 4.5], ['text-3', grounds.slice(0, 3), 4.5],
  ['there', grounds, 4.5], ['you', [...grounds.slice(0, 3), 'you-ground'], 4.5], ['danger', [...grounds.slice(0, 3), 'danger-ground'], 4.5],
  ['edge', [...grounds, 'you-ground', 'danger-ground'], 3], ['on-action', ['action', 'action-pressed'], 4.5], ['on-danger', ['danger-fill'], 4.5], ['danger-fill', ['danger-ground'], 3],
];

describe('[R20] every pair of colours that the parts use can be read', () => {
  for (const [theme, colour] of [['light', light!], ['dark', dark!]] as const) {
    for (const [what, on, least] of pairs) {
      it.each(on)(`${theme}: ${what} on %s`, (ground) => {
        expect(contrast(colour(what), colour(ground))).toBeGreaterThanOrEqual(least);
      });
    }
  }
  it('[R20] computes as the formula says', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  });
});
