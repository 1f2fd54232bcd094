import type { JsonObject } from '../../sdk/index.ts';
import { board } from '../state.svelte.ts';

/** What an export of reports asks for; see POST /api/fieldpost/exports/reports. */
export interface Wanted extends Record<string, string | boolean> {
  format: 'csv' | 'geojson';
  reason: string;
  texts: boolean;
}

/** Takes a file of the server to where this browser keeps downloads. */
export async function take(path: string, body: JsonObject, name: string): Promise<Blob> {
  const blob = await board.at.device.file(path, undefined, body);
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
  return blob;
}

/** How many reports an export holds. */
export async function counted(blob: Blob, format: Wanted['format']): Promise<number> {
  const all = await blob.text();
  if (format === 'geojson') return (JSON.parse(all) as { features: unknown[] }).features.length;
  // Rows end in CR LF outside of quotes; no cell holds a line end.
  return all.split('\r\n').length - 2;
}
