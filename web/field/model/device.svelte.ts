import { asked } from '../../sdk/checklist/asked.ts';
import { explain, type Device, type Entry, type JsonObject, type Vaults, type ViewRecord } from '../../sdk/index.ts';
import { t } from '../words.svelte.ts';
import type { Key } from '../strings/en.ts';
import { newFilled, newStop, observation, submission } from './draft.ts';
import { live } from './live.svelte.ts';
import type { About, Answer, Basis, Draft, Duty, Fault, Filled, Item, Link, List, Me, Place, Session, Stop } from './session.ts';

/** Beyond this a phone's clock is said to be wrong, ms: the server calls it "minutes" from here. */
const CLOCK_WRONG = 5 * 60_000;
/** Below this much room, in bytes, the phone is said to be almost full. */
const LITTLE_ROOM = 20 * 1_048_576;
/** How long a tap that is being written may keep the vault open after locking, ms. */
const LAST_TAP = 1_000;
/** Changes are gathered this long before the screen is made anew, ms. */
const GATHER = 40;

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
  lists: List[] = $state.raw([]);
  drafts: Draft[] = $state.raw([]);
  items: Item[] = $state.raw([]);
  duty: Duty | null = $state.raw(null);
  link: Link = $state.raw({ trouble: '', tried: null, sending: false });
  fault: Fault = $state('');

  readonly #device: Device;
  readonly #vaults: Vaults;
  readonly #stop: () => void;
  readonly #keeping = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading: Promise<void> = Promise.resolve();
  // Pulled content changes seldom; reading it with each tap would cost the tap.
  #content = { lists: 0, at: -1 };

  private constructor(device: Device, vaults: Vaults) {
    this.#device = device;
    this.#vaults = vaults;
    const change = device.onChange(() => this.#soon());
    const again = () => { if (!document.hidden) device.nudge(); };
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
    await s.#read();
    // Where waiting does not help, status() tells why and the screen says it.
    device.keep().catch(() => s.#soon());
    void s.#askDuty();
    return s;
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#reading = this.#reading.then(() => this.#read()).catch(() => undefined); // locked meanwhile: nothing to show
    }, GATHER);
  }

  async #read(): Promise<void> {
    const d = this.#device;
    const [status, observations, submissions, outbox, drafts] = await Promise.all([
      d.status(), d.records('observations'), d.records('submissions'), d.outbox(), d.drafts<Draft>(),
    ]);
    if (status.lastContact !== this.#content.at || this.lists.length === 0) {
      this.#content.at = status.lastContact ?? 0;
      await this.#readContent();
    }
    const parked = new Map<string, Entry>();
    for (const e of outbox) if (e.phase === 'parked') for (const r of e.records) if (r.op === 'create') parked.set(r.id, e);
    const made = new Map(outbox.flatMap((e) => e.records.filter((r) => r.op === 'create').map((r) => [r.id, e.made] as const)));
    const mine = [...observations, ...submissions].filter((r) => r.word !== null && r.word !== 'saved');
    this.link = {
      trouble: status.problem === null ? '' : status.problem.code === 'no_server' ? 'offline' : status.problem.code === 'not_fieldpost' ? 'portal' : 'server',
      tried: status.problem?.at ?? null, sending: status.activity === 'syncing',
    };
    this.items = mine.map((r) => this.#item(r, parked.get(r.id), made.get(r.id))).sort((a, b) => b.written - a.written);
    this.drafts = drafts.map((x) => ({ ...x.value, id: x.id, changed: x.changed }));
    this.duty ??= (await d.setting<Duty>('duty')) ?? null;
    this.fault = await this.#faultOf(status.offset, status.problem?.code ?? '');
  }

  async #readContent(): Promise<void> {
    const d = this.#device;
    const [status, sites, organizations, lists] = await Promise.all([d.status(), d.records('sites'), d.records('organizations'), d.checklists()]);
    const person = status.person;
    const own = organizations.find((o) => o.id === person?.organization);
    Object.assign(this.me, {
      label: '', role: person?.role ?? '', organization: text(own?.fields['name']),
      allows: Array.isArray(own?.fields['allows']) ? (own.fields['allows'] as string[]) : [],
    } satisfies Me);
    this.places = sites.map((s) => ({ id: s.id, name: text(s.fields['name']), venue: text(s.fields['venue']) })).sort((a, b) => a.name.localeCompare(b.name));
    this.lists = lists as List[];
  }

  #item(r: ViewRecord, parked: Entry | undefined, made: number | undefined): Item {
    const kind = r.collection as Item['kind'];
    const place = this.places.find((p) => p.id === text(r.fields['site']))?.name;
    const list = this.lists.find((l) => l.id === text(r.fields['checklist']))?.title;
    const written = made ?? time(r.fields['received']);
    const item: Item = {
      id: r.id, kind, title: place ?? list ?? t(kind === 'observations' ? 'stop.title' : 'new.list'), seen: time(r.fields['event_time']) || written, written,
      state: parked ? 'attention' : (r.word ?? 'received'),
    };
    if (parked) return { ...item, note: 'note.tap', why: reasons[parked.code] ?? 'why.other', code: parked.code, n: parked.n };
    if (item.state === 'received') return { ...item, note: 'note.unopened' };
    if (item.state !== 'waiting') return item;
    const { trouble, sending } = this.link;
    return { ...item, note: sending ? 'note.sending' : trouble === 'offline' ? 'note.offline' : trouble === 'portal' ? 'note.portal' : trouble === 'server' ? 'note.server' : 'note.soon' };
  }

  async #faultOf(offset: number | null, code: string): Promise<Fault> {
    if (code === 'upgrade_required' || code === 'unsupported_protocol' || code === 'unsupported_schema') return 'old';
    const room = await navigator.storage?.estimate?.();
    if (room?.quota !== undefined && room.usage !== undefined && room.quota - room.usage < LITTLE_ROOM) return 'full';
    return offset !== null && Math.abs(offset) > CLOCK_WRONG ? 'clock' : '';
  }

  async #askDuty(): Promise<void> {
    const answer = await this.#device.ask<DutyAnswer>('/api/fieldpost/duty').catch(() => null); // no signal: what was last known stands, with its time
    if (!answer) return;
    this.duty = { on: answer.on, until: answer.until ? Date.parse(answer.until) : null, next: answer.next ? Date.parse(answer.next) : null, asOf: Date.now() };
    await this.#device.set('duty', this.duty);
  }

  async keep(draft: Draft): Promise<void> {
    const written = this.#device.keepDraft(draft.id, draft);
    this.#keeping.add(written);
    try {
      await written;
    } finally {
      this.#keeping.delete(written);
    }
  }

  async drop(id: string): Promise<void> {
    await this.#device.dropDraft(id);
  }

  async done(draft: Draft): Promise<Item> {
    const fields = (draft.kind === 'observations' ? observation(draft) : this.#submission(draft)) as JsonObject;
    const saved = draft.corrects === undefined
      ? await this.#device.create(draft.kind, fields, { draft: draft.id })
      : await this.#device.correct(draft.corrects, [{ op: 'create', collection: draft.kind, fields }], { draft: draft.id });
    await this.#read();
    const item = this.items.find((i) => i.id === saved.ids[0]);
    if (!item) throw new Error(`done: record ${saved.ids[0] ?? ''} is not in the view`);
    void this.#askDuty();
    return item;
  }

  #submission(draft: Filled): Record<string, unknown> {
    const list = this.lists.find((l) => l.id === draft.checklist);
    if (!list) throw new Error(`done: checklist ${draft.checklist} is not on this phone`);
    return submission(draft, list.version, asked(list.items, draft.answers).map((i) => i.id));
  }

  async correct(item: Item): Promise<Draft> {
    const entry = (await this.#device.outbox('parked')).find((e) => e.n === item.n);
    const op = entry?.ops.find((o) => o.op === 'create' && o.id === item.id);
    if (!entry || !op) throw new Error(`correct: number ${item.n ?? 0} is not parked`);
    const draft: Draft = { ...(item.kind === 'observations' ? stopOf(op.fields ?? {}, item) : filledOf(op.fields ?? {}, item)), corrects: entry.n };
    await this.keep(draft);
    return draft;
  }

  async again(item: Item): Promise<void> {
    if (item.n !== undefined) await this.#device.retry(item.n);
  }

  async copy(): Promise<Blob> {
    return new Blob([(await this.#device.exportRecovery(true)).file], { type: 'application/octet-stream' });
  }

  async sync(): Promise<void> {
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
    return (await navigator.storage?.persist?.()) ?? false;
  }

  async rekey(old: string, fresh: string): Promise<boolean> {
    try {
      await this.#vaults.changeSecret(this.#device.vault, old, fresh);
      return true;
    } catch (err) {
      if (explain(err).kind === 'locked' || explain(err).kind === 'input') return false;
      throw err;
    }
  }

  /** The screens are gone at once; the keys too, unless a tap is on its way to the disk: it gets a second. */
  lock(): void {
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
