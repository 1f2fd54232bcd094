/** The most that a photo is wide or high, in pixels (PHOTO-6). */
export const MAX_EDGE = 2048;

/** A picture that was drawn anew, and the SHA-256 of the one that was picked. */
export interface Made {
  bytes: Uint8Array<ArrayBuffer>;
  raw: string;
}

/**
 * A JPEG without what programs put beside the picture: browsers add colour
 * profiles, and none of that is let through by the server (PHOTO-3). Throws on
 * what is no JPEG.
 */
export function bare(jpeg: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const no = (): Error => new Error('photo: that is no JPEG');
  if (jpeg[0] !== 0xff || jpeg[1] !== 0xd8) throw no();
  const keep: Uint8Array<ArrayBuffer>[] = [jpeg.subarray(0, 2)];
  let at = 2;
  while (jpeg[at + 1] !== 0xda) { // to the first scan: nothing is put between scans
    const size = ((jpeg[at + 2] ?? 0) << 8) | (jpeg[at + 3] ?? 0);
    const marker = jpeg[at + 1] ?? 0;
    if (jpeg[at] !== 0xff || size < 2 || at + 2 + size > jpeg.length) throw no();
    const draws = (marker >= 0xc0 && marker <= 0xcf) || marker === 0xdb || marker === 0xdd || (marker === 0xe0 && size === 16);
    if (draws) keep.push(jpeg.subarray(at, at + 2 + size));
    at += 2 + size;
  }
  const whole = new Uint8Array(keep.reduce((n, k) => n + k.length, jpeg.length - at));
  let to = 0;
  for (const part of [...keep, jpeg.subarray(at)]) {
    whole.set(part, to);
    to += part.length;
  }
  return whole;
}
