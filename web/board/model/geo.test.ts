import { describe, expect, it } from 'vitest';
import { around, beside, boxOf, cellAt, cellOf, cluster, countyAt, lay, readPoint, shade, writtenPoint, type County, type Place } from './places.ts';
import { arrivedIn, before, both, byHour, byIndicator, byNight, bySetting, Clock, nightsOf, within } from './tally.ts';
import type { Row } from './rows.ts';

const at = (iso: string): number => Date.parse(iso);
let n = 0;
const row = (more: Partial<Row> & { fields?: Row['fields'] } = {}): Row => ({
  id: `r${n++}`, collection: 'observations', triage: '', site: '', place: '', list: null, urgency: 'context', closed: false, reason: '', happened: at('2026-11-22T04:00:00Z'), arrived: at('2026-11-22T05:00:00Z'),
  opened: 0, doubtful: false, late: false, counts: { emergency: 0, strong: 0, context: 0 }, said: [], claimedBy: '', assignee: '', asked: false, rule: '', fired: [], fields: {}, triageFields: {}, ...more,
});
const plaza = { lat: 39.0425, lon: -94.5925 };
const places: Place[] = [
  { id: 'a', name: 'Mitten', venue: 'truck_stop', point: plaza },
  { id: 'b', name: 'Owls', venue: 'truck_stop', point: null },
];

describe('places', () => {
  it('[R4] a point is read as it is pasted from a map, and what is none is said to be none', () => {
    for (const typed of ['39.0425, -94.5925', ' 39.0425 -94.5925 ', '+39.0425,-94.5925']) expect(readPoint(typed), typed).toEqual(plaza);
    expect(readPoint(writtenPoint(plaza))).toEqual(plaza);
    expect(readPoint(' ')).toBeNull();
    for (const typed of ['39.0425', '91, 0', '0, 181', '39,0425 -94,5925', 'here', '39.04253 N']) expect(readPoint(typed), typed).toBeUndefined();
  });
  it('[R14] a cell is a geohash, and the one of a point lies around it', () => {
    expect(cellAt({ lat: 57.64911, lon: 10.40744 }, 11)).toBe('u4pruydqqvj');
    const box = boxOf(cellAt(plaza))!;
    expect(box.west < plaza.lon && plaza.lon < box.east && box.south < plaza.lat && plaza.lat < box.north).toBe(true);
    // About 4.9 by 4.3 km: no house can be told.
    expect((box.north - box.south) * 111).toBeGreaterThan(4);
    expect((box.east - box.west) * 86).toBeGreaterThan(3);
  });
  it('[R14] what is finer than a cell is cut to it, and what is no cell is none', () => {
    expect(cellOf('9yuwr2kq7')).toBe('9yuwr');
    expect(cellOf('9YUM')).toBe('9yum');
    for (const none of ['', '9y', '39.1,-94.6', 'ailo5', 'home']) expect(cellOf(none)).toBe('');
  });
  it('[R14] an exact point is drawn only where the writer allowed one; else the cell, else the cell of the site', () => {
    const laid = lay([
      row({ fields: { point: { ...plaza }, grid: '9yuwr' } }),
      row({ fields: { point: null, grid: '9yuwr' } }),
      row({ fields: { grid: '9yuwr2kq7' }, site: 'a' }),
      row({ site: 'a' }), row({ site: 'b' }), row({ fields: { grid: 'the blue house' } }),
    ], places);
    expect(laid.points).toHaveLength(1);
    expect(laid.cells.map((c) => [c.hash, c.n])).toEqual([['9yuwr', 2], [cellAt(plaza), 1]]);
    expect(laid.sites.map((s) => [s.id, s.n])).toEqual([['a', 2], ['b', 1]]);
    expect(laid.nowhere).toBe(2);
    expect(laid.cells.reduce((sum, c) => sum + c.n, 0) + laid.points.length + laid.nowhere).toBe(6);
  });
  it('[BOARD] cells have four shades, the darkest for the most', () => {
    expect([1, 3, 6, 9, 14].map((x) => shade(x, 14))).toEqual([0, 0, 1, 2, 3]);
    expect(shade(1, 1)).toBe(2);
  });
  it('[BOARD] sites that would lie upon one another are one group, and apart when looked at from nearer', () => {
    const all = [{ id: 1, point: { lat: 39.04, lon: -94.59 } }, { id: 2, point: { lat: 39.05, lon: -94.58 } }, { id: 3, point: { lat: 38.5, lon: -93.5 } }];
    expect(cluster(all, 7).map((g) => g.members.map((m) => m.id))).toEqual([[1, 2], [3]]);
    expect(cluster(all, 13)).toHaveLength(3);
    expect(cluster(all, 7)[0]!.point.lat).toBeCloseTo(39.045);
    expect(cluster([], 7)).toEqual([]);
  });
  it('[BOARD] no pin lies on the number of a cell', () => {
    const at = { x: 100, y: 100 };
    expect(beside(at, [{ x: 300, y: 100 }])).toEqual([0, 0]);
    for (const pins of [[at], [{ x: 95, y: 90 }], [at, { x: 100, y: 70 }]]) {
      const [x, y] = beside(at, pins);
      for (const p of pins) expect(Math.hypot(100 + x - p.x, 100 + y - p.y)).toBeGreaterThanOrEqual(22);
    }
  });
  it('[BOARD] a place is told by its county; a hole is none of it', () => {
    const square = (x: number, y: number, s: number): [number, number][] => [[x, y], [x + s, y], [x + s, y + s], [x, y + s], [x, y]];
    const counties: County[] = [{ id: '29095', name: 'Jackson', state: 'MO', label: [0, 0], rings: [square(0, 0, 10), square(4, 4, 2)] }];
    expect(countyAt({ lat: 1, lon: 1 }, counties)?.name).toBe('Jackson');
    expect(countyAt({ lat: 5, lon: 5 }, counties)).toBeNull();
    expect(countyAt({ lat: 11, lon: 1 }, counties)).toBeNull();
  });
  it('[BOARD] the map shows all that is laid out, and knows when nothing is', () => {
    expect(around(lay([], []))).toBeNull();
    const box = around(lay([row({ fields: { grid: '9yuwr' } })], places))!;
    expect(box.south).toBeLessThanOrEqual(plaza.lat);
  });
});

