// A screenshot as a PNG of few colours: a screen of words has few, and many
// screenshots in the repository should weigh little.
import { deflateSync, inflateSync } from 'node:zlib';

const COLORS = 32;
const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

function crc(data: Buffer): number {
  let c = -1;
  for (const b of data) {
    c ^= b;
    for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return (c ^ -1) >>> 0;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** The pixels of a browser's screenshot (8 bits, RGB or RGBA, not interlaced), as 0xrrggbb. */
export function pixels(png: Buffer): { width: number; height: number; of: Uint32Array } {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const per = png[25] === 6 ? 4 : 3;
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const line = width * per;
  let above = new Uint8Array(line);
  const of = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (line + 1)];
    const row = new Uint8Array(raw.subarray(y * (line + 1) + 1, (y + 1) * (line + 1)));
    for (let x = 0; x < line; x++) {
      const a = x >= per ? row[x - per] as number : 0;
      const b = above[x] as number;
      const c = x >= per ? above[x - per] as number : 0;
      const p = a + b - c;
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
      const near = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      row[x] = (row[x] as number) + (filter === 1 ? a : filter === 2 ? b : filter === 3 ? (a + b) >> 1 : filter === 4 ? near : 0);
    }
    for (let x = 0; x < width; x++) of[y * width + x] = (row[x * per] as number) << 16 | (row[x * per + 1] as number) << 8 | (row[x * per + 2] as number);
    above = row;
  }
  return { width, height, of };
}

const apart = (a: number, b: number): number => ((a >> 16) - (b >> 16)) ** 2 + ((a >> 8 & 255) - (b >> 8 & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;

/** The colours that matter: much of them, or far from the others. A red mark is few pixels, and means something. */
function palette(all: [number, number][]): number[] {
  const kept: number[] = [];
  const away = all.map(() => 1e6);
  while (kept.length < Math.min(COLORS, all.length)) {
    let best = 0;
    for (let i = 1; i < all.length; i++) if (score(i) > score(best)) best = i;
    const color = (all[best] as [number, number])[0];
    kept.push(color);
    all.forEach(([p], i) => { away[i] = Math.min(away[i] as number, apart(p, color)); });
  }
  return kept;
  function score(i: number): number {
    return Math.sqrt((all[i] as [number, number])[1]) * (away[i] as number);
  }
}

/** The same picture in a few colours, each other one as the nearest of them. */
export function small(png: Buffer): Buffer {
  const { width, height, of } = pixels(png);
  const count = new Map<number, number>();
  for (const p of of) count.set(p, (count.get(p) ?? 0) + 1);
  const kept = palette([...count].sort((a, b) => b[1] - a[1]).slice(0, 4_000));
  const near = new Map<number, number>();
  const index = (p: number): number => {
    let best = near.get(p);
    if (best !== undefined) return best;
    best = 0;
    for (let i = 0, least = Infinity; i < kept.length; i++) {
      const k = kept[i] as number;
      const d = apart(k, p);
      if (d < least) [best, least] = [i, d];
    }
    near.set(p, best);
    return best;
  };
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = index(of[y * width + x] as number);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colors = Buffer.from(kept.flatMap((k) => [k >> 16, k >> 8 & 255, k & 255]));
  return Buffer.concat([signature, chunk('IHDR', head), chunk('PLTE', colors), chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))]);
}
