// What the tests need beside node_modules. As root on Debian the browser is
// installed; anywhere else it is named, and the tests fail by name and not by a
// riddle further in.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`missing: Node 20 or newer, and this is ${process.version}; see https://nodejs.org`);
  process.exit(1);
}

const browser = process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium';
const run = (...command) => spawnSync(command[0], command.slice(1), { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).status === 0;

if (!existsSync(browser) && !process.env.FIELDPOST_CHROMIUM && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
  console.error('installing chromium, which the browser tests need');
  if (!run('apt-get', 'update', '-qq') || !run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium')) {
    console.error('chromium could not be installed');
  }
}
if (!existsSync(browser)) {
  console.error(`missing: Chromium at ${browser}; on Debian: apt-get install chromium, elsewhere name it in FIELDPOST_CHROMIUM`);
  process.exit(1);
}
if (spawnSync('go', ['version']).status !== 0) {
  console.error('missing: Go, which builds the server that the tests run against; see https://go.dev/dl');
  process.exit(1);
}