describe('counts', () => {
  const chicago = new Clock('America/Chicago');
  it('[BOARD] hours are those of the zone, also in the two nights when clocks are changed', () => {
    // Clocks go back at 7:00 UTC on 1 November 2026, and forward at 8:00 UTC on 8 March.
    expect(['2026-11-01T06:30:00Z', '2026-11-01T07:30:00Z', '2026-11-01T08:30:00Z'].map((t) => chicago.hour(at(t)))).toEqual([1, 1, 2]);
    expect(['2026-03-08T07:30:00Z', '2026-03-08T08:30:00Z'].map((t) => chicago.hour(at(t)))).toEqual([1, 3]);
    const rows = ['2026-11-01T06:30:00Z', '2026-11-01T07:30:00Z', '2026-03-08T08:30:00Z', '2026-07-01T05:30:00Z'].map((t) => row({ happened: at(t) }));
    const { hours } = byHour(rows, chicago);
    expect([hours[0], hours[1], hours[2], hours[3]]).toEqual([1, 2, 0, 1]);
    expect(hours.reduce((a, b) => a + b)).toBe(4);
    expect(new Clock('Asia/Kolkata').hour(at('2026-11-01T18:29:00Z'))).toBe(23);
  });
  it('[BOARD] a night belongs to the day it began, and none is lost or twice where clocks change', () => {
    expect(chicago.night(at('2026-11-22T07:52:00Z'))).toBe('2026-11-21'); // 1:52 in the morning
    expect(chicago.night(at('2026-11-22T16:30:00Z'))).toBe('2026-11-22'); // half past ten
    expect(before('2026-03-01', 1)).toBe('2026-02-28');
    const now = at('2026-11-03T06:00:00Z');
    const nights = nightsOf([], chicago, now, 4);
    expect(nights).toEqual(['2026-10-30', '2026-10-31', '2026-11-01', '2026-11-02']);
    const hourly = Array.from({ length: 73 }, (_, i) => row({ happened: at('2026-10-31T15:00:00Z') + i * 3_600_000 }));
    expect(byNight(hourly, chicago, at('2026-11-05T00:00:00Z'), ['2026-10-31', '2026-11-01', '2026-11-02'])).toEqual([25, 24, 24]);
  });
  it('[BOARD] a period is so many nights with the running one; a phone that was ahead counts tonight', () => {
    const now = at('2026-11-22T08:00:00Z');
    const rows = [row({ happened: at('2026-11-22T07:00:00Z') }), row({ happened: at('2026-11-20T03:00:00Z') }), row({ happened: at('2027-01-01T00:00:00Z'), doubtful: true })];
    expect(within(rows, chicago, now, 1)).toHaveLength(2);
    expect(within(rows, chicago, now, 3)).toHaveLength(3);
    expect(within(rows, chicago, now, 0)).toHaveLength(3);
    expect(byHour(rows, chicago).doubtful).toBe(1);
    expect(nightsOf(rows, chicago, now, 0)).toEqual(['2026-11-19', '2026-11-20', '2026-11-21']);
  });
  it('[BOARD] a report counts once under an indicator, and only where it was answered yes', () => {
    const said = (id: string, answer: 'yes' | 'no') => ({ id, text: id, weight: 'context' as const, review: '', answer, basis: '' as const });
    const rows = [row({ said: [said('x', 'yes'), said('x', 'yes'), said('y', 'no')] }), row({ said: [said('x', 'yes')] })];
    expect(byIndicator(rows)).toEqual([{ key: 'x', n: 2 }]);
    expect(bySetting(rows)).toEqual([{ key: 'observation', n: 2 }]);
  });
  it('[BOARD] own and others stand side by side, and a week is one of arrival', () => {
    expect(both([{ key: 'a', n: 3 }], { b: 10, a: 5 })).toEqual([{ key: 'b', own: 0, others: 10 }, { key: 'a', own: 3, others: 5 }]);
    const rows = [row({ arrived: at('2026-11-16T00:00:00Z') }), row({ arrived: at('2026-11-22T23:59:59Z') }), row({ arrived: at('2026-11-23T00:00:00Z') })];
    expect(arrivedIn(rows, '2026-11-16')).toHaveLength(2);
  });
});
