// Builds the apps and the program once, from what is in the folder now. The
// built apps that are committed are left alone: the program gets the new ones
// by an overlay.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const web = fileURLToPath(new URL('..', import.meta.url));

/** Builds the apps into a folder. */
async function build(config: string, out: string): Promise<void> {
  await run(process.execPath, [join(web, 'node_modules/vite/bin/vite.js'), 'build', '--config', config, '--logLevel', 'error'],
    { cwd: web, env: { ...process.env, FIELDPOST_WEB_OUT: out } });
}

export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldpost-e2e-'));
  process.env.FIELDPOST_E2E_FOLDER = folder;
  const apps = process.env.FIELDPOST_E2E_APPS ?? join(folder, 'apps');
  if (!process.env.FIELDPOST_E2E_APPS) await build('vite.config.ts', apps);
  process.env.FIELDPOST_E2E_APPS_DIR = apps;
  const plain = process.env.FIELDPOST_E2E_PLAIN ?? join(folder, 'plain');
  if (!process.env.FIELDPOST_E2E_PLAIN) await build('e2e/plain/vite.config.ts', plain);
  process.env.FIELDPOST_E2E_PLAIN_DIR = plain;
  if (!process.env.FIELDPOST_BINARY) {
    const replace: { [file: string]: string } = {};
    // What is committed and is not among the new ones is taken out: a page that is compressed there would be given in the place of the new one.
    for (const f of await readdir(join(web, 'dist'), { recursive: true, withFileTypes: true })) if (f.isFile()) replace[join(f.parentPath, f.name)] = '';
    for (const f of await readdir(apps, { recursive: true, withFileTypes: true })) {
      if (f.isFile()) replace[join(web, 'dist', f.parentPath.slice(apps.length), f.name)] = join(f.parentPath, f.name);
    }
    await writeFile(join(folder, 'overlay.json'), JSON.stringify({ Replace: replace }));
    process.env.FIELDPOST_BINARY = join(folder, 'fieldpost');
    await run('go', ['build', '-overlay', join(folder, 'overlay.json'), '-o', process.env.FIELDPOST_BINARY, '.'], { cwd: join(web, '..') });
  }
  return () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
