import type { Desk } from './model/desk.svelte.ts';
import { near, type Row } from './model/rows.ts';

/** What is shown of the queue. It stands in the address, so that it can be passed on as a link; it names nobody. */
export interface Filter {
  closed: boolean;
  mine: boolean;
  site: string;
  /** A joint effort's id; "" is all. */
  operation: string;
  /** 0 is all. */
  days: number;
}

/** The pages beside the queue. */
export type Page = 'queue' | 'repair' | 'people' | 'duty' | 'exports' | 'ready' | 'efforts' | 'sites' | 'checklists' | 'rules' | 'hotlines' | 'map' | 'counts';

export type Sheet = 'tip' | 'unseal' | '' | 'keys' | 'close' | 'over' | 'assign' | 'filter' | 'compare';

const first: Filter = { closed: false, mine: false, site: '', operation: '', days: 3 };

function fromAddress(): Filter {
  const q = new URLSearchParams(location.search);
  return { closed: q.get('state') === 'closed', mine: q.has('mine'), site: q.get('site') ?? '', operation: q.get('operation') ?? '', days: Number(q.get('days') ?? first.days) };
}

/** The board's one state. */
class Board {
  desk: Desk | null = $state.raw(null);
  page: Page = $state('queue');
  filter: Filter = $state(fromAddress());
  sheet: Sheet = $state('');
  /** The row that the keys act on, and the report that is open. */
  current = $state('');
  open = $state('');
  /** Rows that may be shown: what arrives later is held back until asked for. */
  #shown = $state.raw<ReadonlySet<string> | null>(null);
  keysOn = $state(localStorage.getItem('board-keys') !== 'off');
  now = $state(Date.now());

  get at(): Desk {
    if (!this.desk) throw new Error('board: no desk is open');
    return this.desk;
  }

  enter(desk: Desk): void {
    this.desk = desk;
    this.#shown = null;
    this.current = this.open = '';
    this.sheet = '';
  }

  lock(): void {
    this.open = this.current = this.sheet = '';
    this.desk?.lock();
    this.desk = null;
  }

  // Made once for a change, not for each reader: with ten thousand rows the clock,
  // which ticks every second, and a proxy that is asked for each row were felt in the scrolling.
  readonly #minute = $derived(Math.floor(this.now / 60_000));
  readonly #fitting: Row[] = $derived.by(() => {
    if (!this.desk) return [];
    const { closed, mine, site, operation, days } = this.filter;
    const me = this.desk.me.id;
    const since = days === 0 ? -Infinity : this.#minute * 60_000 - days * 86_400_000;
    return this.desk.rows.filter((r) => r.closed === closed && (!mine || r.claimedBy === me) && (!site || r.site === site) && (!operation || r.fields['operation'] === operation) && Math.max(r.happened, r.arrived) > since);
  });
  readonly #rows: Row[] = $derived.by(() => {
    const shown = this.#shown;
    return shown === null ? this.#fitting : this.#fitting.filter((r) => shown.has(r.id));
  });

  /** All that fits the filter. */
  get fitting(): Row[] {
    return this.#fitting;
  }

  /** What stands in the list. Before anything was shown, all of it does. */
  get rows(): Row[] {
    return this.#rows;
  }

  /** What arrived since, and waits above. */
  get held(): number {
    return this.#fitting.length - this.#rows.length;
  }

  /** Shows what was held back. */
  showNew(): void {
    this.#shown = new Set(this.at.rows.map((r) => r.id));
  }

  /** From the first rows on, arrivals are held back. */
  settle(): void {
    if (this.#shown === null && this.at.rows.length > 0) this.showNew();
  }

  get row(): Row | null {
    return this.desk?.rows.find((r) => r.id === this.open) ?? null; // asked once more while the board is being locked
  }

  get near(): Row[] {
    return this.row ? near(this.row, this.at.rows, this.at.near) : [];
  }

  move(by: number): void {
    const rows = this.rows;
    const i = rows.findIndex((r) => r.id === this.current);
    const next = rows[Math.max(0, Math.min(rows.length - 1, i < 0 ? 0 : i + by))];
    if (next) this.current = next.id;
  }

  async show(row: Row): Promise<void> {
    this.current = this.open = row.id;
    await this.at.open(row);
  }

  choose(change: Partial<Filter>): void {
    Object.assign(this.filter, change);
    const q = new URLSearchParams();
    if (this.filter.closed) q.set('state', 'closed');
    if (this.filter.mine) q.set('mine', '');
    if (this.filter.site) q.set('site', this.filter.site);
    if (this.filter.operation) q.set('operation', this.filter.operation);
    if (this.filter.days !== first.days) q.set('days', String(this.filter.days));
    history.replaceState(history.state, '', location.pathname + (q.size ? `?${q}` : ''));
  }
}

export const board = new Board();
