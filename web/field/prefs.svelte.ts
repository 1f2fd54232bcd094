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

/**
 * Reads what was chosen last, or writes it, so that it is on the disk when it is
 * done. localStorage gets there when the browser likes, a minute later or more:
 * a phone that dies before would speak another language than its owner chose.
 */
function lasting(write?: string): Promise<string | undefined> {
  return new Promise((done, failed) => {
    const open = indexedDB.open(key, 1);
    open.onupgradeneeded = () => void open.result.createObjectStore(key);
    open.onerror = () => failed(open.error);
    open.onsuccess = () => {
      const tx = open.result.transaction(key, write ? 'readwrite' : 'readonly', { durability: 'strict' });
      const asked = write ? tx.objectStore(key).put(write, key) : tx.objectStore(key).get(key);
      tx.oncomplete = () => { open.result.close(); done(asked.result as string | undefined); };
      tx.onabort = () => { open.result.close(); failed(tx.error); };
    };
  });
}

let chosen = false;
// No store, or a full disk: then localStorage alone has it, as before.
const alone = () => undefined;

/** Takes what was chosen last where localStorage had not yet got it to the disk: seldom, and so after the first picture. */
export const settle = (): Promise<void> => lasting().then((last) => {
  if (!last || chosen || last === localStorage.getItem(key)) return;
  Object.assign(prefs, JSON.parse(last) as Prefs);
  localStorage.setItem(key, last);
}).catch(alone);

/** Changes choices and keeps them. */
export function choose(change: Partial<Prefs>): void {
  chosen = true;
  Object.assign(prefs, change);
  const text = JSON.stringify(prefs);
  localStorage.setItem(key, text);
  lasting(text).catch(alone);
}
