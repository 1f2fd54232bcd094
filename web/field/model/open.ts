import { app } from '../app.svelte.ts';
import { t } from '../words.svelte.ts';
import type { Draft, Session } from './session.ts';
import { live, still } from './live.svelte.ts';

/** What a row calls a draft: its place, else what it is. */
export function titleOf(s: Session, draft: Draft): string {
  const place = s.places.find((p) => p.id === draft.place)?.name;
  if (place) return place;
  return draft.kind === 'observations' ? t('stop.title') : (s.lists.find((l) => l.id === draft.checklist)?.title ?? t('new.list'));
}

/** Opens a draft to go on with it, and gives the one that the screen works on. */
export function openDraft(draft: Draft): Draft {
  const d = live(still(app.at.fresh(draft)));
  app.go(d.kind === 'observations' ? { name: 'stop', draft: d } : { name: 'list', draft: d });
  return d;
}
