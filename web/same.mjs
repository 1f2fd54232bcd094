// Builds the apps into a folder of its own and compares it with dist, which is
// committed so that Go alone runs everything: what is served is what is written
// here. Fails on a difference and names it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const here = fileURLToPath(new URL('.', import.meta.url));
const fresh = mkdtempSync(join(tmpdir(), 'fieldpost-dist-'));
const files = (dir) => readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((f) => statSync(join(dir, f)).isFile()).sort();
try {
  const built = spawnSync('npx', ['vite', 'build', '--logLevel', 'error'], { cwd: here, env: { ...process.env, FIELDPOST_WEB_OUT: fresh }, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the apps do not build');
  const dist = join(here, 'dist');
  const all = [...new Set([...files(fresh), ...files(dist)])].sort();
  // Compressed twins are compared by what is in them: zlib's bytes change with its version.
  const read = (dir, f) => (f.endsWith('.gz') ? gunzipSync(readFileSync(join(dir, f))) : readFileSync(join(dir, f)));
  const differ = all.filter((f) => {
    try {
      return !read(fresh, f).equals(read(dist, f));
    } catch {
      return true; // one of the two lacks it
    }
  });
  if (differ.length > 0) throw new Error(`web/dist is not what the sources build: ${differ.join(', ')}. Run: npx vite build, and commit dist`);
  console.log(`dist is what the sources build: ${all.length} files`);
} catch (err) {
  console.error(err.message);
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
