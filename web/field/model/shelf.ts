import { makeID, type Device, type NewPhoto, type Photo } from '../../sdk/index.ts';

/** Where photos are kept: a device's vault, or the memory of practice. */
export type Shelf = Pick<Device, 'photos' | 'keepPhoto' | 'dropPhoto' | 'photoAgain' | 'photoBytes' | 'onChange'>;

/** The shelf of practice: in memory, gone with it, and nothing on it is ever handed in. */
export class PracticeShelf implements Shelf {
  readonly #all = new Map<string, { photo: Photo; bytes: NewPhoto['bytes'] }>();
  readonly #listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const l of this.#listeners) l();
  }

  async photos(): Promise<Photo[]> {
    return [...this.#all.values()].map((p) => p.photo);
  }

  async keepPhoto(draft: string, { bytes, kind, type }: NewPhoto): Promise<string> {
    const id = makeID();
    this.#all.set(id, { bytes, photo: { id, draft, report: '', kind, type, size: bytes.length, word: 'saved', code: '', made: Date.now(), part: 0 } });
    return id;
  }

  async dropPhoto(id: string): Promise<void> {
    this.#all.delete(id);
  }

  async photoAgain(): Promise<void> {}

  async photoBytes(id: string): Promise<NewPhoto['bytes'] | null> {
    return this.#all.get(id)?.bytes ?? null;
  }

  /** Photos of a draft go along with its report; with none, they are gone. */
  end(draft: string, report: string): void {
    for (const [id, p] of this.#all) {
      if (p.photo.draft !== draft) continue;
      if (report) this.#all.set(id, { ...p, photo: { ...p.photo, draft: '', report, word: 'waiting' } });
      else this.#all.delete(id);
    }
    this.#changed();
  }
}
