import '../ui/tokens.css';
import '../ui/base.css';
import './field.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { loadContent } from './content.ts';
import { gate, inside } from './model/gate.svelte.ts';
import { lifted, takeOver } from './model/early.ts';
import { settle } from './prefs.svelte.ts';
import { keepOffline } from './update.svelte.ts';

// Who is here is looked up while the texts come.
const looked = gate.start();
// Help must be there from the first screen on (R3).
await loadContent();
await lifted();
mount(App, { target: document.body });
takeOver();
void looked;
// Behind the first picture, and not in its way. What is behind the lock is here before a PIN is typed, and who types it asks for it too.
requestAnimationFrame(() => setTimeout(() => {
  void settle();
  // The app works without it; only the next cold start needs it. Settings shows the version.
  keepOffline().catch(() => undefined);
  setTimeout(() => inside().catch(() => undefined), 200);
}));
