import type { List, ListItem } from './session.ts';
import type { Locale } from '../../ui/text.ts';

const order = { emergency: 0, strong: 1, context: 2 } as const;
// Which checklists tell of what an outreach worker sees at a kind of place.
const keys: Record<string, string[]> = { truck_stop: ['truck_lot', 'truck_driver'], hotel: ['hotel_front', 'hotel_sec'], motel: ['hotel_front', 'hotel_sec'] };

/** The newest version of each checklist in a language; English where it has none. */
export function newest(lists: List[], locale: Locale): List[] {
  const best = new Map<string, List>();
  for (const l of lists) {
    const have = best.get(l.key);
    if (!have || l.version > have.version || (l.version === have.version && l.locale === locale && have.locale !== locale)) best.set(l.key, l);
  }
  return [...best.values()].sort((a, b) => a.title.localeCompare(b.title, locale));
}

/**
 * What may be ticked at a night stop: the items of the place's checklists, the
 * strong before the weak, and the emergencies last among what is shown first,
 * since each stands in the list anyway.
 */
export function signsFor(lists: List[], locale: Locale, venue: string): ListItem[] {
  const wanted = keys[venue] ?? keys['truck_stop'] ?? [];
  const seen = new Set<string>();
  const items = newest(lists, locale).filter((l) => wanted.includes(l.key)).flatMap((l) => l.items).filter((i) => !seen.has(i.id) && seen.add(i.id));
  const rank = (i: ListItem) => (i.weight === 'strong' ? -1 : order[i.weight]);
  return items.map((i, n) => [i, n] as const).sort(([a, m], [b, n]) => rank(a) - rank(b) || m - n).map(([i]) => i);
}
