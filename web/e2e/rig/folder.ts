import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

/** A new folder, which goes with the run. */
export function folder(): string {
  const all = process.env.FIELDPOST_E2E_FOLDER;
  if (!all) throw new Error('the global set-up has made no folder');
  return mkdtempSync(join(all, 'x-'));
}
