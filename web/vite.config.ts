import { svelte } from '@sveltejs/vite-plugin-svelte';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const out = here('dist');

/** What the field app's page needs, found by walking Vite's manifest from its entry. */
type Chunk = { file: string; css?: string[]; assets?: string[]; imports?: string[]; dynamicImports?: string[] };

/**
 * Writes the service worker: the list of files that a cold start with no
 * network needs (the field app's and no others: the board is never in it), and
 * a version made from what is in them.
 */
function serviceWorker(): Plugin {
  return {
    name: 'field-service-worker',
    apply: 'build',
    writeBundle() {
      const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Record<string, Chunk>;
      const files = new Set<string>();
      const seen = new Set<string>();
      const walk = (key: string) => {
        const chunk = manifest[key];
        if (!chunk || seen.has(key)) return;
        seen.add(key);
        for (const f of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) files.add(f);
        for (const k of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]) walk(k);
      };
      walk('field/index.html');
      for (const f of readdirSync(here('field/public'))) files.add(f);
      const list = [...files].filter((f) => !f.endsWith('.html')).sort();
      const hash = createHash('sha256').update(readFileSync(here('field/sw.js')));
      for (const f of [...list, 'field/index.html']) hash.update(f).update(readFileSync(join(out, f)));
      const worker = readFileSync(here('field/sw.js'), 'utf8')
        .replace("'__VERSION__'", JSON.stringify(`app-${hash.digest('hex').slice(0, 16)}`))
        .replace('/* __FILES__ */', ['/', ...list.map((f) => `/${f}`)].map((f) => JSON.stringify(f)).join(', '));
      writeFileSync(join(out, 'sw.js'), worker);
      rmSync(join(out, 'manifest.json'));
    },
  };
}

export default defineConfig({
  root: here('.'),
  base: '/',
  publicDir: here('field/public'),
  plugins: [svelte(), serviceWorker()],
  define: { __VERSION__: JSON.stringify('0.1.0') },
  build: {
    outDir: out,
    emptyOutDir: true,
    manifest: 'manifest.json',
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: { input: { field: here('field/index.html') } },
  },
  server: { fs: { allow: [here('..')] } },
});
