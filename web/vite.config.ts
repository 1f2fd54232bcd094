import { svelte } from '@sveltejs/vite-plugin-svelte';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';
import { en } from './field/strings/en.ts';
import { es } from './field/strings/es.ts';
import { names } from './field/warn/names.ts';
import { icons } from './ui/icons.ts';
import { counties } from './build/counties.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** Style sheets that stand in the field app's page itself. */
const inPage = new Set<string>();
const out = process.env.FIELDPOST_WEB_OUT ?? here('dist');

/**
 * The field app's texts, hotlines, guidance, given names and the checklists' pictures as one
 * file beside the script: it is read at the start, and is precached with the page.
 */
function content(): Plugin {
  const id = 'virtual:content';
  const json = (folder: string) => readdirSync(here(`../content/${folder}`)).filter((f) => f.endsWith('.json')).sort()
    .map((f) => JSON.parse(readFileSync(here(`../content/${folder}/${f}`), 'utf8')) as unknown);
  return {
    name: 'field-content',
    resolveId: (source) => (source === id ? `\0${id}` : null),
    load(source) {
      if (source.replace('?apart', '') !== `\0${id}`) return null;
      const pictures = Object.fromEntries(readdirSync(here('../content/icons')).filter((f) => f.endsWith('.svg')).sort().map((f) =>
        [f.slice(0, -4), readFileSync(here(`../content/icons/${f}`), 'utf8').replace(/^[^>]*>/, '').replace(/<\/svg>\s*$/, '')]));
      const lines = (json('hotlines') as { lines: unknown[] }[]).flatMap((f) => f.lines);
      const reference = this.emitFile({ type: 'asset', name: 'content.json', source: JSON.stringify({ texts: { en, es }, lines, guides: json('guidance'), pictures, names, icons }) });
      return `export default import.meta.ROLLUP_FILE_URL_${reference};`;
    },
    // The lock screen's words come beside its script, not after it.
    transformIndexHtml: {
      order: 'post',
      handler: (html, { filename, bundle }) => {
        const name = Object.keys(bundle ?? {}).find((f) => /^assets\/content-[^/]*\.json$/.test(f));
        return name && filename.endsWith('/field/index.html') ? [{ tag: 'link', attrs: { rel: 'preload', href: `/${name}`, as: 'fetch', crossorigin: '' }, injectTo: 'head' }] : html;
      },
    },
  };
}

/**
 * The board gets a copy of everything that the field app has too: its screens,
 * for the preview of a checklist, the device library, Svelte. Shared, they would
 * split what phones load for the board's sake, and phones would load what only
 * the board uses of them (4 kB gzip).
 */
function apart(): Plugin {
  const mark = '?apart';
  return {
    name: 'preview-apart',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      if (!importer || !(importer.endsWith(mark) || importer.includes('/web/board/'))) return null;
      const found = await this.resolve(source, importer.replace(mark, ''), { ...options, skipSelf: true });
      return found && !found.external && /\/(web\/(field|ui|sdk)|node_modules)\/[^?]*\.(svelte|[mc]?js|ts)$|^\0virtual:content$/.test(found.id) ? { ...found, id: found.id + mark } : found;
    },
  };
}

/**
 * What a dynamic import waits for beside its script. Vite's own does this for
 * browsers and policies too that the apps do not run in, which is 600 bytes gzip
 * on each phone.
 */
function preloading(): Plugin {
  const code = `const asked = {};
export const __vitePreload = (load, files = []) => Promise.all(files.map((file) => asked[file] ??= new Promise((done, failed) => {
  const href = '/' + file, style = file.endsWith('.css');
  if (document.querySelector('link[href="' + href + '"]')) return done();
  const link = Object.assign(document.createElement('link'), { rel: style ? 'stylesheet' : 'modulepreload', crossOrigin: '', href, onload: done });
  link.onerror = () => { link.remove(); delete asked[file]; failed(Error(href)); };
  document.head.append(link);
  if (!style) done();
}))).then(load);`;
  return {
    name: 'preloading',
    apply: 'build',
    enforce: 'pre',
    load: (id) => (id === '\0vite/preload-helper.js' ? code : null),
    generateBundle(_, bundle) {
      for (const f of Object.values(bundle)) if (f.type === 'chunk' && f.code.includes('vite:preloadError')) throw new Error(`${f.fileName} has Vite's own preloading`);
    },
  };
}

/**
 * The field app's page brings its style and its first script in itself: each
 * file that the first picture waits for costs a cheap phone 20 ms. first.ts
 * draws the lock screen as it stood, and then loads what Vite had put here. The
 * server lets both run by their hashes.
 */
