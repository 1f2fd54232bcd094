import { defineConfig } from '@playwright/test';

// What the apps weigh on a phone and on a desk, measured in Debian's Chromium
// against the real program. Nothing here is a test: figures are written to the
// file that FIELDPOST_BENCH_OUT names, and bars are judged by whoever reads them.
process.env.FIELDPOST_E2E_PLAIN ??= 'none'; // the build without a vault is not measured

export default defineConfig({
  testDir: '.',
  testMatch: '*.bench.ts',
  globalSetup: './setup.ts',
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 900_000,
  expect: { timeout: 120_000 },
  reporter: [['list']],
  outputDir: '../node_modules/.cache/bench',
});
