import { Gate } from '../../ui/gate.svelte.ts';
import { app } from '../app.svelte.ts';
import { t } from '../words.svelte.ts';

let loading: Promise<typeof import('../inside.ts')> | undefined;

/** Loads what is behind the lock: the screens and what opens a vault. Once; what failed is tried again by whoever asks next. */
export const inside = (): Promise<typeof import('../inside.ts')> => (loading ??= import('../inside.ts').then(
  (m) => { app.inside = m.Inside; return m; },
  (err: unknown) => { loading = undefined; throw err; },
));

/** The field app's door. */
export const gate = new Gate({
  name: 'notes', label: (n) => t('lock.person', { n }), library: inside, over: async (device, vaults) => (await inside()).Live.over(device, vaults),
});
