import '../ui/tokens.css';
import '../ui/base.css';
import './field.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { keepOffline } from './update.svelte.ts';

mount(App, { target: document.body });
// The app works without it; only the next cold start needs it. Settings shows the version.
keepOffline().catch(() => undefined);
