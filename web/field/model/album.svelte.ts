import { explain, makeID, type Device, type Photo } from '../../sdk/index.ts';
import { remake } from './picture.ts';

/** What became of a photo that was picked: kept, no picture, no room. */
export type Kept = 'kept' | 'bad' | 'lost';
/** The most that a note can have (PHOTO-1). */
export const MOST = 12;

/** The photos of one person, as the screens see them; without a device (practice) they are in memory and go nowhere. */
export class Album {
  all: Photo[] = $state.raw([]);
  readonly #device: Device | null;
  readonly #practised = new Map<string, Uint8Array<ArrayBuffer>>();
  #due = false;

  constructor(device: Device | null) {
    this.#device = device;
    device?.onChange(() => this.#soon());
    this.#soon();
  }

  /** The photos of a draft. */
  of(draft: string): Photo[] {
    return this.all.filter((p) => p.draft === draft);
  }

  /** The photos of a report. */
  with(report: string): Photo[] {
    return this.all.filter((p) => p.report === report);
  }

  /** How much of a photo is there, in percent. */
  part(p: Photo): number {
    return Math.floor(((this.#device?.photoSent(p.id) ?? 0) / p.size) * 100);
  }

  #soon(): void {
    if (this.#due || !this.#device) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      void this.#read();
    }, 60);
  }

  async #read(): Promise<void> {
    const all = await this.#device?.photos().catch(() => null); // locked meanwhile: nothing to show
    if (all && (all.length > 0 || this.all.length > 0)) this.all = all;
  }

  /** Draws a picked picture anew and keeps it for a draft. */
  async add(draft: string, file: Blob, kind: Photo['kind']): Promise<Kept> {
    const made = await remake(file).catch(() => null);
    if (!made) return 'bad';
    if (!this.#device) {
      const id = makeID();
      this.#practised.set(id, made.bytes);
      this.all = [...this.all, { id, draft, report: '', kind, type: 'image/jpeg', size: made.bytes.length, word: 'saved', code: '', made: Date.now() }];
      return 'kept';
    }
    try {
      await this.#device.keepPhoto(draft, { bytes: made.bytes, kind, type: 'image/jpeg', raw: made.raw });
    } catch (err) {
      if (explain(err).kind === 'locked') throw err;
      return 'lost';
    }
    await this.#read();
    return 'kept';
  }

  async drop(id: string): Promise<void> {
    this.#practised.delete(id);
    if (!this.#device) this.all = this.all.filter((p) => p.id !== id);
    else {
      await this.#device.dropPhoto(id);
      await this.#read();
    }
  }

  async again(id: string): Promise<void> {
    await this.#device?.photoAgain(id);
  }

  /** The picture, to be shown; null when it is not on this phone any more. */
  async picture(p: Photo): Promise<Blob | null> {
    const bytes = this.#device ? await this.#device.photoBytes(p.id).catch(() => null) : this.#practised.get(p.id);
    return bytes ? new Blob([bytes], { type: p.type }) : null;
  }
}
