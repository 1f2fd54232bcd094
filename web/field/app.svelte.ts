import type { Component } from 'svelte';
import { AutoLock } from '../sdk/autolock.ts';
import type { Draft, Session, Unsaved } from './model/session.ts';
import { prefs } from './prefs.svelte.ts';
import { voice } from './voice.svelte.ts';

/** Where the person is. Nothing of it stands in the address or the history (R11). */
export type Screen =
  | { name: 'home' }
  | { name: 'new' }
  | { name: 'stop'; draft: Draft }
  | { name: 'signs'; draft: Draft }
  | { name: 'place'; draft: Draft }
  | { name: 'when'; draft: Draft }
  | { name: 'lists' }
  | { name: 'list'; draft: Draft }
  | { name: 'after'; id: string; hard: boolean; again: 'stop' | 'lists' }
  | { name: 'outbox' }
  | { name: 'call' }
  | { name: 'self' }
  | { name: 'learn'; key?: string }
  | { name: 'settings' }
  | { name: 'rejoin' };

/**
 * Why somebody begins with a new code.
 * - `pin`: wrong PINs have wiped a vault; what waited is kept sealed, for a coordinator to ask for by a code
 * - `wiped`: a coordinator had it wiped, and all of it was handed in
 * - `evicted`: the browser cleared it: how much the server has, and how much it has not
 * - `code`: the server let this phone go; the vault is still here
 */
export type Gone = { why: 'pin'; kept: number; code: string } | { why: 'wiped' } | { why: 'evicted'; there: number; lost: number } | { why: 'code' };

/**
 * The app's one state: before a vault is open (`lock`), on the harmless page
 * (`away`), or at work. Going back is a stack in memory; the browser's history
 * holds one entry, whatever happens.
 */
class App {
  phase: 'lock' | 'away' | 'open' = $state('lock');
  session: Session | null = $state.raw(null);
  /** The screens behind the lock, once they are loaded. */
  inside: Component | null = $state.raw(null);
  stack: Screen[] = $state.raw([{ name: 'home' }]);
  /** Why the last tap is not on the disk. Every screen says it while it is so. */
  unsaved: Unsaved = $state('');
  /** Why somebody begins with a new code; null: not so. */
  gone: Gone | null = $state.raw(null);
  /** Keeps what was typed a moment ago; locking does it before its time. */
  readonly unkept = new Set<() => unknown>();
  /** A new version waits for a tap. */
  update = $state(false);
  /** When to ask again how the person is (R21), Unix ms; 0 is never. In memory: nothing of it is kept. */
  ask = $state(0);

  get screen(): Screen {
    return this.stack.at(-1) ?? { name: 'home' };
  }

  /** The open session. Screens behind the lock call it; nobody else may. */
  get at(): Session {
    if (!this.session) throw new Error('app: no vault is open');
    return this.session;
  }

  open(session: Session): void {
    this.session = session;
    this.stack = [{ name: 'home' }];
    this.phase = 'open';
  }

  go(screen: Screen): void {
    this.stack = [...this.stack, screen];
    scrollTo(0, 0);
  }

  /** Puts a screen in the place of this one. */
  turn(screen: Screen): void {
    this.stack = [...this.stack.slice(0, -1), screen];
    scrollTo(0, 0);
  }

  back(): void {
    if (this.stack.length > 1) this.stack = this.stack.slice(0, -1);
    scrollTo(0, 0);
  }

  home(): void {
    this.stack = [{ name: 'home' }];
    scrollTo(0, 0);
  }

  /** Asks again after the shift: in four hours, if the app is still open then. */
  askLater(): void {
    this.ask = Date.now() + 4 * 3_600_000;
  }

  /** Locks; what is half written is kept with each tap, so nothing is asked. */
  lock(): void {
    voice.stop();
    for (const keep of [...this.unkept]) keep();
    this.session?.lock();
    this.session = null;
    this.unsaved = '';
    this.stack = [{ name: 'home' }];
    this.phase = 'lock';
  }

  /** Quick exit: locks and shows a harmless page in the same history entry; other tabs of the app lock too. */
  exit(): void {
    this.lock();
    this.phase = 'away';
    others?.postMessage('lock');
  }

  /** Leaves for the page where a new code is entered. */
  end(gone: Gone): void {
    this.lock();
    this.gone = gone;
  }
}

// Who leaves in a hurry leaves nothing open behind.
const others = 'BroadcastChannel' in globalThis ? new BroadcastChannel('leave') : null;
others?.addEventListener('message', () => { if (app.phase === 'open') app.lock(); });

export const app = new App();

/**
 * Watches the open session: locks it when nobody has touched the phone for the
 * chosen time, and when it comes back from longer away. Practice stays open.
 * Gives the way to stop.
 */
export function autolock(): () => void {
  if (app.phase !== 'open' || app.session?.practice) return () => undefined;
  const ending = new AbortController();
  const lock = () => { ending.abort(); app.lock(); };
  const guard = new AutoLock({ lock, locked: ending.signal }, { after: prefs.lockAfter * 60_000 });
  const touch = () => void guard.touch();
  const look = () => void guard.check();
  const events = ['pointerdown', 'keydown', 'input'] as const;
  for (const e of events) addEventListener(e, touch, { capture: true, passive: true });
  document.addEventListener('visibilitychange', look);
  return () => {
    guard.stop();
    for (const e of events) removeEventListener(e, touch, { capture: true });
    document.removeEventListener('visibilitychange', look);
  };
}
