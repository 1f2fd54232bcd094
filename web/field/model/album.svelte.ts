import { explain, type Photo } from '../../sdk/index.ts';
import { remake } from './picture.ts';
import type { Shelf } from './shelf.ts';

/** What became of a photo that was picked: kept, no picture, no room. */
export type Kept = 'kept' | 'bad' | 'lost';

/** The photos of one person, as the screens see them. */
export class Album {
  all: Photo[] = $state.raw([]);
  readonly #device: Shelf;
  #due = false;

  constructor(device: Shelf) {
    this.#device = device;
    device.onChange(() => this.#soon());
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

  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      void this.#read();
    }, 60);
  }

  async #read(): Promise<void> {
    const all = await this.#device.photos().catch(() => null); // locked meanwhile: nothing to show
    if (all && (all.length > 0 || this.all.length > 0)) this.all = all;
  }

  /** Draws a picked picture anew and keeps it for a draft. */
  async add(draft: string, file: Blob, kind: Photo['kind']): Promise<Kept> {
    const made = await remake(file).catch(() => null);
    if (!made) return 'bad';
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
    await this.#device.dropPhoto(id);
    await this.#read();
  }

  again(id: string): Promise<void> {
    return this.#device.photoAgain(id);
  }

  /** The picture, to be shown; null when it is not on this phone any more. */
  async picture(p: Photo): Promise<Blob | null> {
    const bytes = await this.#device.photoBytes(p.id).catch(() => null); // locked meanwhile
    return bytes ? new Blob([bytes], { type: p.type }) : null;
  }
}
