// Reads the QR code of a screenshot as a camera's program would: versions 1 to 6
// with error correction M, bytes alone. It corrects no errors: a screenshot has none.
import { pixels } from './png.ts';

/** Blocks of data of a version with correction M: how many, and how many bytes each. */
const blocks: readonly [number, number][] = [[0, 0], [1, 16], [1, 28], [1, 44], [2, 32], [2, 43], [4, 27]];
const masks: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0, (_, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0, (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (x, y) => (x * y) % 2 + (x * y) % 3 === 0, (x, y) => ((x * y) % 2 + (x * y) % 3) % 2 === 0, (x, y) => ((x + y) % 2 + (x * y) % 3) % 2 === 0,
];

/** The modules of the picture, true is dark, without the light border. */
function modules(png: Buffer): boolean[][] {
  const { width, height, of } = pixels(png);
  const dark = (x: number, y: number): boolean => ((of[y * width + x] ?? 0xffffff) >> 8 & 255) < 128;
  let [left, top, right] = [width, height, 0];
  // The light border is wider than this; what lies beyond it may be another ground.
  const [w, h] = [Math.ceil(width / 25), Math.ceil(height / 25)];
  for (let y = h; y < height - h; y++) for (let x = w; x < width - w; x++) if (dark(x, y)) { left = Math.min(left, x); top = Math.min(top, y); right = Math.max(right, x); }
  if (right === 0) throw new Error('there is nothing dark in the picture');
  // The upper edge of a finder is seven modules long.
  let edge = 0;
  while (dark(left + edge, top + 1)) edge++;
  const side = Math.round((right - left + 1) / (edge / 7));
  const one = (right - left + 1) / side;
  const at = (n: number): number => Math.floor((n + 0.5) * one);
  return Array.from({ length: side }, (_, y) => Array.from({ length: side }, (_, x) => dark(left + at(x), top + at(y))));
}

/** The text of the code in a screenshot. */
export function readQR(png: Buffer): string {
  const code = modules(png);
  const n = code.length;
  const version = (n - 17) / 4;
  const [count, size] = blocks[version] ?? [0, 0];
  if (count === 0) throw new Error(`a code of ${n} modules is not read here`);
  const dark = (x: number, y: number): boolean => code[y]?.[x] ?? false;
  // Beside the upper left finder: correction and mask, over a fixed pattern.
  const told = [0, 1, 2, 3, 4].reduce((bits, x) => bits << 1 | Number(dark(x, 8)), 0) ^ 0b10101;
  if (told >> 3 !== 0) throw new Error('the code is not of correction M');
  const mask = masks[told & 7]!;
  const near = (at: number, x: number): boolean => Math.abs(x - at) <= 2;
  const fixed = (x: number, y: number): boolean => x === 6 || y === 6 || (x < 9 && y < 9) || (x > n - 9 && y < 9) || (x < 9 && y > n - 9) || (version > 1 && near(n - 7, x) && near(n - 7, y));
  const bits: number[] = [];
  let up = true;
  for (let right = n - 1; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let i = 0; i < n; i++) {
      const y = up ? n - 1 - i : i;
      for (const x of [right, right - 1]) if (!fixed(x, y)) bits.push(Number(dark(x, y) !== mask(x, y)));
    }
  }
  // The bytes of the blocks come in turn.
  const byte = (i: number): number => bits.slice(i * 8, i * 8 + 8).reduce((b, x) => b << 1 | x, 0);
  const data = Array.from({ length: count }, (_, b) => Array.from({ length: size }, (_, i) => byte(i * count + b))).flat();
  const bit = (from: number, length: number): number => Array.from({ length }, (_, i) => data[(from + i) >> 3]! >> (7 - ((from + i) & 7)) & 1).reduce((b, x) => b << 1 | x, 0);
  if (bit(0, 4) !== 4) throw new Error('the code holds no bytes');
  return Buffer.from(Array.from({ length: bit(4, 8) }, (_, i) => bit(12 + i * 8, 8))).toString('utf8');
}
