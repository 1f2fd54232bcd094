import { Gate } from '../../ui/gate.svelte.ts';
import { Desk } from './desk.svelte.ts';

/** The board's door: a browser is a device of its own, locked like a phone. */
export const gate = new Gate({ name: 'desk', label: (n) => `${n}`, over: Desk.over, stream: true });
