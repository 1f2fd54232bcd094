// A reader of LevelDB's files, enough to see every key and value that lies in
// them, deleted and overwritten ones too: what is on the disk, not what a
// database would answer.
const BLOCK = 32 << 10;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');

/** A number of 7 bits a byte, and where it ends. */
function varint(b: Buffer, at: number): [number, number] {
  let value = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = b[at++];
    if (byte === undefined) throw new RangeError('cut off');
    value += (byte & 127) * shift;
    if (byte < 128) return [value, at];
  }
}

/** What a snappy block holds. */
export function unsnap(b: Buffer): Buffer {
  const [size, begin] = varint(b, 0);
  if (size > 64 << 20) throw new RangeError('no snappy block');
  const out = Buffer.alloc(size);
  let to = 0;
  for (let at = begin; at < b.length;) {
    const tag = b[at++] as number;
    let length = (tag >> 2) + 1;
    if ((tag & 3) === 0) {
      if (length > 60) {
        const bytes = length - 60;
        length = b.readUIntLE(at, bytes) + 1;
        at += bytes;
      }
      to += b.copy(out, to, at, at + length);
      at += length;
      continue;
    }
    let offset: number;
    if ((tag & 3) === 1) {
      length = ((tag >> 2) & 7) + 4;
      offset = ((tag >> 5) << 8) | (b[at++] as number);
    } else {
      const bytes = (tag & 3) === 2 ? 2 : 4;
      offset = b.readUIntLE(at, bytes);
      at += bytes;
    }
    if (offset === 0 || offset > to || to + length > size) throw new RangeError('no snappy block');
    for (let i = 0; i < length; i++, to++) out[to] = out[to - offset] as number;
  }
  if (to !== size) throw new RangeError('no snappy block');
  return out;
}

/** Keys and values of a table file (.ldb). */
function* table(b: Buffer): Generator<Buffer> {
  if (b.length < 48 || !b.subarray(-8).equals(MAGIC)) return;
  const footer = b.subarray(-48);
  let at = 0;
  const handle = (from: Buffer, p: number): [number, number, number] => {
    const [offset, a] = varint(from, p);
    const [size, z] = varint(from, a);
    return [offset, size, z];
  };
  const block = (offset: number, size: number): Buffer => {
    const raw = b.subarray(offset, offset + size);
    return b[offset + size] === 1 ? unsnap(raw) : raw;
  };
  [, , at] = handle(footer, at); // the index of filters
  const [offset, size] = handle(footer, at);
  for (const [, place] of entries(block(offset, size))) {
    const [o, s] = handle(place, 0);
    for (const [key, value] of entries(block(o, s))) yield* [key, value];
  }
}

/** The entries of a block: each key says how much of the one before it begins with. */
function* entries(b: Buffer): Generator<[Buffer, Buffer]> {
  const end = b.length - 4 - 4 * b.readUInt32LE(b.length - 4);
  let key = Buffer.alloc(0);
  for (let at = 0; at < end;) {
    let shared: number, own: number, size: number;
    [shared, at] = varint(b, at);
    [own, at] = varint(b, at);
    [size, at] = varint(b, at);
    key = Buffer.concat([key.subarray(0, shared), b.subarray(at, at + own)]);
    yield [key, b.subarray(at + own, at + own + size)];
    at += own + size;
  }
}

/** Keys and values of a log file (.log), the unfinished end left out. */
function* log(b: Buffer): Generator<Buffer> {
  let record: Buffer[] = [];
  for (let at = 0; at + 7 <= b.length;) {
    const left = BLOCK - (at % BLOCK);
    const length = b.readUInt16LE(at + 4);
    const type = b[at + 6];
    if (left < 7 || type === 0) {
      at += left;
      continue;
    }
    record.push(b.subarray(at + 7, at + 7 + length));
    at += 7 + length;
    if (type === 1 || type === 4) {
      yield* batch(Buffer.concat(record));
      record = [];
    }
  }
}

function* batch(b: Buffer): Generator<Buffer> {
  try {
    for (let at = 12; at < b.length;) {
      const put = b[at++] === 1;
      for (let part = 0; part < (put ? 2 : 1); part++) {
        const [size, from] = varint(b, at);
        yield b.subarray(from, from + size);
        at = from + size;
      }
    }
  } catch (err) {
    if (!(err instanceof RangeError)) throw err; // the end of a log that was being written
  }
}

/** Every key and value in a LevelDB file, in the clear; nothing of any other file. */
export function* levelDB(name: string, b: Buffer): Generator<Buffer> {
  if (name.endsWith('.ldb') || name.endsWith('.sst')) yield* table(b);
  else if (name.endsWith('.log') && /^\d+\.log$/.test(name)) yield* log(b);
}
