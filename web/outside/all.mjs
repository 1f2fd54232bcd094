// What somebody who has read nothing but the protocol finds of a running
// Fieldpost. One binary, one installation for most cases; those that restore or
// kill a server have one of their own.
import { after } from 'node:test';
import { build, tearDown } from './installation.mjs';

after(tearDown);
try {
  await build();
} catch (err) {
  await tearDown();
  throw err;
}

for (const name of ['push', 'fork', 'merge', 'clock', 'scope', 'restore', 'crash', 'view', 'seal', 'repair', 'limits', 'live']) await import(`./cases/${name}.test.mjs`);
