// The engine speaks to a browser's document; here jsdom is one. It has to be
// there before the engine is loaded.
import { JSDOM } from 'jsdom';

const { window } = new JSDOM('<!doctype html>', { url: 'http://localhost/' });
for (const name of Object.getOwnPropertyNames(window)) {
	if (!(name in globalThis)) globalThis[name] = window[name];
}
globalThis.window = window;
globalThis.document = window.document;
// Nothing here asks a network; the engine's own parts come as data.
const { fetch } = globalThis;
globalThis.fetch = (from, options) =>
	String(from).startsWith('data:') ? fetch(from, options) : Promise.reject(new Error(`something outside is asked for: ${from}`));

// The engine is packed for browsers. Where it sees that it is in Node, it looks
// for __dirname, which no module has; so it does not see that while it loads.
const { process } = globalThis;
Object.defineProperty(globalThis, 'process', { value: undefined, configurable: true, writable: true });
const { loadForm } = await import('@getodk/xforms-engine');
globalThis.process = process;

export const parse = (xml) => new window.DOMParser().parseFromString(xml, 'application/xml');

// load gives a new instance of a form; a form that the engine refuses, or
// takes with a warning, is an error.
export async function load(xml) {
	const result = await loadForm(xml, {});
	if (result.status !== 'success') throw result.error ?? new Error(JSON.stringify(result.warnings));
	return result.createInstance().root;
}

// every gives all nodes below one, by their path.
export function every(root) {
	const all = new Map();
	const walk = (node) => {
		all.set(node.currentState.reference, node);
		for (const child of node.currentState.children ?? []) walk(child);
	};
	walk(root);
	return all;
}
