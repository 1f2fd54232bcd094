import { app } from '../app.svelte.ts';
import { still } from './live.svelte.ts';
import type { Draft } from './session.ts';

/**
 * Keeps a draft with each tap, and 300 ms after the last key of a text. `failed`
 * is true from a write that did not succeed until one did.
 */
export function keeper<T extends Draft>(of: () => T) {
  let failed = $state(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  // One after the other, so that an older state never lands on a newer one.
  let last: Promise<boolean> = Promise.resolve(true);

  function now(): Promise<boolean> {
    clearTimeout(timer);
    const session = app.at;
    const draft = of();
    draft.changed = Date.now();
    const what = still(draft);
    last = last.then(async () => {
      try {
        await session.keep(what);
        failed = false;
      } catch {
        // The person is told on the screen: the last tap is not saved.
        failed = true;
      }
      return !failed;
    });
    return last;
  }

  return {
    now,
    soon(): void {
      clearTimeout(timer);
      timer = setTimeout(() => void now(), 300);
    },
    still: (): T => still(of()),
    get failed() {
      return failed;
    },
  };
}

/** What keeps a draft. */
export type Keeper = ReturnType<typeof keeper>;
