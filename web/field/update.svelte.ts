import { app } from './app.svelte.ts';

/** The build's version; the build sets it. */
export const version: string = __VERSION__;

let asked = false;
let registration: ServiceWorkerRegistration | undefined;

/**
 * Keeps the app for a cold start with no network. A new version is fetched, and
 * takes over only when the person taps: nothing changes under a thumb.
 */
export async function keepOffline(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  registration = await navigator.serviceWorker.register('/sw.js');
  const waits = () => {
    if (!registration?.waiting || !navigator.serviceWorker.controller) return;
    app.update = true;
    if (asked) applyUpdate();
  };
  waits();
  registration.addEventListener('updatefound', () => registration?.installing?.addEventListener('statechange', waits));
  // The first version takes over by itself, and another tab's tap is not a tap here.
  navigator.serviceWorker.addEventListener('controllerchange', () => { if (asked) location.reload(); });
}

/** Asks the server whether there is a newer version. */
export const lookForUpdate = async (): Promise<void> => void (await registration?.update());

/** Fetches the newer version and takes it, with one tap. False: there is none to be had now. */
export async function updateNow(): Promise<boolean> {
  if (app.update) applyUpdate();
  else {
    await registration?.update().catch(() => undefined); // no signal: there is none to be had
    asked = !!(registration?.installing ?? registration?.waiting);
    if (registration?.waiting) applyUpdate();
  }
  return asked;
}

/** Takes the version that waits. */
export function applyUpdate(): void {
  asked = true;
  registration?.waiting?.postMessage('update');
}
