// Looks for a text, or bytes, in everything below a folder, in every form that a browser
// may have written it in.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { levelDB, unsnap } from './leveldb.ts';

/** What was looked at, and where it was found. */
export interface Traces {
  files: number;
  values: number;
  found: string[];
}

/** A value, and what is in it when Chromium has compressed it: the IndexedDB values of more than a few hundred bytes. */
function* forms(value: Buffer): Generator<Buffer> {
  yield value;
  // A wrapped value: version, pseudo-version 17, "compressed with snappy".
  for (let at = value.indexOf(Buffer.from([0xff, 0x11, 0x02])); at >= 0; at = value.indexOf(Buffer.from([0xff, 0x11, 0x02]), at + 1)) {
    try {
      yield unsnap(value.subarray(at + 3));
    } catch (err) {
      if (!(err instanceof RangeError)) throw err; // three bytes that mean something else
    }
  }
}

/** `what`: a text, or any of some bytes. */
export async function traces(folder: string, what: string | Buffer[]): Promise<Traces> {
  const out: Traces = { files: 0, values: 0, found: [] };
  const wanted = typeof what === 'string' ? [Buffer.from(what, 'utf8'), Buffer.from(what, 'utf16le')] : what;
  const holds = (b: Buffer): boolean => wanted.some((w) => b.includes(w));
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const short = path.slice(folder.length + 1);
    out.files++;
    if (holds(bytes)) out.found.push(short);
    for (const value of levelDB(entry.name, bytes)) {
      out.values++;
      for (const form of forms(value)) if (holds(form)) out.found.push(`${short} (read)`);
    }
  }
  return { ...out, found: [...new Set(out.found)] };
}
