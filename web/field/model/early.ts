import { flushSync } from 'svelte';

/** The lock screen as it stands before anything is typed, and what the page around it says. */
export interface Picture {
  html: string;
  title: string;
  lang: string;
  /** What stands on a button to try again. */
  again: string;
  /** The page's theme and text size. */
  data: Record<string, string>;
}

/** What happened before the app was there. */
export interface Early {
  /** The picture that stands in the page. */
  drawn?: Element;
  /** What was pressed in it, in turn: the number of a button, or a key. */
  pressed: (number | string)[];
  /** A finger is on it. */
  held: boolean;
}

declare global {
  // The page's, not a module's: what draws first shares no script with the app.
  var early: Early | undefined;
}

const key = 'picture';

/** Keeps the lock screen for the next cold start, which shows it before it has read the app; null: there is none to show. It says no more than anybody sees who picks the phone up. */
export function keepPicture(picture: Picture | null): void {
  try {
    if (!picture) return localStorage.removeItem(key);
    const text = JSON.stringify(picture);
    if (text !== localStorage.getItem(key)) localStorage.setItem(key, text);
  } catch {
    // A full disk: the next cold start waits for the app.
  }
}

/** Waits until no finger is on the picture, a second at most: a button that goes while it is pressed does nothing. */
export async function lifted(): Promise<void> {
  for (let i = 0; i < 50 && globalThis.early?.held; i++) await new Promise((done) => setTimeout(done, 20));
}

/**
 * Takes the picture away, and presses in the app what was pressed in it. Where
 * the app shows something else, nothing is: nobody meant that.
 */
export function takeOver(): void {
  const { drawn, pressed } = globalThis.early ?? { pressed: [] };
  onclick = onkeydown = onpointerdown = onpointerup = onpointercancel = null;
  if (!drawn) return;
  flushSync();
  const within = (screen: Element): HTMLElement[] => [...screen.querySelectorAll('button')];
  const at = within(drawn).indexOf(document.activeElement as HTMLElement);
  drawn.remove();
  const now = document.querySelector('main');
  if (now?.textContent !== drawn.textContent) return;
  const buttons = within(now);
  buttons[at]?.focus();
  for (const what of pressed) {
    if (typeof what === 'string') dispatchEvent(new KeyboardEvent('keydown', { key: what }));
    else buttons[what]?.click();
  }
}
