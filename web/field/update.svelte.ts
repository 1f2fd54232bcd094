import { app } from './app.svelte.ts';

/** The build's version; the build sets it. */
export const version: string = __VERSION__;

let registration: ServiceWorkerRegistration | undefined;

/**
 * Keeps the app for a cold start with no network. A new version is fetched, and
 * takes over only when the person taps: nothing changes under a thumb.
 */
export async function keepOffline(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  registration = await navigator.serviceWorker.register('/sw.js');
  const waits = () => { if (registration?.waiting && navigator.serviceWorker.controller) app.update = true; };
  waits();
  registration.addEventListener('updatefound', () => registration?.installing?.addEventListener('statechange', waits));
  let turned = false;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (!turned && app.update) location.reload();
    turned = true;
  });
}

/** Asks the server whether there is a newer version. */
export const lookForUpdate = async (): Promise<void> => void (await registration?.update());

/** Takes the version that waits. */
export const applyUpdate = (): void => registration?.waiting?.postMessage('update');
