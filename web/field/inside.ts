// What is behind the lock, as one script: a cold start paints the lock screen
// before it is read. Nothing that the lock screen shows may import this.
export { UnlockError, Vaults, VERSION, WRONG_LIMIT } from '../sdk/index.ts';
export { Live } from './model/device.svelte.ts';
export { default as Inside } from './Inside.svelte';
