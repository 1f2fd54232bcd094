import { board, type Sheet } from './state.svelte.ts';
import type { Row } from './model/rows.ts';

let escapes: number[] = [];
// After G the next letter names a page. Times are since the page began.
let going = -Infinity;
const pages = { q: 'queue', d: 'duty', p: 'repair', u: 'people', e: 'exports', t: 'ready', j: 'efforts', s: 'sites', l: 'checklists', r: 'rules', h: 'hotlines', m: 'map', c: 'counts' } as const;

/** The board's keys. Single letters can be switched off (WCAG 2.1.4) and do nothing while a field has focus. */
export function keys(e: KeyboardEvent): void {
  if (!board.desk) return;
  if (e.key === 'Escape') {
    escapes = [...escapes.filter((at) => e.timeStamp - at < 1_500), e.timeStamp];
    if (escapes.length >= 3) return board.lock();
    if (board.sheet) board.sheet = '';
    else if (board.open) board.open = '';
    return;
  }
  if (board.desk.me.role === 'manager') return; // no queue, so no keys of one
  escapes = []; // three in a row leave; three sheets closed one after another do not
  if (e.key === 'F6') return regions(e);
  const at = e.target as HTMLElement;
  if (e.ctrlKey || e.metaKey || e.altKey || at.matches('input, textarea, select') || board.sheet) return;
  const down: Record<string, () => void> = { ArrowDown: () => board.move(1), ArrowUp: () => board.move(-1) };
  const letters: Record<string, () => void> = {
    j: () => board.move(1), k: () => board.move(-1), n: () => board.showNew(), r: () => void board.at.retry(),
    e: () => { const first = board.rows.find((r) => r.urgency === 'emergency'); if (first) board.current = first.id; },
    '?': () => { board.sheet = 'keys'; }, f: () => { board.sheet = 'filter'; }, '/': () => { board.sheet = 'filter'; },
    c: () => { const r = of(); if (r && !r.claimedBy && !r.closed) void board.at.claim(r); },
    o: () => { const r = of(); if (r?.claimedBy && !r.closed && r.claimedBy !== board.at.me.id) { over('over', r); } },
    a: () => { const r = of(); if (r && !r.closed) over('assign', r); },
    x: () => { const r = of(); if (r && !r.closed) over('close', r); },
    t: () => { const r = of(); if (r) over('tip', r); },
    d: () => { if (board.near.length > 0) board.sheet = 'compare'; },
  };
  if (board.keysOn && e.key.toLowerCase() === 'g') { going = e.timeStamp; return; }
  if (board.keysOn && e.timeStamp - going < 1_500 && e.key.toLowerCase() in pages) {
    going = -Infinity;
    board.page = pages[e.key.toLowerCase() as keyof typeof pages];
    return;
  }
  // Enter on a button is the button's own.
  const enter = e.key === 'Enter' && !at.matches('button, a, summary') ? () => { const r = board.rows.find((x) => x.id === board.current); if (r) void board.show(r); } : undefined;
  // On the pages without rows a letter acts on none that nobody sees.
  const rows = board.page === 'queue';
  const act = (rows ? enter ?? down[e.key] : undefined) ?? (board.keysOn && (rows || 'r?'.includes(e.key.toLowerCase())) ? letters[e.key.toLowerCase()] : undefined);
  if (!act) return;
  e.preventDefault();
  act();
}

/** The report that a letter acts on: the row that the keys stand on, else the open one. They differ only after J or K. */
const of = () => board.rows.find((r) => r.id === board.current) ?? board.row;

/** A sheet about a report stands over that report, and whoever acts on it has it before them. */
function over(sheet: Sheet, row: Row): void {
  void board.show(row);
  board.sheet = sheet;
}

/** F6 moves between strip, navigation, list and report. */
function regions(e: KeyboardEvent): void {
  e.preventDefault();
  const all = [...document.querySelectorAll<HTMLElement>('[data-region]')];
  const i = all.findIndex((r) => r.contains(document.activeElement));
  const next = all[(i + (e.shiftKey ? all.length - 1 : 1)) % all.length];
  (next?.querySelector<HTMLElement>('a, button, [tabindex]') ?? next)?.focus();
}
