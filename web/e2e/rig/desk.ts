// A coordinator at the public API: the device library over a store in memory.
import { Phone } from '../../sdk/test/support/phone.ts';
import type { Device } from '../../sdk/device.ts';

export class Desk {
  private constructor(readonly device: Device) {}

  static async open(url: string, invite: string): Promise<Desk> {
    const device = await new Phone({ timeout: 20_000 }).enrolled(url, invite, 'desk');
    await device.sync();
    return new Desk(device);
  }

  /** The notes of what has arrived, of a collection. */
  async notes(collection: string): Promise<string[]> {
    await this.device.sync();
    return (await this.device.records(collection)).map((r) => String(r.fields['note'] ?? ''));
  }

  /** Opens every report, which the server notes as seen. */
  async openAll(): Promise<number> {
    await this.device.sync();
    const all = await this.device.records('triage');
    for (const t of all) await this.device.update('triage', t.id, { opened: true });
    await this.device.sync();
    return all.length;
  }
}
