import { sha256 } from './bytes.ts';

/** One collection's count and 16 slice sums (PULL-8). */
export interface Digest {
  count: number;
  sums: string[];
}

/** How many parts a digest has. */
export const SLICES = 16;

/** What one record adds, and to which slice. The slice depends on the id alone. */
export function digestTerm(id: string, seq: number): { slice: number; term: bigint } {
  const sum = sha256(`${id}:${seq}`);
  return { slice: sha256(id)[0]! >> 4, term: new DataView(sum.buffer).getBigUint64(0) };
}

/** Sums up which records are there, and in which versions. Their order plays no part. */
export class Summer {
  private count = 0;
  private readonly sums = new BigUint64Array(SLICES); // adds modulo 2^64

  add(id: string, seq: number): void {
    const { slice, term } = digestTerm(id, seq);
    this.count++;
    this.sums[slice]! += term;
  }

  digest(): Digest {
    return { count: this.count, sums: Array.from(this.sums, (s) => s.toString(16).padStart(16, '0')) };
  }
}

export const sameDigest = (a: Digest, b: Digest): boolean =>
  a.count === b.count && a.sums.length === b.sums.length && a.sums.every((s, i) => s === b.sums[i]);
