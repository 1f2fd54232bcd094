import type { Checklist } from '../../sdk/index.ts';
import { app } from '../../field/app.svelte.ts';
import { newFilled } from '../../field/model/draft.ts';
import { live } from '../../field/model/live.svelte.ts';
import { Practice } from '../../field/model/practice.svelte.ts';
import type { List, Session } from '../../field/model/session.ts';

const nobody = { me: { label: '', role: 'worker', organization: '', allows: [] }, lists: [], lock: () => undefined };

/** The field app in practice, on one checklist: it keeps nothing, dials nothing and sends nothing. */
export class Preview extends Practice {
  /** Its screens stand within another page. */
  readonly within = true;
  override get efforts(): [] { return []; }
  readonly #now = live<{ lists: List[] }>({ lists: [] });

  constructor() {
    super(nobody as unknown as Session);
    Object.defineProperty(this, 'lists', { get: () => this.#now.lists });
  }

  show(list: Checklist): void {
    this.#now.lists = [list];
  }

  /** From the first screen of the checklist. */
  begin(): void {
    app.session = this;
    app.stack = [{ name: 'list', draft: live(newFilled(this.lists[0]?.id ?? '', this.places[0]?.id ?? '', Date.now())) }];
    app.phase = 'open';
  }

  /** Nothing of it stays. */
  end(): void {
    if (app.session !== this) return;
    app.session = null;
    app.phase = 'lock';
    app.stack = [{ name: 'home' }];
  }
}
