// Runs in a page of the app's origin: the device library on the app's own
// store, to put there in a minute what a phone gathers in years, and to send
// without the screens.
import { Vaults, type Device } from '../sdk/index.ts';
import { Watch } from '../sdk/clock.ts';
import { add } from '../sdk/outbox.ts';
import type { Store, Writing } from '../sdk/store.ts';

const words = ['silver', 'van', 'cab', 'door', 'lot', 'north', 'pump', 'blue', 'jacket', 'waits', 'phone', 'second', 'plate', 'card', 'asked', 'left', 'early', 'driver', 'two', 'stairs'];

/** An observation of the size that the other measurements use. */
export function observation(i: number, site = ''): { [field: string]: any } {
  const note = Array.from({ length: 42 }, () => words[Math.floor(Math.random() * words.length)]).join(' ');
  const at = Date.now() - i * 61_000;
  return {
    event_time: new Date(at).toISOString(), event_end: new Date(at + 300_000).toISOString(), note, ...(site && { site }), grid: '15SUD61',
    indicators: [{ indicator: 'core.01', basis: 'saw' }, { indicator: 'core.03', basis: 'told' }], people: 2,
    persons: [{ age: 'adult', description: ['tall', 'jacket'] }, { age: 'unsure', description: [] }],
    vehicles: [{ kind: 'van', color: 'silver', plate_state: 'MO', plate_end: '42' }], outreach: ['hygiene_kits_2', 'cards_1'],
    minor_possible: false, manager_involved: false,
  };
}

interface Inside { store: Store; watch: Watch; saved(): void }

/** Saves n reports as a person does, numbered, sealed and signed, many in one transaction. */
export async function pile(device: Device, n: number, site = ''): Promise<void> {
  const { store, watch } = device as unknown as Inside;
  for (let i = 0; i < n; i += 250) {
    await store.write('fill', async (tx: Writing) => {
      const within = { write: (_: string, work: (tx: Writing) => Promise<unknown>) => work(tx) } as unknown as Store;
      for (let j = i; j < Math.min(i + 250, n); j++) await add(within, watch, [{ op: 'create', collection: 'observations', fields: observation(j, site) }], { sealAll: false });
    });
  }
}

/** Fills the phone of whoever is on this page. */
export async function fill(pin: string, n: number): Promise<void> {
  const vaults = new Vaults({ name: 'notes' });
  const [vault] = await vaults.list();
  if (!vault) throw new Error('no vault');
  const device = await vaults.unlock(vault.id, pin);
  await pile(device, n);
  device.lock();
  vaults.close();
}

let phone: Device | undefined;

/** Makes this browser a phone of its own, without screens. A weak PIN key: what is measured is the way. */
export async function enrol(invite: string): Promise<void> {
  const vaults = new Vaults({ name: 'bench', kdf: { memory: 64, iterations: 1 } });
  const device = await vaults.create('4711', 'bench');
  await device.enroll('', invite, 'bench');
  await device.sync();
  device.lock();
  vaults.close();
}

/** Saves n reports, and gives the ms that sending them takes. */
export async function send(n: number, site: string): Promise<number> {
  const vaults = new Vaults({ name: 'bench', kdf: { memory: 64, iterations: 1 } });
  const [vault] = await vaults.list();
  phone = await vaults.unlock(vault!.id, '4711');
  for (let i = 0; i < n; i++) await phone.create('observations', observation(i, site));
  const began = performance.now();
  const report = await phone.push();
  const took = performance.now() - began;
  const left = (await phone.outbox('waiting', 'parked')).length;
  phone.lock();
  vaults.close();
  if (left > 0) throw new Error(`${left} did not go: ${JSON.stringify(report)}`);
  return took;
}
