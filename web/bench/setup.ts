// The apps and the program as they are in the folder now, and the device
// library as one script, which fills a phone.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import apps from '../e2e/setup.ts';

const run = promisify(execFile);
const web = fileURLToPath(new URL('..', import.meta.url));

export default async function setup(): Promise<() => Promise<void>> {
  const end = await apps();
  const out = join(process.env.FIELDPOST_E2E_FOLDER ?? tmpdir(), 'fill');
  await run(process.execPath, [join(web, 'node_modules/vite/bin/vite.js'), 'build', '--config', 'bench/vite.config.ts', '--logLevel', 'error'],
    { cwd: web, env: { ...process.env, FIELDPOST_WEB_OUT: out } });
  process.env.FIELDPOST_BENCH_SCRIPT = join(out, 'fill.js');
  return async () => {
    await end();
    await rm(out, { recursive: true, force: true });
  };
}
