// What a browser cannot clear without our noticing: beside the store, for each
// vault, how many of its notes the server had and how many it had not. Two
// numbers and a made-up id; nothing else may stand here, because it lies open.
const key = 'here';

/** How many notes of a vault the server has, and how many were on this phone alone, drafts among them. */
export interface Held {
  there: number;
  lost: number;
}

function all(): Record<string, Held> {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '{}') as Record<string, Held>;
  } catch {
    return {}; // spoiled: nothing can be said of what was here
  }
}

function put(held: Record<string, Held>): void {
  try {
    if (Object.keys(held).length > 0) localStorage.setItem(key, JSON.stringify(held));
    else localStorage.removeItem(key);
  } catch {
    // A full disk: what is said after an eviction is a little older then.
  }
}

/** Notes how a vault stands. */
export function note(vault: string, held: Held): void {
  const before = all();
  if (before[vault]?.there === held.there && before[vault]?.lost === held.lost) return;
  put({ ...before, [vault]: held });
}

/** A vault was wiped, and not by the browser: nothing is missing. */
export function forget(vault: string): void {
  const { [vault]: _, ...rest } = all();
  put(rest);
}

/** Whether a vault's numbers stand here: it was not wiped by anybody we know of. */
export const noted = (vault: string): boolean => vault in all();

/** What a browser has cleared: where nobody is here any more and somebody was, the sum of theirs; null otherwise. */
export function cleared(people: readonly { id: string }[]): Held | null {
  const held = Object.values(all());
  if (people.length > 0 || held.length === 0) return null;
  return { there: held.reduce((n, h) => n + h.there, 0), lost: held.reduce((n, h) => n + h.lost, 0) };
}

/** Somebody has begun anew: only whoever is here counts from now on. */
export function begunAnew(people: readonly { id: string }[]): void {
  put(Object.fromEntries(Object.entries(all()).filter(([id]) => people.some((p) => p.id === id))));
}
