import { playwright } from '@vitest/browser-playwright';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Debian's browser, or the one that the environment names. Nothing is downloaded.
const chromium = process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium';
const top = fileURLToPath(new URL('..', import.meta.url));

const browser = {
  enabled: true,
  headless: true,
  screenshotFailures: false,
  api: { host: '127.0.0.1' },
  provider: playwright({ launchOptions: { executablePath: chromium, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] } }),
  instances: [{ browser: 'chromium' as const }],
};

export default defineConfig({
  server: { fs: { allow: [top] }, host: '127.0.0.1' },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['sdk/test/*.test.ts', 'ui/*.test.ts', 'field/**/*.test.ts', 'board/**/*.test.ts'],
          environment: 'node',
          testTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'server',
          include: ['sdk/test/server/*.test.ts'],
          // Its core is a module in a package that does not say so.
          server: { deps: { inline: ['tus-js-client'] } },
          environment: 'node',
          globalSetup: ['sdk/test/server/build.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        optimizeDeps: { include: ['hash-wasm', '@hpke/core'] },
        test: {
          name: 'chromium',
          sequence: { groupOrder: 1 },
          include: ['sdk/test/*.test.ts', 'sdk/test/chromium/*.test.ts'],
          testTimeout: 60_000,
          browser,
        },
      },
      {
        // Measured by npm run bench, on a quiet machine; no part of the tests.
        extends: true,
        optimizeDeps: { include: ['hash-wasm', '@hpke/core'] },
        test: { name: 'speed', sequence: { groupOrder: 2 }, include: ['sdk/test/speed/*.test.ts'], testTimeout: 240_000, browser },
      },
    ],
  },
});
