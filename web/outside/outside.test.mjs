// What somebody who has read nothing but the protocol finds of a running
// Fieldpost. One binary, one installation for most cases; those that restore or
// kill a server have one of their own.
import { after, before } from 'node:test';
import { build, tearDown } from './installation.mjs';

before(build);
after(tearDown);

await import('./cases/push.mjs');
await import('./cases/fork.mjs');
await import('./cases/merge.mjs');
await import('./cases/clock.mjs');
