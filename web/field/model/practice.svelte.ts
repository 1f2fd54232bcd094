import { app } from '../app.svelte.ts';
import { makeID } from '../../sdk/index.ts';
import { Album } from './album.svelte.ts';
import { PracticeShelf } from './shelf.ts';
import { live } from './live.svelte.ts';
import type { Draft, Duty, Effort, Fault, Item, Link, List, Me, Place, Rejoined, Rekeyed, Session } from './session.ts';
import { titleOf } from './open.ts';
import { t } from '../words.svelte.ts';

/**
 * Practice: the same screens on invented places. All of it is in memory and
 * goes with the page; nothing dials (R24), nothing is ever sent, and nothing
 * mixes with live data.
 */
export class Practice implements Session {
  readonly practice = true;
  readonly me: Me;
  readonly lists: List[];
  drafts: Draft[] = live([]);
  items: Item[] = live([]);
  readonly counting = false;
  readonly duty: Duty | null = null;
  link: Link = live({ trouble: '' as const, tried: null, sending: false });
  readonly fault: Fault = '';
  readonly #shelf = new PracticeShelf();
  readonly album = new Album(this.#shelf);
  readonly sums = {};
  readonly #was: Session;

  constructor(was: Session) {
    this.#was = was;
    this.me = was.me;
    this.lists = was.lists;
  }

  // In the language of now, which a person may change at any moment.
  get places(): Place[] {
    return [
      { id: 'practice0000001', name: t('practice.truck'), venue: 'truck_stop', cell: '' },
      { id: 'practice0000002', name: t('practice.hotel'), venue: 'hotel', cell: '' },
    ];
  }

  get efforts(): Effort[] {
    return [{ id: 'practice0000003', name: t('practice.effort'), begins: 0, ends: Infinity }];
  }

  /** The live session that goes on after practice. */
  get was(): Session {
    return this.#was;
  }

  fresh(draft: Draft): Draft {
    return draft;
  }

  async keep(draft: Draft): Promise<void> {
    const at = this.drafts.findIndex((d) => d.id === draft.id);
    if (at < 0) this.drafts.push(draft);
    else this.drafts[at] = draft;
  }

  async drop(id: string): Promise<void> {
    this.drafts.splice(0, this.drafts.length, ...this.drafts.filter((d) => d.id !== id));
    this.#shelf.end(id, '');
  }

  async done(draft: Draft): Promise<string> {
    const id = makeID();
    if (!(draft.kind === 'submissions' && draft.about === 'self')) this.#shelf.end(draft.id, id);
    await this.drop(draft.id);
    const item: Item = {
      id, kind: draft.kind, title: titleOf(this, draft), seen: draft.seen ?? draft.begun, written: Date.now(), state: 'waiting', note: 'note.soon',
    };
    this.items.unshift(item);
    return id;
  }

  async correct(): Promise<Draft> {
    throw new Error('practice: nothing is refused here');
  }

  async again(): Promise<void> {}

  async copy(): Promise<Blob> {
    return new Blob([]);
  }

  async sync(): Promise<void> {}

  async check(): Promise<{ mended: boolean; doubtful: string[] }> {
    return { mended: false, doubtful: [] };
  }

  storage(): Promise<{ used: number; kept: boolean }> {
    return this.#was.storage();
  }

  persist(): Promise<boolean> {
    return this.#was.persist();
  }

  rekey(old: string, fresh: string): Promise<Rekeyed> {
    return this.#was.rekey(old, fresh); // the PIN is the phone's, also in practice
  }

  async rejoin(): Promise<Rejoined> {
    return { ok: false, why: 'failed', n: 0 };
  }

  async read(): Promise<void> {}

  lock(): void {
    this.#was.lock();
  }
}

/** Begins practice on the open session. */
export function practise(): void {
  app.session = new Practice(app.at);
  app.home();
}

/** Ends it: what was written in it is gone, the live session goes on. */
export function endPractice(): void {
  if (app.session instanceof Practice) app.session = app.session.was;
  app.home();
}
