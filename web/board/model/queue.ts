import { triageID, type ViewRecord } from '../../sdk/index.ts';
import { byUrgency, rowOf, type Row, type Words } from './rows.ts';

/** A report and its triage, as they were read last. Either may come first. */
interface Pair {
  report?: ViewRecord;
  triage?: ViewRecord;
  row?: Row;
}

/**
 * The queue of a board, kept from one reading to the next: what a change did not
 * touch is not made again, and its row stays the same object, so that a list
 * does nothing for it. The device's view gives the same record for what is
 * unchanged; that, and nothing else, is what is compared.
 */
export class Queue {
  /** In the queue's order. The same array as long as no row has changed. */
  rows: readonly Row[] = [];
  readonly #pairs = new Map<string, Pair>(); // by the triage's id
  readonly #ids = new Map<string, string>(); // of a report: to compute one is dear
  #read: { [collection: string]: readonly ViewRecord[] } = {};
  #words: Words | undefined;

  /** Takes what the device shows now; each list is by id. */
  read(observations: readonly ViewRecord[], submissions: readonly ViewRecord[], triage: readonly ViewRecord[], words: Words): readonly Row[] {
    const touched = new Set<string>();
    for (const [collection, all] of Object.entries({ observations, submissions })) {
      for (const [id, report] of differences(this.#read[collection], all)) touched.add(this.#put(this.#triageOf(collection, id), 'report', report));
    }
    for (const [id, record] of differences(this.#read['triage'], triage)) touched.add(this.#put(id, 'triage', record));
    this.#read = { observations, submissions, triage };
    for (const [id, { row }] of words === this.#words ? [] : this.#pairs) if (row && reworded(row, this.#words, words)) touched.add(id);
    this.#words = words;
    if (touched.size > 0) this.#make(touched, words);
    return this.rows;
  }

  /** The triage record of that id, whether or not its report is here. */
  triage(id: string): ViewRecord | undefined {
    return this.#pairs.get(id)?.triage;
  }

  #triageOf(collection: string, report: string): string {
    const at = `${collection}/${report}`;
    let id = this.#ids.get(at);
    if (id === undefined) this.#ids.set(at, id = triageID(collection, report));
    return id;
  }

  #put(id: string, half: 'report' | 'triage', record: ViewRecord | undefined): string {
    let pair = this.#pairs.get(id);
    if (!pair) this.#pairs.set(id, pair = {});
    if (record) pair[half] = record;
    else delete pair[half];
    return id;
  }

  #make(touched: ReadonlySet<string>, words: Words): void {
    const gone = new Set<Row>();
    const come: Row[] = [];
    for (const id of touched) {
      const pair = this.#pairs.get(id)!;
      if (pair.row) gone.add(pair.row);
      delete pair.row;
      if (pair.report && pair.triage) come.push(pair.row = rowOf(pair.report, pair.triage, words));
      else if (!pair.report && !pair.triage) this.#pairs.delete(id);
    }
    if (gone.size > 0 || come.length > 0) this.rows = ordered(this.rows.filter((r) => !gone.has(r)), come.sort(byUrgency));
  }
}

/** Whether other words make another row of it. A site that is new or renamed is a matter of its own rows alone. */
const reworded = (row: Row, before: Words | undefined, now: Words): boolean =>
  !before || before.lists !== now.lists || before.items !== now.items || before.judging !== now.judging || before.locale !== now.locale
  || row.place !== (now.sites.get(row.site) ?? '');

/** What is another in a list than before, by id; undefined is gone. Both lists are by id. */
function differences(before: readonly ViewRecord[] = [], after: readonly ViewRecord[]): [string, ViewRecord | undefined][] {
  if (before === after) return [];
  const out: [string, ViewRecord | undefined][] = [];
  let i = 0;
  for (const b of after) {
    for (let a = before[i]; a && a.id < b.id; a = before[++i]) out.push([a.id, undefined]);
    const a = before[i];
    if (a?.id === b.id) i++;
    if (a !== b) out.push([b.id, b]);
  }
  for (const a of before.slice(i)) out.push([a.id, undefined]);
  return out;
}

/** Two lists in the queue's order as one. */
function ordered(a: readonly Row[], b: readonly Row[]): Row[] {
  if (b.length === 0) return [...a];
  const out: Row[] = [];
  let i = 0;
  for (const r of b) {
    while (i < a.length && byUrgency(a[i]!, r) < 0) out.push(a[i++]!);
    out.push(r);
  }
  while (i < a.length) out.push(a[i++]!);
  return out;
}
