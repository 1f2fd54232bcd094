// Keeps the app's files for a cold start with no network. FILES and VERSION are
// written by the build. It never touches /api/ or /_/: what is not in FILES goes
// to the network as if this were not here.
const VERSION = "app-08dd14988e2a6abd";
const FILES = ["/", "/assets/content-pP2osbSg.json", "/assets/field-DbQv4uLX.js", "/assets/inside-BG0ZD7_a.js", "/assets/photos-DCoCFQq9.css", "/assets/preload-helper-Da3AoT1x.js", "/assets/update.svelte-BbUHRhra.js", "/daybook-180.png", "/daybook-192.png", "/daybook-512.png", "/daybook.svg", "/daybook.webmanifest", "/rounds-180.png", "/rounds-192.png", "/rounds-512.png", "/rounds.svg", "/rounds.webmanifest", "/shift-180.png", "/shift-192.png", "/shift-512.png", "/shift.svg", "/shift.webmanifest"];
// Where a browser can, it takes them from the cache by itself: a cold start waits for no worker.
const routes = (e) => e.addRoutes?.(FILES.map((pathname) => ({ condition: { urlPattern: new URLPattern({ pathname, search: '', baseURL: location.origin }), requestMethod: 'GET' }, source: { cacheName: VERSION } }))).catch(() => undefined);
const kept = () => caches.open(VERSION).then((c) => c.addAll(FILES.map((f) => new Request(f, { cache: 'reload' }))));
self.addEventListener('install', (e) => e.waitUntil(Promise.all([routes(e), kept()])));
self.addEventListener('activate', (e) => e.waitUntil(caches.keys().then((all) => Promise.all(all.filter((n) => n !== VERSION).map((n) => caches.delete(n)))).then(() => self.clients.claim())));
self.addEventListener('message', (e) => { if (e.data === 'update') self.skipWaiting(); });
self.addEventListener('fetch', (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== 'GET' || url.origin !== location.origin || !FILES.includes(url.pathname)) return;
  e.respondWith(caches.open(VERSION).then((c) => c.match(url.pathname)).then((hit) => hit ?? fetch(e.request)));
});
