import { explain, newest, type Device, type Entry, type Item, type JsonObject, type Vaults, type ViewRecord } from '../../sdk/index.ts';
import { locale } from '../words.svelte.ts';
import { Admin } from './admin.ts';
import { Queue } from './queue.ts';
import { judging } from './rules.ts';
import { text, time, type Reason, type Row, type Urgency, type Words } from './rows.ts';

/** Changes are gathered this long before the board is made anew, ms. */
const GATHER = 60;
/** After this without an answer an exchange under way counts as none, ms. */
const STALE = 5_000;
/** The server is asked this often whether it answers, and has this long to; together less than the 5 s within which a board says that it is not live. */
const PROBE = 2_000;
/** Another tab of this browser pulls for this one at least this often, ms. */
const OTHER_TAB = 8_000;
/** Where the claims are kept that nobody has decided. */
const ASKED = 'asked';

/** Who else works on the queue. */
export interface Person {
  id: string;
  name: string;
  role: string;
}

/** How the board stands with the server. `at` is the last answer, Unix ms; 0 is never. */
export interface Age {
  live: boolean;
  at: number;
  newest: number;
}

/**
 * A coordinator's open desk. It is a device: what it shows is its own view, so
 * it stays on a lost connection and comes back after a restart, and each act is
 * a mutation that waits until the server has decided.
 */
export class Desk {
  rows: readonly Row[] = $state.raw([]);
  people: Person[] = $state.raw([]);
  me: Person = $state.raw({ id: '', name: '', role: '' });
  organization = $state('');
  age: Age = $state.raw({ live: false, at: 0, newest: 0 });
  /** Acts that the server refused, by the triage record. */
  refused: ReadonlyMap<string, Entry> = $state.raw(new Map());
  /** Claims that somebody else won, by the triage record. */
  lost: ReadonlyMap<string, string> = $state.raw(new Map());

  /** What the server could not take, and values that lost: both wait for a person. */
  kept: ViewRecord[] = $state.raw([]);
  aside: ViewRecord[] = $state.raw([]);
  /** What was added to reports, by the report's id, the oldest first. */
  addenda: ReadonlyMap<string, ViewRecord[]> = $state.raw(new Map());
  conflicts: ViewRecord[] = $state.raw([]);
  devices: ViewRecord[] = $state.raw([]);
  lostDevices: ViewRecord[] = $state.raw([]);
  users: ViewRecord[] = $state.raw([]);
  sites: { id: string; name: string; servedBy: string }[] = $state.raw([]);
  /** Joint efforts (operations) that this person is shown, the latest first. */
  efforts: { id: string; name: string }[] = $state.raw([]);

  readonly device: Device;
  readonly admin: Admin;
  readonly vaults: Vaults;
  /** How near in time reports of one site may be about one thing, ms: the rules' own. */
  near = $state(-1);
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #stop: () => void;
  #wanted = new Set<string>();
  readonly #queue = new Queue();
  readonly #last = new Map<string, readonly ViewRecord[]>(); // what was read, by collection
  #words: { from: { [what in 'lists' | 'sites' | 'rules']: readonly ViewRecord[] }; words: Words } | undefined;
  #reading: Promise<void> | null = null;
  #behind = false;
  #answers = true;
  #probing = false;

  private constructor(device: Device, vaults: Vaults) {
    this.device = device;
    this.admin = new Admin(device);
    this.vaults = vaults;
    const change = device.onChange(() => this.#soon());
    const tick = setInterval(() => void this.#readAge(), 1_000);
    const probe = setInterval(() => void this.#probe(), PROBE);
    const again = () => device.nudge();
    const look = () => void this.#probe();
    addEventListener('online', again);
    addEventListener('offline', look);
    document.addEventListener('visibilitychange', look);
    this.#stop = () => {
      change();
      clearInterval(tick);
      clearInterval(probe);
      removeEventListener('offline', look);
      document.removeEventListener('visibilitychange', look);
      clearTimeout(this.#timer);
      removeEventListener('online', again);
    };
  }

  static async over(device: Device, vaults: Vaults): Promise<Desk> {
    const desk = new Desk(device, vaults);
    desk.#wanted = new Set(await device.setting<string[]>(ASKED));
    await desk.read();
    device.keep().catch(() => desk.#soon()); // where waiting does not help the strip says so
    return desk;
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.read().catch((err: unknown) => { if (explain(err).kind !== 'locked') throw err; }); }, GATHER);
  }

  /** Brings the board up to date with the device's view. One reading at a time: an older one never ends after a newer one. */
  read(): Promise<void> {
    this.#behind = true;
    return this.#reading ??= (async () => {
      try {
        while (this.#behind) {
          this.#behind = false;
          await this.#readOnce();
        }
      } finally {
        this.#reading = null;
      }
    })();
  }

