import { cellAt, type Point } from '../../sdk/cell.ts';
import { asked } from '../../sdk/checklist/asked.ts';
import { explain, parseInvite, UnlockError, type Device, type Entry, type JsonObject, type Vaults, type ViewRecord } from '../../sdk/index.ts';
import { refused } from '../../ui/gate.svelte.ts';
import type { Fill } from '../../ui/text.ts';
import { app } from '../app.svelte.ts';
import { locale, t } from '../words.svelte.ts';
import type { Key } from '../strings/en.ts';
import { newFilled, newStop, observation, submission } from './draft.ts';
import { forget, note, noted } from './here.ts';
import { Album } from './album.svelte.ts';
import { live } from './live.svelte.ts';
import type { About, Answer, Basis, Draft, Duty, Effort, Fault, Filled, Item, Link, List, Me, Place, Rejoined, Rekeyed, Session, Stop } from './session.ts';
import { faultOf, troubleOf } from './trouble.ts';

/** How long a tap that is being written may keep the vault open after locking, ms. */
const LAST_TAP = 1_000;
/** Changes are gathered this long before the screen is made anew, ms. */
const GATHER = 40;
/** A store that cannot be reached is tried again after this, ms. */
const REACH_AGAIN = 3_000;
/** Home waits this long for the reports, ms: with few it comes whole, with thousands it comes before them. */
const WHOLE = 150;
/** When the person read last that the server was set back. */
const READ = 'rewoundRead';

/** A duty list that the server told, and the phone keeps (R23). */
interface DutyAnswer {
  on: boolean;
  until: string | null;
  next: string | null;
}

const reasons: Record<string, Key> = {
  invalid: 'why.invalid', not_allowed: 'why.not_allowed', gone: 'why.gone', depends_on_refused: 'why.depends_on_refused',
  quarantine_full: 'why.quarantine_full', unknown_collection: 'why.unsupported', unsupported_schema: 'why.unsupported',
};

const text = (v: unknown): string => (typeof v === 'string' ? v : '');
const time = (v: unknown): number => Date.parse(text(v)) || 0;

/** One person's open vault and device, as the screens see them. */
export class Live implements Session {
  readonly practice = false;
  me: Me = live({ label: '', role: '', organization: '', allows: [] });
  places: Place[] = $state.raw([]);
  efforts: Effort[] = $state.raw([]);
  lists: List[] = $state.raw([]);
  drafts: Draft[] = $state.raw([]);
  items: Item[] = $state.raw([]);
  counting = $state(true);
  duty: Duty | null = $state.raw(null);
  link: Link = $state.raw({ trouble: '', tried: null, sending: false });
  fault: Fault = $state('');
  sums: Fill = $state.raw({});

  readonly album: Album;

