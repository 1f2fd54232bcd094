// Where reports are on the map: a coarse cell, unless their writer opted in to
// an exact point (R14). Pure.
import { CELL, cellAt, type Point } from '../../sdk/cell.ts';
import type { Row } from './rows.ts';

export { CELL, cellAt, type Point };

const letters = '0123456789bcdefghjkmnpqrstuvwxyz';

/** A rectangle on the ground, in degrees. */
export interface Box { west: number; south: number; east: number; north: number }

/** The box of a geohash; null for what is none. */
export function boxOf(hash: string): Box | null {
  if (!hash || hash.length > 12) return null;
  const b: Box = { west: -180, south: -90, east: 180, north: 90 };
  let lon = true;
  for (const letter of hash) {
    const bits = letters.indexOf(letter);
    if (bits < 0) return null;
    for (let bit = 16; bit >= 1; bit >>= 1) {
      if (lon) {
        const middle = (b.west + b.east) / 2;
        if (bits & bit) b.west = middle; else b.east = middle;
      } else {
        const middle = (b.south + b.north) / 2;
        if (bits & bit) b.south = middle; else b.north = middle;
      }
      lon = !lon;
    }
  }
  return b;
}

/** A report's `grid` as a cell, what is finer is cut to it; "" for what is no geohash, or one that holds half a state. */
export function cellOf(grid: string): string {
  const hash = grid.trim().toLowerCase().slice(0, CELL);
  return hash.length >= 4 && boxOf(hash) ? hash : '';
}

/** The middle of a box. */
export const middle = (b: Box): Point => ({ lat: (b.south + b.north) / 2, lon: (b.west + b.east) / 2 });

/** A `point` field; null for none. */
export function pointOf(v: unknown): Point | null {
  const p = v as Partial<Point> | null | undefined;
  return p && typeof p.lat === 'number' && typeof p.lon === 'number' && Math.abs(p.lat) <= 90 && Math.abs(p.lon) <= 180 ? { lat: p.lat, lon: p.lon } : null;
}

/**
 * A point as somebody types or pastes it: latitude and longitude in degrees,
 * north and east, with a comma or a blank between. null for an empty text,
 * undefined for what is no point.
 */
export function readPoint(typed: string): Point | null | undefined {
  if (typed.trim() === '') return null;
  const found = /^\s*([+-]?\d{1,2}(?:\.\d+)?)(?:\s*,\s*|\s+)([+-]?\d{1,3}(?:\.\d+)?)\s*$/.exec(typed);
  const [lat, lon] = [Number(found?.[1]), Number(found?.[2])];
  return found && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : undefined;
}

/** A point as `readPoint` reads it. */
export const writtenPoint = (p: Point | null): string => (p ? `${p.lat}, ${p.lon}` : '');

/** A site as the map shows it; `point` is null where nobody has entered one. */
export interface Place { id: string; name: string; venue: string; point: Point | null }
/** A site's reports. */
export interface AtSite extends Place { n: number; cell: string }
/** Reports of one coarse cell. */
export interface Cell { hash: string; box: Box; n: number }
/** What the map shows, and what the table beside it says. */
export interface Laid {
  cells: Cell[];
  /** Exact points, of reports whose writer allowed one. */
  points: (Point & { id: string })[];
  sites: AtSite[];
  /** Reports with no place that a map could show. */
  nowhere: number;
}

/**
 * Lays reports out. Each is in one place alone: the exact point that its writer
 * allowed, else the coarse cell that it names, else the cell of its site.
 */
