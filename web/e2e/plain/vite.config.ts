// The field app with a vault that seals nothing, for the negative control of
// the scan for traces, and with a note of what it dials in the place of the
// phone's dialler. No program serves it.
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vite';
import app from '../../vite.config.ts';

const open = fileURLToPath(new URL('open.ts', import.meta.url));

export default mergeConfig(app, {
  plugins: [{
    name: 'noted-calls',
    transform: (code: string, id: string) => (id.endsWith('/field/dial.ts') ? `${code}\nline.open = (address) => (globalThis.dialled ??= []).push(address);` : null),
  }, {
    name: 'open-vault',
    enforce: 'pre',
    resolveId: (source: string, importer?: string) => (source.endsWith('/sealer.ts') && importer !== open ? open : null),
  }],
});
