import { defineConfig } from '@playwright/test';
import { watchEverything } from './rig/origin.ts';

// Every worker reads this file before its first test.
watchEverything();

// The field app in Debian's Chromium against the real program. One test at a
// time: each starts programs of its own, and a phone has one pair of hands too.
export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  globalSetup: './setup.ts',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [['list']],
  outputDir: '../node_modules/.cache/e2e',
});
