// A Fieldpost of its own for this test: the invented task force of the demo,
// built from the sources around it, in a folder of its own, on a port that the
// system picks, with nothing happening but what the test sends.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const sources = fileURLToPath(new URL('../../', import.meta.url));
const startWithin = 30_000;

/**
 * Builds the binary and starts it. The caller must call close, which ends the
 * process and removes the folder.
 *
 * @returns {Promise<{url: string, adminUrl: string, invites: Record<string, string>, superuser: {email: string, password: string},
 *   verify: () => Promise<{ok: boolean, entries: number}>, close: () => Promise<void>}>}
 */
export async function startInstallation() {
  const folder = await mkdtemp(join(tmpdir(), 'fieldpost-stock-'));
  const binary = join(folder, process.platform === 'win32' ? 'fieldpost.exe' : 'fieldpost');
  const data = join(folder, 'data');
  let server;
  const close = async () => {
    if (server && server.exitCode === null && server.signalCode === null) {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      const late = setTimeout(() => server.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(late);
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await run('go', ['build', '-o', binary, '.'], { cwd: sources });
    server = spawn(binary, ['demo', '--traffic=off', '--json', '--http', '127.0.0.1:0', '--dir', data], { stdio: ['ignore', 'pipe', 'pipe'] });
    const { url, adminUrl, invites, superuser } = await readyLine(server);
    return {
      url,
      adminUrl,
      invites,
      superuser,
      verify: async () => JSON.parse((await run(binary, ['verify', '--dir', data, '--json'])).stdout),
      close,
    };
  } catch (err) {
    await close();
    throw err;
  }
}

// readyLine waits for the one line that the demo prints when it is ready.
function readyLine(server) {
  return new Promise((resolve, reject) => {
    let complaints = '';
    const late = setTimeout(() => reject(new Error(`not ready within ${startWithin} ms; it said: ${complaints}`)), startWithin);
    server.stderr.on('data', (text) => { complaints += text; });
    createInterface({ input: server.stdout }).once('line', (line) => {
      clearTimeout(late);
      try {
        resolve(JSON.parse(line));
      } catch (err) {
        reject(new Error(`no JSON line: ${line}`, { cause: err }));
      }
    });
    server.once('error', reject);
    server.once('exit', (code) => {
      clearTimeout(late);
      reject(new Error(`the demo ended with ${code}; it said: ${complaints}`));
    });
  });
}
