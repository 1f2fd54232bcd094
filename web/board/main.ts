import '../ui/tokens.css';
import '../ui/base.css';
import './board.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { gate } from './model/gate.ts';
import { wear } from './theme.svelte.ts';

wear();
// The code of a link is read before the first screen asks for one.
await gate.start();
mount(App, { target: document.body });
