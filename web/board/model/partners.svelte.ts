import type { Device } from '../../sdk/index.ts';

/** An organization that may be asked to take part in something. */
export interface Partner {
  id: string;
  name: string;
  type: string;
}

const KEPT = 'partners';

/** The partner directory: as the server says now, or as it said last, so that names stand without a connection too. */
export class Partners {
  all: readonly Partner[] = $state.raw([]);

  async read(device: Device): Promise<void> {
    if (this.all.length === 0) this.all = (await device.setting<Partner[]>(KEPT)) ?? [];
    const said = await device.ask<{ partners: Partner[] }>('/api/fieldpost/partners').catch(() => null); // no connection
    if (!said) return;
    const same = JSON.stringify(said.partners) === JSON.stringify(this.all);
    this.all = said.partners;
    if (!same) await device.set(KEPT, said.partners);
  }

  /** "" for one that is not in it. */
  name(id: string): string {
    return this.all.find((p) => p.id === id)?.name ?? '';
  }
}
