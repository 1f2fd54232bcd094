// What was measured, one figure a line: printed, and added to the file that
// FIELDPOST_BENCH_OUT names. bench/apps.go reads it.
import { appendFileSync } from 'node:fs';
import { loadavg } from 'node:os';

export interface Figure {
  /** What was measured, in words. */
  what: string;
  /** ms, points, or what `unit` says. */
  figure: number;
  unit: string;
  /** The bar, if there is one: at least or at most this much. */
  least?: number;
  most?: number;
}

export function figure(what: string, value: number, unit: string, bar: { least?: number; most?: number } = {}): void {
  const f: Figure = { what, figure: Math.round(value * 100) / 100, unit, ...bar };
  console.log(`${f.what}: ${f.figure} ${unit} (load ${loadavg()[0]?.toFixed(1)})`);
  if (process.env.FIELDPOST_BENCH_OUT) appendFileSync(process.env.FIELDPOST_BENCH_OUT, `${JSON.stringify(f)}\n`);
}

const sorted = (all: readonly number[]): number[] => [...all].sort((a, b) => a - b);

/** The value that the share p of all is below or at. */
export const percentile = (all: readonly number[], p: number): number => {
  if (all.length === 0) throw new Error('nothing was measured');
  return sorted(all)[Math.min(all.length - 1, Math.floor(all.length * p))] as number;
};

export const median = (all: readonly number[]): number => percentile(all, 0.5);
