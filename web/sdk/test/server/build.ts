// Builds the real program once for all tests that are put to it.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    binary: string;
    folder: string;
  }
}

export default async function build(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldpost-sdk-'));
  let binary = process.env.FIELDPOST_BINARY;
  if (!binary) {
    binary = join(folder, process.platform === 'win32' ? 'fieldpost.exe' : 'fieldpost');
    await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd: fileURLToPath(new URL('../../../../', import.meta.url)) });
  }
  project.provide('binary', binary);
  project.provide('folder', folder);
  return () => rm(folder, { recursive: true, force: true });
}
