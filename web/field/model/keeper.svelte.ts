import { explain } from '../../sdk/index.ts';
import { app } from '../app.svelte.ts';
import { still } from './live.svelte.ts';
import type { Draft, Unsaved } from './session.ts';

/** Why something is not on the disk, for the person. */
export function whyUnsaved(err: unknown): Unsaved {
  const { kind } = explain(err);
  return kind === 'disk' ? 'room' : kind === 'store' ? 'lost' : 'save';
}

/**
 * Keeps a draft with each tap, 300 ms after the last key of a text, and at once
 * when the app is locked before that. While a write has not succeeded, every
 * screen says that the last tap is not saved (`app.unsaved`).
 */
export function keeper<T extends Draft>(of: () => T) {
  const session = app.at;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  // One after the other, so that an older state never lands on a newer one.
  let last: Promise<boolean> = Promise.resolve(true);
  let under = 0;

  // Whoever leaves the screen right after a key, and opens the draft again, finds it as it was left.
  $effect(() => () => { if (app.unkept.has(now)) void now(); });

  function settle(): void {
    clearTimeout(timer);
    app.unkept.delete(now);
  }

  async function write(work: () => Promise<unknown>): Promise<boolean> {
    let why: Unsaved = '';
    try {
      await work();
    } catch (err) {
      why = whyUnsaved(err); // the person is told on the screen
    }
    if (app.session === session) app.unsaved = why;
    return why === '';
  }

  function now(): Promise<boolean> {
    settle();
    if (ended) return last;
    const draft = of();
    draft.changed = Date.now();
    const what = still(draft);
    // Where nothing is being written it begins at once, before the screen is made anew.
    const before = under ? last : null;
    under++;
    const work = () => write(() => session.keep(what)).finally(() => under--);
    return (last = before ? before.then(work) : work());
  }

  return {
    now,
    soon(): void {
      clearTimeout(timer);
      app.unkept.add(now);
      timer = setTimeout(() => void now(), 300);
    },
    /**
     * Makes the draft a report: once, however often it is pressed, and what was
     * typed last does not come after it as a draft. Gives its id; null: it is not
     * written, the screen says so, and the draft stands as it was.
     */
    async done(): Promise<string | null> {
      if (ended) return null;
      settle();
      ended = true;
      await last;
      let id: string | null = null;
      if (!(await write(async () => { id = await session.done(still(of())); }))) ended = false;
      return id;
    },
  };
}

/** What keeps a draft. */
export type Keeper = ReturnType<typeof keeper>;