function firstPicture(): Plugin {
  const isFirst = (f: { type: string; facadeModuleId?: string | null }) => f.type === 'chunk' && f.facadeModuleId === here('field/first.ts');
  return {
    name: 'first-picture',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html, { filename, bundle = {} }) {
        if (!filename.endsWith('/field/index.html')) return html;
        const styles: string[] = [];
        const loads: string[] = [];
        let app = '';
        const bare = html.replace(/ *<(link|script)[^>]* crossorigin[^>]*>(<\/script>)?\n/g, (tag) => {
          const [, url = ''] = /(?:href|src)="([^"]*)"/.exec(tag) ?? [];
          if (tag.includes('rel="stylesheet"')) {
            const file = bundle[url.slice(1)];
            styles.push(file?.type === 'asset' ? String(file.source).trim() : '');
            inPage.add(url.slice(1));
          } else if (tag.includes('<script')) app = url;
          else loads.push(url);
          return '';
        });
        const script = Object.values(bundle).find(isFirst);
        const body = '<body class="field-app">\n';
        if (!app || script?.type !== 'chunk' || styles.length === 0 || styles.includes('') || !bare.includes(body)) throw new Error(`${filename} is not as it was thought to be`);
        return bare.replace('</head>', () => `<style>${styles.join('')}</style>\n</head>`)
          .replace(body, () => `${body}<script data-app="${app}" data-loads="${loads.join(' ')}">(()=>{${script.code.trim()}})()</script>\n`);
      },
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const chunks = Object.values(bundle).filter((f) => f.type === 'chunk');
        for (const f of chunks) if (isFirst(f)) delete bundle[f.fileName];
        // The board links what both have.
        for (const css of inPage) if (chunks.filter((c) => c.viteMetadata?.importedCss.has(css)).length < 2) delete bundle[css];
      },
    },
  };
}

/** The drawings of the field app's icons come with its content: the module is empty until that is read. The board has them in its script. */
function drawings(): Plugin {
  return {
    name: 'field-drawings',
    apply: 'build',
    enforce: 'pre',
    transform: (_, id) => (id === here('ui/icons.ts') ? 'export const icons = {};' : null),
  };
}

/** What seals looks for Node's crypto where a browser has none. All that the apps run in have it, so that is one script less. */
function browserCrypto(): Plugin {
  return {
    name: 'browser-crypto',
    transform: (code, id) => (id.includes('/@hpke/common/') && code.includes('import("crypto")') ? code.replaceAll('await import("crypto")', '{}') : null),
  };
}

/**
 * Writes the service worker: the list of files that a cold start with no
 * network needs (the field app's and no others: the board is never in it), and
 * a version made from what is in them.
 */
function serviceWorker(): Plugin {
  return {
    name: 'field-service-worker',
    apply: 'build',
    writeBundle(_, bundle) {
      const files = new Set<string>();
      const walk = (name: string) => {
        const chunk = bundle[name];
        // What hands in photos comes when there is one, by the network that it takes anyway.
        if (!chunk || files.has(name) || /\/hand-[^/]*\.js$/.test(name)) return;
        files.add(name);
        if (chunk.type !== 'chunk') return;
        for (const css of chunk.viteMetadata?.importedCss ?? []) if (!inPage.has(css)) files.add(css);
        for (const f of [...chunk.imports, ...chunk.dynamicImports]) walk(f);
      };
      for (const f of Object.values(bundle)) {
        if (f.type === 'chunk' && f.isEntry && f.facadeModuleId?.endsWith('/field/index.html')) walk(f.fileName);
        if (f.type === 'asset' && /(^|\/)content-[^/]*\.json$/.test(f.fileName)) files.add(f.fileName);
      }
      for (const f of readdirSync(here('field/public'))) files.add(f);
      const list = [...files].sort();
      const hash = createHash('sha256').update(readFileSync(here('field/sw.js')));
      for (const f of [...list, 'field/index.html']) hash.update(f).update(readFileSync(join(out, f)));
      const worker = readFileSync(here('field/sw.js'), 'utf8')
        .replace("'__VERSION__'", JSON.stringify(`app-${hash.digest('hex').slice(0, 16)}`))
        .replace('/* __FILES__ */', ['/', ...list.map((f) => `/${f}`)].map((f) => JSON.stringify(f)).join(', '));
      writeFileSync(join(out, 'sw.js'), worker);
    },
  };
}

/** Each file of text again, compressed: a server with one core need not do it for each phone. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const f of readdirSync(out, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(js|css|html|json|svg|webmanifest|wasm)$/.test(f)) continue;
        const data = readFileSync(join(out, f));
        // mtime 0, so that the same file gives the same bytes.
        if (data.length > 1024) writeFileSync(join(out, `${f}.gz`), gzipSync(data, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  root: here('.'),
  base: '/',
  publicDir: here('field/public'),
  plugins: [apart(), preloading(), drawings(), svelte(), counties(here('../content/packs')), content(), browserCrypto(), firstPicture(), serviceWorker(), compressed()],
  // Of these tus-js-client uses one function each.
  resolve: { alias: { 'js-base64': here('sdk/tus/base64.ts'), 'url-parse': here('sdk/tus/url.ts') } },
  define: { __VERSION__: JSON.stringify('0.1.0') },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      input: { field: here('field/index.html'), first: here('field/first.ts'), board: here('board/index.html') },
      output: { chunkFileNames: (chunk) => (chunk.moduleIds.some((id) => id.endsWith('?apart')) ? 'assets/board-[name]-[hash].js' : 'assets/[name]-[hash].js') },
    },
  },
  server: { fs: { allow: [here('..')] } },
});
