import { expect, test } from 'vitest';
import { bare } from './made.ts';

const bytes = (...parts: (number[] | string)[]): Uint8Array<ArrayBuffer> => new Uint8Array(parts.flatMap((p) => (typeof p === 'string' ? [...new TextEncoder().encode(p)] : p)));
const segment = (marker: number, body: string): Uint8Array => bytes([0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255], body);
const join = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => bytes(...parts.map((p) => [...p]));

const jfif = segment(0xe0, 'JFIF\0\x01\x01\x00\0\x01\0\x01\0\0');
const picture = join(segment(0xdb, 'a table'), segment(0xc0, 'a frame'), segment(0xc4, 'another'), bytes([0xff, 0xda, 0, 2], 'drawn', [0xff, 0xd9]));

test('[PHOTO-6] [R13] of what was drawn goes the picture alone: no colour profile, no EXIF, no comment', () => {
  const start = bytes([0xff, 0xd8]);
  const full = join(start, jfif, segment(0xe1, 'Exif\0\0GPS'), segment(0xe2, 'ICC_PROFILE\0'), segment(0xfe, 'a comment'), segment(0xed, 'Photoshop'), picture);
  expect(bare(full)).toEqual(join(start, jfif, picture));
  expect(bare(join(start, picture))).toEqual(join(start, picture));
  for (const none of [bytes('PNG'), bytes([0xff, 0xd8]), join(start, jfif), bytes([0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff])]) expect(() => bare(none)).toThrow('no JPEG');
});
