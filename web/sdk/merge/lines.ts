/** One unbroken line of history of a database, an epoch. `left` is the last seq that it surely shares with what came after; absent: the present one. */
export interface Line {
  epoch: string;
  left?: number;
}

/**
 * What a base of an epoch counts as on the present line (MERGE-1). `lines` are
 * those of the database, oldest first. '' is a mutation that names no epoch.
 */
export function base(lines: readonly Line[], epoch: string, base: number): number {
  if (epoch === '' && lines.length === 1) return base;
  const at = lines.findIndex((l) => l.epoch === epoch);
  if (at < 0) return 0;
  return lines.slice(at).reduce((least, l) => (l.left === undefined ? least : Math.min(least, l.left)), base);
}