export function lay(rows: readonly Row[], places: readonly Place[]): Laid {
  const sites = new Map(places.map((p) => [p.id, { ...p, n: 0, cell: p.point ? cellAt(p.point) : '' }]));
  const cells = new Map<string, Cell>();
  const out: Laid = { cells: [], points: [], sites: [...sites.values()], nowhere: 0 };
  for (const r of rows) {
    const site = sites.get(r.site);
    if (site) site.n++;
    const point = pointOf(r.fields['point']);
    if (point) { out.points.push({ ...point, id: r.id }); continue; }
    const grid = r.fields['grid'];
    const hash = cellOf(typeof grid === 'string' ? grid : '') || (site?.cell ?? '');
    const box = boxOf(hash);
    if (!box) { out.nowhere++; continue; }
    const cell = cells.get(hash) ?? { hash, box, n: 0 };
    cell.n++;
    cells.set(hash, cell);
  }
  out.cells = [...cells.values()].sort((a, b) => b.n - a.n || (a.hash < b.hash ? -1 : 1));
  out.sites.sort((a, b) => b.n - a.n || a.name.localeCompare(b.name));
  return out;
}

/** How dark a cell is, 0 to 3, beside the one with most. */
export const shade = (n: number, most: number): number => Math.min(3, Math.floor((4 * n) / (most + 1)));

/** Things at one place of the screen. */
export interface Cluster<T> { point: Point; members: T[] }

/** Where a point is drawn at a zoom of tiles of 512 px, in px (Web Mercator). */
export function pixel(p: Point, zoom: number): { x: number; y: number } {
  const size = 512 * 2 ** zoom;
  const s = Math.sin((p.lat * Math.PI) / 180);
  return { x: ((p.lon + 180) / 360) * size, y: (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * size };
}

/** How far from where it belongs a cell's number is drawn, in px, so that no pin lies on it: a circle with a number in it is no count of reports. */
export function beside(at: { x: number; y: number }, pins: readonly { x: number; y: number }[], near = 22): [number, number] {
  const free = ([x, y]: [number, number]) => pins.every((p) => Math.hypot(at.x + x - p.x, at.y + y - p.y) >= near);
  const tries: [number, number][] = [[0, 0], [0, -18], [0, 18], [-16, -16], [16, 16], [0, -36], [0, 36]];
  return tries.find(free) ?? [0, -36];
}

/** Groups what would be drawn less than `near` px apart: each joins the first group that it is near to. */
export function cluster<T extends { point: Point }>(all: readonly T[], zoom: number, near = 28): Cluster<T>[] {
  const out: (Cluster<T> & { at: { x: number; y: number } })[] = [];
  for (const one of all) {
    const at = pixel(one.point, zoom);
    const group = out.find((g) => Math.hypot(g.at.x - at.x, g.at.y - at.y) < near);
    if (group) group.members.push(one);
    else out.push({ point: one.point, members: [one], at });
  }
  return out.map(({ members }) => ({
    members,
    point: { lat: mean(members.map((m) => m.point.lat)), lon: mean(members.map((m) => m.point.lon)) },
  }));
}

const mean = (ns: readonly number[]): number => ns.reduce((a, b) => a + b, 0) / ns.length;

/** A county: its lines, as rings of [lon, lat], the outer one of each part first. */
export interface County { id: string; name: string; state: string; label: [number, number]; rings: [number, number][][] }

/** The county that a point lies in; null outside of all. */
export function countyAt(p: Point, counties: readonly County[]): County | null {
  return counties.find((c) => inside(p, c.rings)) ?? null;
}

/** Even and odd: a ring inside a ring is a hole. */
function inside(p: Point, rings: [number, number][][]): boolean {
  let odd = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [x1, y1] = ring[i]!;
      const [x2, y2] = ring[j]!;
      if (y1 > p.lat !== y2 > p.lat && p.lon < ((x2 - x1) * (p.lat - y1)) / (y2 - y1) + x1) odd = !odd;
    }
  }
  return odd;
}

/** The box around all that is laid out; null if nothing is. */
export function around(laid: Laid): Box | null {
  const all: Box[] = [...laid.cells.map((c) => c.box), ...[...laid.points, ...laid.sites.flatMap((s) => s.point ?? [])].map((p) => ({ west: p.lon, east: p.lon, south: p.lat, north: p.lat }))];
  if (all.length === 0) return null;
  return { west: Math.min(...all.map((b) => b.west)), south: Math.min(...all.map((b) => b.south)), east: Math.max(...all.map((b) => b.east)), north: Math.max(...all.map((b) => b.north)) };
}