  /** What is made of records is made anew where they are others than at the last reading: a report that is opened touches one of ten thousand. */
  async #readOnce(): Promise<void> {
    const d = this.device;
    const [observations, submissions, triage, sites, users, organizations, lists, rules, operations, kept, conflicts, devices, lost, addenda, parked, status] = await Promise.all([
      d.records('observations'), d.records('submissions'), d.records('triage'), d.records('sites'), d.records('users'), d.records('organizations'),
      d.records('checklists'), d.records('triage_rules'), d.records('operations'), d.records('quarantine'), d.records('conflicts'), d.records('devices'),
      d.records('lost_devices'), d.records('addenda'), d.outbox('parked'), d.status(),
    ]);
    const words = await this.#wordsOf(lists, sites, rules);
    this.near = words.judging.near;
    this.rows = this.#queue.read(observations, submissions, triage, words);
    if (this.#others('users', users)) {
      this.users = users;
      this.people = users.map((u) => ({ id: u.id, name: text(u.fields['label']) || text(u.fields['email']) || u.id.slice(0, 5), role: text(u.fields['left']) ? '' : text(u.fields['role']) })); // who has left keeps a name, and takes nothing on
    }
    const me = status.person?.id ?? '';
    this.me = this.people.find((p) => p.id === me) ?? { id: me, name: '', role: status.person?.role ?? '' };
    this.organization = text(organizations.find((o) => o.id === status.person?.organization)?.fields['name']);
    if (parked.length + this.refused.size > 0) this.refused = new Map(parked.flatMap((e) => e.records.map((r) => [r.id, e] as const)));
    this.#settleClaims();
    if (this.#others('operations', operations)) this.efforts = [...operations].sort((a, b) => time(b.fields['begins']) - time(a.fields['begins'])).map((r) => ({ id: r.id, name: text(r.fields['name']) }));
    if (this.#others('quarantine', kept)) {
      this.kept = kept.filter((r) => text(r.fields['state']) === 'held');
      this.aside = kept.filter((r) => text(r.fields['state']) === 'dismissed');
    }
    if (this.#others('addenda', addenda)) this.addenda = added(addenda);
    if (this.#others('conflicts', conflicts)) this.conflicts = conflicts.filter((r) => r.fields['resolved'] !== true);
    if (this.#others('devices', devices)) this.devices = devices.filter((r) => r.fields['revoked'] !== true && !text(r.fields['revoked']));
    if (this.#others('lost_devices', lost)) this.lostDevices = lost.filter((r) => r.fields['resolved'] !== true);
    if (this.#others('sites', sites)) this.sites = sites.map((r) => ({ id: r.id, name: text(r.fields['name']), servedBy: text(r.fields['served_by']) })).sort((a, b) => a.name.localeCompare(b.name));
    await this.#readAge();
  }

  /** Whether these records are others than at the last reading. The device gives the same array as long as none has changed. */
  #others(collection: string, records: readonly ViewRecord[]): boolean {
    const before = this.#last.get(collection);
    this.#last.set(collection, records);
    return before !== records;
  }

  /** What reports are put into words with: the same object, and in it the same parts, as long as nothing of it has changed. */
  async #wordsOf(lists: readonly ViewRecord[], sites: readonly ViewRecord[], rules: readonly ViewRecord[]): Promise<Words> {
    const before = this.#words;
    const spoken = locale();
    const listed = before?.from.lists === lists && before.words.locale === spoken;
    if (listed && before.from.sites === sites && before.from.rules === rules) return before.words;
    const words: Words = {
      ...(listed ? { lists: before.words.lists, items: before.words.items } : await this.#listed(spoken)),
      sites: new Map(sites.map((s) => [s.id, text(s.fields['name'])])),
      judging: before?.from.rules === rules ? before.words.judging : judging(rules), locale: spoken,
    };
    this.#words = { from: { lists, sites, rules }, words };
    return words;
  }

  async #listed(spoken: Words['locale']): Promise<Pick<Words, 'lists' | 'items'>> {
    const lists = await this.device.checklists(spoken);
    const items = new Map<string, Item>();
    for (const l of newest(lists)) for (const i of l.items) if (!items.has(i.id)) items.set(i.id, i);
    return { lists: new Map(lists.map((l) => [l.id, l])), items };
  }

  /** A stream and a held poll can be dead without a word: only an answer shows that the server is there. */
  async #probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    try {
      this.#answers = await this.device.probe(PROBE);
      await this.#readAge();
    } catch (err) {
      if (explain(err).kind !== 'locked' && explain(err).kind !== 'wiped') throw err;
    } finally {
      this.#probing = false;
    }
  }

  async #readAge(): Promise<void> {
    const s = await this.device.status().catch(() => null); // locked meanwhile
    if (!s) return;
    const at = s.lastContact ?? 0;
    // A held poll or an open stream is contact; a try that fails is not.
    const heard = Date.now() - at;
    const live = this.#answers && (s.activity === 'live' || s.activity === 'polling'
      || (s.activity === 'syncing' && heard < STALE) || (s.activity === 'idle' && heard < OTHER_TAB));
    const newest = this.rows.reduce((n, r) => Math.max(n, r.arrived), 0);
    if (live !== this.age.live || at !== this.age.at || newest !== this.age.newest) this.age = { live, at, newest };
  }

  /** What this desk claimed and another has: the person is told by whom. */
  #settleClaims(): void {
    const lost = new Map(this.lost);
    const before = this.#wanted.size;
    for (const id of this.#wanted) {
      const g = this.#queue.triage(id);
      const by = text(g?.fields['claimed_by']);
      if (!g || g.n > 0 || !by) continue;
      this.#wanted.delete(id);
      if (by !== this.me.id) lost.set(id, by);
    }
    if (lost.size !== this.lost.size) this.lost = lost;
    if (this.#wanted.size !== before) this.#keepWanted();
  }

  /** Who asks and then closes the browser is told as well. */
  #keepWanted(): void {
    this.device.set(ASKED, [...this.#wanted]).catch((err: unknown) => { if (explain(err).kind !== 'locked') throw err; });
  }

  /** A person's name, as the board shows it; `you` for oneself is the screen's. */
  name(id: string): string {
    return this.people.find((p) => p.id === id)?.name ?? id.slice(0, 5);
  }

  /** A joint effort's name; "" for one that is not shown. */
  effort(id: string): string {
    return this.efforts.find((e) => e.id === id)?.name ?? '';
  }

  #change(row: Row, fields: JsonObject): Promise<unknown> {
    return this.device.update('triage', row.triage, fields);
  }

  /** Opening a report is seeing it; passing over it in the list is not. */
  async open(row: Row): Promise<void> {
    if (!row.opened) await this.#change(row, { opened: true });
  }

  /** Claims a report: the first claim that reaches the server wins. */
  async claim(row: Row): Promise<void> {
    this.#wanted.add(row.triage);
    const lost = new Map(this.lost);
    lost.delete(row.triage);
    this.lost = lost;
    this.#keepWanted();
    await this.#change(row, { claimed_by: this.me.id });
  }

  /** Takes over somebody's claim; the reason stands in the note. */
  async takeOver(row: Row, why: string): Promise<void> {
    const lost = new Map(this.lost);
    lost.delete(row.triage);
    this.lost = lost;
    await this.#change(row, { claimed_by: this.me.id, note: noted(row, why) });
  }

  async assign(row: Row, to: string): Promise<void> {
    await this.#change(row, { assignee: to });
  }

  async close(row: Row, reason: Reason, basis: string): Promise<void> {
    await this.#change(row, { status: 'closed', closing_reason: reason, ...(basis.trim() && { note: noted(row, basis) }) });
  }

  async reopen(row: Row): Promise<void> {
    await this.#change(row, { status: row.urgency, closing_reason: '' });
  }

  async urge(row: Row, urgency: Urgency): Promise<void> {
    await this.#change(row, { urgency, ...(!row.closed && { status: urgency }) });
  }

  /**
   * Settles a conflict: puts the chosen value into the record where it is not
   * the one in effect, and marks the conflict, both in one mutation.
   */
  async settle(conflict: ViewRecord, choice: 'kept' | 'other' | 'both', both = ''): Promise<void> {
    const f = conflict.fields;
    const mark = { op: 'update' as const, collection: 'conflicts', id: conflict.id, fields: { resolved: true } };
    const change = { op: 'update' as const, collection: text(f['collection']), id: text(f['record']), fields: { [text(f['field'])]: choice === 'both' ? both : f['other'] } as JsonObject };
    await this.device.save(choice === 'kept' ? [mark] : [change, mark]);
  }

  /** Adds to a report. The report itself never changes. */
  async add(row: Row, words: string): Promise<void> {
    await this.device.create('addenda', { [row.collection === 'submissions' ? 'submission' : 'observation']: row.id, text: words, event_time: new Date().toISOString() });
  }

  /** The conflicts about a report's own records. */
  clashes(row: Row): ViewRecord[] {
    return this.conflicts.filter((c) => text(c.fields['record']) === row.triage || text(c.fields['record']) === row.id);
  }

  /** Marks a word about a lost device as dealt with. */
  async foundDevice(lost: ViewRecord): Promise<void> {
    await this.device.update('lost_devices', lost.id, { resolved: true });
  }

  /** Tries the connection now. */
  async retry(): Promise<void> {
    this.device.nudge();
    await this.device.sync().catch(() => undefined); // the strip says how it went
    await this.#readAge();
  }

  lock(): void {
    this.#stop();
    this.device.lock();
  }
}

/** Additions by their report, the oldest first. */
function added(records: ViewRecord[]): Map<string, ViewRecord[]> {
  const out = new Map<string, ViewRecord[]>();
  const at = (r: ViewRecord) => text(r.fields['event_time']);
  for (const r of [...records].sort((a, b) => (at(a) < at(b) ? -1 : 1))) {
    const of = text(r.fields['observation']) || text(r.fields['submission']);
    out.set(of, [...(out.get(of) ?? []), r]);
  }
  return out;
}

const noted = (row: Row, words: string): string => [text(row.triageFields['note']), words.trim()].filter(Boolean).join('\n');
