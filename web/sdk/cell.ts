/** A place on the ground, in degrees. */
export interface Point { lat: number; lon: number }

/** How many letters of a geohash a coarse cell has: about 4 by 5 km in Kansas City (R14). */
export const CELL = 5;

/** The cell of so many letters that a point lies in. */
export function cellAt(p: Point, length = CELL): string {
  const sides = [[-180, 180, p.lon], [-90, 90, p.lat]] as [number, number, number][];
  let out = '';
  for (let n = 0, bits = 0; out.length < length; n++) {
    const side = sides[n % 2]!;
    const middle = (side[0] + side[1]) / 2;
    const upper = side[2] >= middle;
    side[upper ? 0 : 1] = middle;
    bits = (bits << 1) | +upper;
    if (n % 5 < 4) continue;
    out += '0123456789bcdefghjkmnpqrstuvwxyz'[bits];
    bits = 0;
  }
  return out;
}
