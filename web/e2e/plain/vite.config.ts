// The field app with a vault that seals nothing, for the negative control of
// the scan for traces. No program serves it.
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vite';
import app from '../../vite.config.ts';

const open = fileURLToPath(new URL('open.ts', import.meta.url));

export default mergeConfig(app, {
  plugins: [{
    name: 'open-vault',
    enforce: 'pre',
    resolveId: (source: string, importer?: string) => (source.endsWith('/sealer.ts') && importer !== open ? open : null),
  }],
});
