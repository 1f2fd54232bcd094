import type { Sealer } from '../../sdk/sealer.ts';

/** In the sealer's place: rows lie open. */
export const vaultSealer = async (): Promise<Sealer> => ({
  name: (text) => text,
  seal: async (_, plain) => new TextEncoder().encode(plain),
  open: async (_, sealed) => new TextDecoder().decode(sealed),
  close: () => undefined,
});
