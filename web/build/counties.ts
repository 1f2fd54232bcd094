// The county lines that the board's map is drawn on, cut out of the atlas when
// the apps are built: no request for a tile ever tells anybody where people look.
// The lines are the Census Bureau's cartographic boundaries (public domain), as
// us-atlas (ISC) hands them on.
/// <reference path="./topojson.d.ts" />
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { feature, mesh } from 'topojson-client';
import type { Plugin } from 'vite';

const need = createRequire(import.meta.url);
/** States that packs may be about. A pack for another one adds its number here (FIPS). */
const states: Record<string, { fips: string; short: string }> = { 'us-ks': { fips: '20', short: 'KS' }, 'us-mo': { fips: '29', short: 'MO' } };

type Ring = [number, number][];
interface Shape { id: string; properties: { name: string }; geometry: { type: string; coordinates: Ring[] | Ring[][] } }

/** The places that the shipped packs have published statistics of are those whose counties the map has. */
function placesOf(packs: string): string[] {
  const places = readdirSync(packs, { withFileTypes: true }).filter((d) => d.isDirectory()).flatMap((d) => {
    const { statistics } = JSON.parse(readFileSync(`${packs}/${d.name}/published_statistics.json`, 'utf8')) as { statistics: { place: string }[] };
    return statistics.map((s) => s.place);
  });
  return [...new Set(places)].sort();
}

/** Thousandths of a degree, about 100 m: what a board shows, in a third of the bytes. */
const round = (ring: Ring): Ring => ring.map(([x, y]) => [Math.round(x * 1000) / 1000, Math.round(y * 1000) / 1000] as [number, number])
  .filter((p, i, all) => i === 0 || p[0] !== all[i - 1]![0] || p[1] !== all[i - 1]![1]);

/** The middle of a ring by area. */
function middle(ring: Ring): [number, number] {
  let area = 0, x = 0, y = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [x1, y1] = ring[j]!, [x2, y2] = ring[i]!;
    const a = x1 * y2 - x2 * y1;
    area += a;
    x += (x1 + x2) * a;
    y += (y1 + y2) * a;
  }
  return [Math.round((x / (3 * area)) * 1000) / 1000, Math.round((y / (3 * area)) * 1000) / 1000];
}

/** The file that the map reads. */
export function cut(packs: string): string {
  const atlas = JSON.parse(readFileSync(need.resolve('us-atlas/counties-10m.json'), 'utf8')) as Parameters<typeof feature>[0];
  const wanted = placesOf(packs).map((place) => {
    const state = states[place];
    if (!state) throw new Error(`the packs are about ${place}, of which the map has no counties`);
    return state;
  });
  const of = (id: string) => wanted.find((s) => id.startsWith(s.fips));
  const all = feature(atlas, atlas.objects['counties']) as unknown as { features: Shape[] };
  const counties = all.features.flatMap((f) => {
    const state = of(f.id);
    if (!state) return [];
    const parts = (f.geometry.type === 'Polygon' ? [f.geometry.coordinates as Ring[]] : f.geometry.coordinates as Ring[][]).map((rings) => rings.map(round));
    const largest = parts.reduce((a, b) => (b[0]!.length > a[0]!.length ? b : a));
    return [{ id: f.id, name: f.properties.name, state: state.short, label: middle(largest[0]!), rings: parts.flat() }];
  }).sort((a, b) => (a.id < b.id ? -1 : 1));
  // Where one state ends: toward another one, and outward.
  const lines = mesh(atlas, atlas.objects['counties'], (a, b) => (of(String(a.id)) ?? of(String(b.id))) !== undefined && of(String(a.id)) !== of(String(b.id)));
  return JSON.stringify({ counties, border: (lines.coordinates as Ring[]).map(round) });
}

/** The file's address as a module. */
export function counties(packs: string): Plugin {
  const id = 'virtual:counties';
  return {
    name: 'board-counties',
    resolveId: (source) => (source === id ? `\0${id}` : null),
    load(source) {
      if (source !== `\0${id}`) return null;
      const reference = this.emitFile({ type: 'asset', name: 'counties.json', source: cut(packs) });
      return `export default import.meta.ROLLUP_FILE_URL_${reference};`;
    },
  };
}
