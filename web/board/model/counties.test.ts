import { describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { cut } from '../../build/counties.ts';
import { countyAt, type County } from './places.ts';

describe('county lines', () => {
  const file = cut(fileURLToPath(new URL('../../../content/packs', import.meta.url)));
  const { counties, border } = JSON.parse(file) as { counties: County[]; border: [number, number][][] };

  it('[BOARD] the map has the counties of the states of the pack and no others, in a file that is small', () => {
    expect([counties.filter((c) => c.state === 'MO').length, counties.filter((c) => c.state === 'KS').length, counties.length]).toEqual([115, 105, 220]);
    expect(gzipSync(file).length).toBeLessThan(100_000);
    expect(border.length).toBeGreaterThan(0);
  });
  it('[BOARD] places lie in their counties', () => {
    const at = (lat: number, lon: number) => { const c = countyAt({ lat, lon }, counties); return c && `${c.name}, ${c.state}`; };
    expect(at(39.0425, -94.5925)).toBe('Jackson, MO');
    expect(at(39.1155, -94.6268)).toBe('Wyandotte, KS');
    expect(at(38.8814, -94.8191)).toBe('Johnson, KS');
    expect(at(41.8781, -87.6298)).toBeNull();
    // Most names stand within their counties' lines.
    expect(counties.filter((c) => countyAt({ lon: c.label[0], lat: c.label[1] }, counties) === c).length).toBeGreaterThan(215);
  });
});
