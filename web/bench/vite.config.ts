import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The device library and what fills it, as one script for a page. */
export default defineConfig({
  root: here('..'),
  publicDir: false,
  build: {
    outDir: process.env.FIELDPOST_WEB_OUT ?? here('../node_modules/.cache/fill'),
    emptyOutDir: true,
    target: 'es2022',
    lib: { entry: here('fill.ts'), formats: ['iife'], name: 'fill', fileName: () => 'fill.js' },
  },
});
