import type { Locale } from '../ui/text.ts';

/**
 * What is chosen for this phone and says nothing of its owner: kept in the
 * clear, because the lock screen needs it. Nothing of the subject is in it (R11).
 */
interface Prefs {
  name: 'daybook' | 'shift' | 'rounds';
  locale: Locale;
  theme: 'dark' | 'light' | 'system';
  /** Percent, 100 to 200. */
  size: number;
  left: boolean;
  /** Minutes until it locks by itself. */
  lockAfter: number;
}

const key = 'prefs';
const first: Prefs = {
  name: 'daybook', locale: navigator.language.startsWith('es') ? 'es' : 'en', theme: 'dark', size: 100, left: false, lockAfter: 2,
};

function stored(): Partial<Prefs> {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Prefs>;
  } catch {
    // Cleared or spoiled: the first choices stand, nothing of a report is in here.
    return {};
  }
}

export const prefs: Prefs = $state({ ...first, ...stored() });

/** Changes choices and keeps them. */
export function choose(change: Partial<Prefs>): void {
  Object.assign(prefs, change);
  localStorage.setItem(key, JSON.stringify(prefs));
}