  readonly #device: Device;
  readonly #vaults: Vaults;
  readonly #stop: () => void;
  #kept: boolean | null = null; // the browser's promise
  #keepsUp = false;
  #over = false;
  readonly #keeping = new Set<Promise<void>>();
  readonly #fresh = new Map<string, Draft>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading: Promise<void> = Promise.resolve();
  #itemsOf: readonly unknown[] = []; // what the rows were made of
  /** What stands beside all that waits. */
  readonly #waits: Key = $derived.by(() => {
    const { trouble, sending } = this.link;
    return trouble === 'stopped' ? 'note.kept' : sending ? 'note.sending' : trouble === 'offline' ? 'note.offline' : trouble === 'portal' ? 'note.portal' : trouble === 'server' ? 'note.server' : 'note.soon';
  });
  // Pulled content changes seldom; reading it with each tap would cost the tap.
  #content = { lists: 0, at: -1 };

  private constructor(device: Device, vaults: Vaults) {
    this.#device = device;
    this.album = new Album(device);
    this.#vaults = vaults;
    const change = device.onChange(() => this.#soon());
    const again = () => { if (!document.hidden) { this.#keepUp(); device.nudge(); } };
    addEventListener('online', again);
    document.addEventListener('visibilitychange', again);
    this.#stop = () => {
      change();
      clearTimeout(this.#timer);
      removeEventListener('online', again);
      document.removeEventListener('visibilitychange', again);
    };
  }

  /** Opens the screens on an unlocked device: reads what is there, then keeps in step. */
  static async over(device: Device, vaults: Vaults): Promise<Live> {
    const s = new Live(device, vaults);
    s.#kept = (await s.storage()).kept;
    await s.#readFirst();
    await Promise.race([s.#again(), new Promise((done) => setTimeout(done, WHOLE))]);
    s.#keepUp();
    void s.#askDuty();
    return s;
  }

  /** Keeps in step. Where waiting does not help it ends, and the screen says why; a person's next act begins it again. */
  #keepUp(): void {
    if (this.#keepsUp || this.#over) return;
    this.#keepsUp = true;
    this.#device.keep().catch((err: unknown) => this.#failed(err)).finally(() => { this.#keepsUp = false; });
  }

  /** Says what a failed reading or exchange leaves true. */
  #failed(err: unknown): void {
    if (this.#over) return;
    const { kind, code } = explain(err);
    const { vault } = this.#device;
    if (kind === 'wiped') {
      forget(vault);
      return app.end({ why: 'wiped' });
    }
    if (code === 'vault_gone') {
      // Wiped by another tab, which has said so there; or cleared by the browser.
      if (!noted(vault)) return app.lock();
      this.sums = this.#held();
      this.fault = 'evicted';
      return;
    }
    if (kind === 'store') {
      this.fault = 'lost';
      this.#soon(REACH_AGAIN);
    } else this.#soon();
  }

  #held(): { there: number; lost: number } {
    const there = this.items.filter((i) => i.state === 'received' || i.state === 'seen').length;
    return { there, lost: this.items.length - there + this.drafts.length };
  }

  #soon(after = GATHER): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    this.#timer = setTimeout(() => void this.#again(), after);
  }

  #again(): Promise<void> {
    return (this.#reading = this.#reading.then(() => this.#read()).catch((err: unknown) => {
      if (['store', 'wiped'].includes(explain(err).kind) || explain(err).code === 'vault_gone') this.#failed(err);
      // Locked meanwhile: nothing to show.
    }));
  }

  async #read(): Promise<void> {
    await this.#readFirst();
    const d = this.#device;
    const [observations, submissions] = await Promise.all([d.records('observations'), d.records('submissions')]);
    await this.#readItems(observations, submissions);
    this.counting = false;
    note(d.vault, this.#held());
  }

  /** All but the reports: it takes as long with ten thousand of them as with none. */
  async #readFirst(): Promise<void> {
    const d = this.#device;
    const [status, drafts] = await Promise.all([d.status(false), d.drafts<Draft>()]);
    if (status.lastContact !== this.#content.at || this.lists.length === 0) {
      this.#content.at = status.lastContact ?? 0;
      await this.#readContent();
    }
    this.link = {
      trouble: troubleOf(status.problem),
      tried: status.problem?.at ?? null, sending: status.activity === 'syncing',
    };
    this.drafts = drafts.map((x) => ({ ...x.value, id: x.id, changed: x.changed }));
    this.duty ??= (await d.setting<Duty>('duty')) ?? null;
    const room = await navigator.storage?.estimate?.();
    const left = room?.quota !== undefined && room.usage !== undefined ? room.quota - room.usage : undefined;
    this.sums = { n: status.rewound?.notes ?? 0 };
    this.fault = faultOf(status, { room: left, kept: this.#kept }, (await d.setting<number>(READ)) ?? 0);
  }

  /** Makes the rows anew where anything that they say has changed: with ten thousand of them a tap in a draft must not. */
  async #readItems(observations: ViewRecord[], submissions: ViewRecord[]): Promise<void> {
    const of = [observations, submissions, this.places, this.lists, locale()];
    if (of.every((x, i) => x === this.#itemsOf[i])) return;
    const outbox = await this.#device.outbox();
    const put = new Map(outbox.filter((e) => e.phase === 'waiting' && e.code).flatMap((e) => e.records.map((r) => [r.id, e.code] as const)));
    const parked = new Map<string, Entry>();
    for (const e of outbox) if (e.phase === 'parked') for (const r of e.records) if (r.op === 'create') parked.set(r.id, e);
    const made = new Map(outbox.flatMap((e) => e.records.filter((r) => r.op === 'create').map((r) => [r.id, e.made] as const)));
    const mine = [...observations, ...submissions].filter((r) => r.word !== null && r.word !== 'saved');
    this.items = mine.map((r) => this.#item(r, parked.get(r.id), made.get(r.id), put.get(r.id))).sort((a, b) => b.written - a.written);
    this.#itemsOf = of;
  }

  async #readContent(): Promise<void> {
    const d = this.#device;
    const [status, sites, organizations, lists, operations] = await Promise.all([d.status(false), d.pulled('sites'), d.pulled('organizations'), d.checklists(), d.pulled('operations')]);
    const person = status.person;
    const own = organizations.find((o) => o.id === person?.organization);
    Object.assign(this.me, {
      label: '', role: person?.role ?? '', organization: text(own?.fields['name']),
      allows: Array.isArray(own?.fields['allows']) ? (own.fields['allows'] as string[]) : [],
    } satisfies Me);
    // A worker is shown only those whose roster they are on; staff are on none.
    this.efforts = operations.map((o) => ({ id: o.id, name: text(o.fields['name']), begins: time(o.fields['begins']), ends: time(o.fields['ends']) }));
    this.places = sites.map((s) => ({ id: s.id, name: text(s.fields['name']), venue: text(s.fields['venue']), cell: s.fields['point'] ? cellAt(s.fields['point'] as unknown as Point) : '' })).sort((a, b) => a.name.localeCompare(b.name));
    this.lists = lists as List[];
  }

  #item(r: ViewRecord, parked: Entry | undefined, made: number | undefined, put: string | undefined): Item {
    const kind = r.collection as Item['kind'];
    const place = this.places.find((p) => p.id === text(r.fields['site']))?.name;
    const list = this.lists.find((l) => l.id === text(r.fields['checklist']))?.title;
    const written = made ?? time(r.fields['received']);
    const item: Item = {
      id: r.id, kind, title: place ?? list ?? t(kind === 'observations' ? 'stop.title' : 'new.list'), seen: time(r.fields['event_time']) || written, written,
      state: parked ? 'attention' : (r.word ?? 'received'),
    };
    if (parked) {
      const elsewhere = parked.code === 'not_allowed' && text(r.fields['site']) !== '' && !place;
      return { ...item, note: 'note.tap', why: elsewhere ? 'why.place' : (reasons[parked.code] ?? 'why.other'), code: parked.code, n: parked.n };
    }
    if (item.state === 'received') return { ...item, note: 'note.unopened' };
    if (item.state !== 'waiting') return item;
    if (put === 'unconfirmed') return { ...item, note: 'note.quota' };
    const waits = () => this.#waits;
    // Looked up where it is drawn: with each try to send it is another, and ten thousand rows need not be.
    return { ...item, get note() { return waits(); } };
  }

  async #askDuty(): Promise<void> {
    const answer = await this.#device.ask<DutyAnswer>('/api/fieldpost/duty').catch(() => null); // no signal: what was last known stands, with its time
    if (!answer) return;
    this.duty = { on: answer.on, until: answer.until ? Date.parse(answer.until) : null, next: answer.next ? Date.parse(answer.next) : null, asOf: Date.now() };
    await this.#device.set('duty', this.duty).catch(() => undefined); // full or locked meanwhile: it is asked again
  }

  fresh(draft: Draft): Draft {
    return this.#fresh.get(draft.id) ?? draft;
  }

  async keep(draft: Draft): Promise<void> {
    this.#fresh.set(draft.id, draft);
    const written = this.#device.keepDraft(draft.id, draft);
    this.#keeping.add(written);
    try {
      await written;
    } catch (err) {
      this.#failed(err);
      throw err;
    } finally {
      this.#keeping.delete(written);
    }
  }

  async drop(id: string): Promise<void> {
    await this.#device.dropDraft(id);
    this.#fresh.delete(id);
    this.drafts = this.drafts.filter((d) => d.id !== id);
  }

  async done(draft: Draft): Promise<string> {
    const fields = (draft.kind === 'observations' ? observation(draft, this.#cell(draft)) : this.#submission(draft)) as JsonObject;
    const saved = await (draft.corrects === undefined
      ? this.#device.create(draft.kind, fields, { draft: draft.id })
      : this.#device.correct(draft.corrects, [{ op: 'create', collection: draft.kind, fields }], { draft: draft.id })).catch((err: unknown) => {
      this.#failed(err);
      throw err;
    });
    this.#fresh.delete(draft.id);
    // It is on the disk, whatever comes of reading it: a fault is said, and is no reason to press again.
    await this.#read().catch((err: unknown) => this.#failed(err));
    this.#keepUp();
    void this.#askDuty();
    return saved.ids[0]!;
  }

  #submission(draft: Filled): Record<string, unknown> {
    const list = this.lists.find((l) => l.id === draft.checklist);
    if (!list) throw new Error(`done: checklist ${draft.checklist} is not on this phone`);
    return submission(draft, list.version, asked(list.items, draft.answers).map((i) => i.id), this.#cell(draft));
  }

  #cell(draft: Draft): string {
    return this.places.find((p) => p.id === draft.place)?.cell ?? '';
  }

  async correct(item: Item): Promise<Draft> {
    // Pressed again, it is the correction that was begun.
    const begun = [...this.#fresh.values(), ...this.drafts].find((d) => d.corrects !== undefined && d.corrects === item.n);
    if (begun) return begun;
    const entry = (await this.#device.outbox('parked')).find((e) => e.n === item.n);
    const op = entry?.ops.find((o) => o.op === 'create' && o.id === item.id);
    if (!entry || !op) throw new Error(`correct: number ${item.n ?? 0} is not parked`);
    const draft: Draft = { ...(item.kind === 'observations' ? stopOf(op.fields ?? {}, item) : filledOf(op.fields ?? {}, item)), ...this.#where(op.fields ?? {}), corrects: entry.n };
    await this.keep(draft);
    return draft;
  }

  /** Where a refused report says that it was. An effort that the phone knows no more may be why it was refused. */
  #where(f: JsonObject): Pick<Draft, 'grid' | 'point' | 'effort'> {
    return { grid: text(f['grid']), point: (f['point'] ?? null) as unknown as Point | null, effort: this.efforts.find((e) => e.id === f['operation']) ?? null };
  }

  async again(item: Item): Promise<void> {
    if (item.n !== undefined) await this.#device.retry(item.n);
    this.#keepUp();
  }

  async copy(): Promise<Blob> {
    return new Blob([(await this.#device.exportRecovery(true)).file], { type: 'application/octet-stream' });
  }

  async sync(): Promise<void> {
    this.#keepUp();
    this.#device.nudge();
    await this.#device.sync().catch((err: unknown) => void explain(err)); // the rows and the banner say why; it tries again by itself
    await this.#askDuty();
  }

  async check(): Promise<{ mended: boolean; doubtful: string[] }> {
    await this.#device.check();
    const before = await this.#device.status();
    return { mended: before.resetting, doubtful: before.doubtful };
  }

  async storage(): Promise<{ used: number; kept: boolean }> {
    const estimate = await navigator.storage?.estimate?.();
    return { used: estimate?.usage ?? 0, kept: (await navigator.storage?.persisted?.()) ?? false };
  }

  async persist(): Promise<boolean> {
    this.#kept = (await navigator.storage?.persist?.()) ?? false;
    this.#soon();
    return this.#kept;
  }

  async rejoin(text: string): Promise<Rejoined> {
    try {
      const { code } = parseInvite(text);
      // Before it is used up: what one role wrote must not go out as another's.
      if ((await this.#device.look('', code)).role !== this.me.role) return { ok: false, why: 'other', n: 0 };
      await this.#device.enroll('', code, '');
    } catch (err) {
      const e = explain(err);
      if (e.code === 'another_person') return { ok: false, why: 'other', n: 0 };
      return e.code === 'bad_link' || e.code === 'no_invite' ? { ok: false, why: 'invalid', n: 0 } : refused(e.code, e.kind, e.retryAfter);
    }
    await this.#read();
    this.#keepUp();
    return { ok: true };
  }

  async read(): Promise<void> {
    await this.#device.set(READ, (await this.#device.status(false)).rewound?.at ?? 0);
    this.#soon();
  }

  async rekey(old: string, fresh: string): Promise<Rekeyed> {
    const { vault } = this.#device;
    try {
      await this.#vaults.changeSecret(vault, old, fresh);
      return { ok: true };
    } catch (err) {
      const no = { ok: false as const, left: 0, wait: 0, kept: 0, code: '' };
      if (!(err instanceof UnlockError)) return { ...no, why: 'failed' };
      if (err.code === 'try_later') return { ...no, why: 'wait', wait: Math.ceil(err.retryAfter / 1000) };
      if (err.code === 'wrong_secret') return { ...no, why: 'wrong', left: err.triesLeft };
      forget(vault);
      const kept = (await this.#vaults.carriedFiles(vault)).flatMap((f) => f.trim().split('\n')).length;
      return { ...no, why: 'wiped', kept, code: vault.slice(0, 6).toUpperCase() };
    }
  }

  /** The screens are gone at once; the keys too, unless a tap is on its way to the disk: it gets a second. */
  lock(): void {
    this.#over = true;
    this.#stop();
    const latest = performance.now() + LAST_TAP;
    const end = () => {
      if (this.#keeping.size === 0 || performance.now() > latest) this.#device.lock();
      else setTimeout(end, 20);
    };
    setTimeout(end); // what locking itself has kept begins before
  }
}

/** A draft of a refused observation, to correct it. */
function stopOf(f: JsonObject, item: Item): Stop {
  const persons = Array.isArray(f['persons']) ? (f['persons'] as { age?: string }[]) : [];
  const vehicle = (Array.isArray(f['vehicles']) ? f['vehicles'][0] : undefined) as Record<string, string> | undefined;
  const given = Array.isArray(f['outreach']) ? (f['outreach'] as string[]) : [];
  const count = (word: string) => Number(given.find((g) => g.startsWith(word))?.slice(word.length) ?? 0);
  const indicators: Record<string, Basis> = {};
  for (const i of (f['indicators'] ?? []) as { indicator: string; basis: Basis }[]) indicators[i.indicator] = i.basis;
  return {
    ...newStop(text(f['site']), item.written), seen: item.seen, note: text(f['note']), managerInvolved: f['manager_involved'] === true, indicators,
    vehicle: vehicle?.['kind'] ?? '', color: vehicle?.['color'] ?? '', plateState: vehicle?.['plate_state'] ?? '', plateEnd: vehicle?.['plate_end'] ?? '',
    adults: persons.filter((p) => p.age === 'adult').length, under18: persons.filter((p) => p.age !== 'adult').length,
    kits: count('hygiene_kits_'), cards: count('cards_'),
  };
}

/** A draft of a refused submission, to correct it. */
function filledOf(f: JsonObject, item: Item): Filled {
  return {
    ...newFilled(text(f['checklist']), text(f['site']), item.written), seen: item.seen, note: text(f['note']), managerInvolved: f['manager_involved'] === true,
    about: text(f['about']) as About | '', answers: { ...(f['answers'] as Record<string, Answer>) }, basis: { ...((f['basis'] ?? {}) as Record<string, Basis>) },
  };
}
