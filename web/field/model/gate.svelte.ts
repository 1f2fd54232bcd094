import { Gate } from '../../ui/gate.svelte.ts';
import { t } from '../words.svelte.ts';
import { Live } from './device.svelte.ts';

/** The field app's door. */
export const gate = new Gate({ name: 'notes', label: (n) => t('lock.person', { n }), over: Live.over });
