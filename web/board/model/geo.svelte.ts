import { explain, newest, type Device } from '../../sdk/index.ts';
import type { Locale } from '../../ui/text.ts';
import { pointOf, type Place } from './places.ts';
import { text } from './rows.ts';
import { Clock, type Others } from './tally.ts';

/** A number that somebody else published. */
export interface Statistic { id: string; publisher: string; place: string; year: number; value: number; measure: string; caution: string; review: string; sources: string[]; retrieved: string }
/** The counts of the others, and when the server told them; `fresh` where it was now. */
export interface Told { at: number; fresh: boolean; others: Others }

/** Where the last answer about the others is kept, so that it stands here without a connection too. */
const KEPT = 'counts';

/** A vault that is locked meanwhile is no fault. */
function quiet(work: Promise<void>): void {
  work.catch((err: unknown) => { if (explain(err).kind !== 'locked') throw err; });
}

/** What map and counts are about: one choice for both pages, and the names that they show. */
class Geo {
  /** How many nights; 0 is all. */
  nights = $state(3);
  /** A setting's key; "" is all. */
  setting = $state('');
  clock = $state.raw(new Clock(Intl.DateTimeFormat().resolvedOptions().timeZone));
  places: Place[] = $state.raw([]);
  venues: ReadonlyMap<string, string> = $state.raw(new Map());
  titles: ReadonlyMap<string, string> = $state.raw(new Map());
  items: ReadonlyMap<string, string> = $state.raw(new Map());
  published: Statistic[] = $state.raw([]);
  told: Told | null = $state.raw(null);
  /** Whose device was read last. */
  #of: Device | null = null;
  /** Answers may come in another order than they were asked for. */
  #asks = 0;

  /** Reads names and places from the device. */
  load(d: Device, locale: Locale): void {
    this.#of = d;
    quiet(this.#load(d, locale));
  }

  /** Asks how many reports the others had; without a connection what was told last. */
  ask(d: Device): void {
    this.#of = d;
    quiet(this.#ask(d));
  }

  /** Drops what is of a person; what was chosen stays. */
  forget(): void {
    this.#of = null;
    this.places = this.published = [];
    this.told = null;
  }

  async #load(d: Device, locale: Locale): Promise<void> {
    const [sites, venues, lists, published, duty] = await Promise.all([d.records('sites'), d.records('venues'), d.checklists(locale), d.records('published_statistics'), d.records('duty_hours')]);
    if (d !== this.#of) return; // locked meanwhile
    const zone = text(duty[0]?.fields['zone']);
    if (zone && zone !== this.clock.zone) this.clock = new Clock(zone);
    const said = (body: unknown, name: string): string => {
      const b = (body ?? {}) as Record<string, unknown>;
      return text(b[`${name}::${locale}`]) || text(b[`${name}::en`]);
    };
    this.places = sites.map((s) => ({ id: s.id, name: text(s.fields['name']), venue: text(s.fields['venue']), point: pointOf(s.fields['point']) }));
    this.venues = new Map(venues.map((v) => [text(v.fields['key']), said(v.fields['body'], 'name')]));
    const items = new Map<string, string>();
    const titles = new Map<string, string>();
    for (const l of newest(lists)) {
      if (!titles.has(l.key)) titles.set(l.key, l.title);
      for (const i of l.items) if (!items.has(i.id)) items.set(i.id, i.text);
    }
    this.titles = titles;
    this.items = items;
    this.published = published.map((r) => {
      const b = (r.fields['body'] ?? {}) as Record<string, unknown>;
      const sources = Array.isArray(b['sources']) ? b['sources'].map((s) => text(s)) : [];
      return { id: r.id, publisher: text(b['publisher']), place: text(b['place']), year: Number(b['year']), value: Number(b['value']), measure: said(b['measure'], 'text'), caution: said(b['caution'], 'text'), review: said(b['measure'], 'review'), sources, retrieved: text(b['retrieved']) };
    }).sort((a, b) => b.year - a.year || a.place.localeCompare(b.place));
  }

  async #ask(d: Device): Promise<void> {
    const turn = ++this.#asks;
    const over = () => d !== this.#of || turn !== this.#asks;
    try {
      const others = await d.ask<Others>('/api/fieldpost/counts');
      if (over()) return;
      this.told = { at: Date.now(), fresh: true, others };
      await d.set(KEPT, { at: this.told.at, others });
    } catch (err) {
      if (explain(err).kind === 'locked') throw err;
      const kept = await d.setting<Omit<Told, 'fresh'>>(KEPT);
      if (kept && !over()) this.told = { ...kept, fresh: false };
    }
  }
}

export const geo = new Geo();
