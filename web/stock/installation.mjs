// A Fieldpost of its own for this test: built from the sources around it, with
// an empty data folder, on a port that the system picks.
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const sources = fileURLToPath(new URL('../../', import.meta.url));
const superuser = { email: 'stock-test@example.org', password: 'only-for-this-test-1' };
const startWithin = 30_000;

/**
 * Builds the binary and starts it. The caller must call close, which ends the
 * process and removes the folder.
 *
 * @returns {Promise<{url: string, invites: {worker: string}, superuser: {email: string, password: string},
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
    await mkdir(data);
    await run(binary, ['superuser', superuser.email, superuser.password, '--dir', data]);
    const made = await run(binary, [
      'invite', 'make', '--role', 'worker', '--organization', 'Night Outreach', '--uses', '5', '--dir', data, '--json',
    ]);
    server = spawn(binary, ['serve', '--dir', data, '--http', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
    return {
      url: await address(server),
      invites: { worker: JSON.parse(made.stdout).invite },
      superuser,
      verify: async () => JSON.parse((await run(binary, ['verify', '--dir', data, '--json'])).stdout),
      close,
    };
  } catch (err) {
    await close();
    throw err;
  }
}

// address waits for the line that says where the server listens.
function address(server) {
  return new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => reject(new Error(`no address within ${startWithin} ms; it said: ${said}`)), startWithin);
    const read = (line) => {
      said += `${line}\n`;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (found) {
        clearTimeout(late);
        resolve(found[0]);
      }
    };
    createInterface({ input: server.stdout }).on('line', read);
    createInterface({ input: server.stderr }).on('line', read);
    server.once('error', reject);
    server.once('exit', (code) => {
      clearTimeout(late);
      reject(new Error(`the server ended with ${code}; it said: ${said}`));
    });
  });
}
