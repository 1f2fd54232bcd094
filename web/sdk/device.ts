/** A device: one installation and one person, with its vault unlocked. */
import type { Database } from './database.ts';
import { Watch, type Clocks } from './clock.ts';
import { aborted, explain, SdkError, tellAll, vaultLocked } from './errors.ts';
import { enroll, hello, look, type SignedIn } from './enroll.ts';
import { newKey } from './keys.ts';
import { Keeping } from './keep.ts';
import { checklistsOf, type Checklist } from './checklist/checklists.ts';
import { add, createsSeen, entries, everyRow, makeID, parkedRow, renamed, type Entry, type NewOp, type Saved, type Unsure } from './outbox.ts';
import { along, dropDraftPhotos, dropPhoto, keepPhoto, photoAgain, photoBytes, photos, recordAgain, sendPhotos, type NewPhoto, type Photo, type PhotoReport } from './photos.ts';
import { carryPhotos, sealPhoto } from './parcels.ts';
import { emptyPullReport, pull, type PullOptions, type PullReport } from './pull.ts';
import { emptyPushReport, push, type PushReport } from './push.ts';
import { deliverRecovery, exportRecovery, type CarryReport, type Delivered, type Exported } from './recovery.ts';
import { device, newDeviceRow, putDevice, putRow, recordsOf, seenIDs, type DeviceRow, type Phase, type RecordRow } from './rows.ts';
import { sealAhead } from './seal.ts';
import { authorized, enrolled, sleep, type Session } from './session.ts';
import type { Store, Writing } from './store.ts';
import { emptySyncReport, sync, type SyncReport } from './sync.ts';
import { wordOf, type Status } from './sync-state.ts';
import { checks, Transport } from './transport.ts';
import { pulled, view, type ViewRecord } from './view.ts';
import type { JsonObject } from './wire/json.ts';
import type { Hello, Invitation, Person } from './wire/messages.ts';
import { wiped } from './wipe.ts';

const DRAFTS = 'drafts';
const SETTINGS = 'settings';

/** What a device takes from outside. The defaults are right for a program; tests put their own time, chance and network in. */
export interface DeviceOptions {
  clocks: Clocks;
  fetch: typeof fetch;
  random: () => number;
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Bounds one request in ms, without the time that a pull waits. */
  timeout: number;
  /** Told at enrolment. */
  platform: string;
  /** Name and version of the app: who looks after this device is told it, and, but for staff, how much waits. */
  app: string;
  /** Everything goes out sealed, also what others than staff save. */
  sealAll: boolean;
  /** Autosave and unlocking in other tabs share the vault; a device that keeps up does it in one of them. */
  stream: boolean;
}

export const deviceDefaults = (): DeviceOptions => ({
  clocks: { now: () => Date.now(), elapsed: () => performance.now() },
  fetch: (...args) => globalThis.fetch(...args),
  random: Math.random, sleep, timeout: 60_000, platform: 'web', app: '', sealAll: false, stream: false,
});

/** A draft: what a person has begun. `value` is the screen's own. */
export interface Draft<T = unknown> {
  id: string;
  changed: number;
  value: T;
}

export class Device {
  private readonly watch: Watch;
  private readonly session: Session;
  private readonly ending = new AbortController();
  private readonly listeners = new Set<() => void>();
  private readonly keeping: Keeping;
  private gone = false;
  private handing: Promise<unknown> | null = null;
  private readonly parts = new Map<string, number>(); // of photos on their way
  private readonly unsure: Unsure = new Map();

  constructor(readonly vault: string, private readonly db: Database, private readonly store: Store, private readonly options: DeviceOptions) {
    this.watch = new Watch(options.clocks);
    this.session = {
      store, watch: this.watch, transport: new Transport(options.fetch, this.watch, options.timeout), sealAll: options.sealAll, app: options.app,
      random: options.random, sleep: options.sleep, batch: 0, page: 0, order: '',
    };
    this.keeping = new Keeping(this, this.session, options, (signal) => this.photosBeside(signal), () => this.tell());
    store.onChange((own) => {
      if (!own) this.keeping.saved(); // another tab may have saved something
      this.tell();
    });
  }

  /** Gives a new vault its id and key. A crash may leave one without, so every unlocking looks. */
  async ensureIdentity(): Promise<void> {
    const there = await this.store.read('read device', (tx) => tx.get<DeviceRow>('device', 'device'));
    if (there) return;
    const { stored } = await newKey();
    await this.store.write('make device', async (tx) => {
      if (!(await tx.get('device', 'device'))) putDevice(tx, newDeviceRow({ id: makeID(), key: stored }));
    });
  }

  /** Ends when the vault is locked. */
  get locked(): AbortSignal {
    return this.ending.signal;
  }

  /** Ends all that is under way and forgets the keys and what was read. The device is of no more use; unlock the vault for another. */
  lock(): void {
    if (this.ending.signal.aborted) return;
    this.ending.abort(vaultLocked());
    this.store.close();
    this.unsure.clear();
    this.tell();
    this.listeners.clear();
  }

  /** Is told when anything may have changed: what was saved, pulled, how the exchange stands. Gives the way to stop. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(): void {
    tellAll(this.listeners);
  }

  private open(): void {
    if (this.ending.signal.aborted) throw this.gone ? wiped() : vaultLocked();
  }

  private signal(given?: AbortSignal): AbortSignal {
    return given ? AbortSignal.any([given, this.ending.signal]) : this.ending.signal;
  }

  /** Fails as vault_locked what failed because the vault was locked meanwhile. */
  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    this.open();
    try {
      return await work();
    } catch (err) {
      if (this.ending.signal.aborted) throw this.gone ? wiped() : vaultLocked();
      if (err instanceof DOMException && err.name === 'AbortError') throw aborted();
      throw err;
    }
  }

  // Enrolling

  /** Asks who answers at an address, before anything is told to it. '' is the page's own origin. */
  hello(address: string, signal?: AbortSignal): Promise<Hello> {
    return this.guarded(() => hello(this.session, address, this.signal(signal)));
  }

  /** Asks what an invite would give, and uses nothing up: show organization and host before enrolling. */
  look(address: string, invite: string, signal?: AbortSignal): Promise<Invitation> {
    return this.guarded(() => look(this.session, address, invite, this.signal(signal)));
  }

  /**
   * Makes the device known to the server, for a person of its own, or for one who
   * is signed in. Again with the same invite repeats the answer. Fails with `input` (bad_url, no_invite,
   * already_enrolled, another_person), `offline`, `not_ours`, `later`, `refused`
   * (invite_invalid, invite_expired, invite_used, device_exists).
   */
  enroll(address: string, by: string | SignedIn, name: string, signal?: AbortSignal): Promise<Person> {
    return this.guarded(() => enroll(this.session, address, by, name, this.options.platform, this.signal(signal)));
  }

  // Saving

  /**
   * Saves one act of one or more ops, all or nothing, and returns when it is on
   * this device's disk (DEV-1). With `draft`, that draft ends in the same
   * transaction. Fails with `not_enrolled`, `input`, `disk`, `locked`, `store`.
   */
  save(ops: readonly NewOp[], options: { draft?: string } = {}): Promise<Saved> {
    return this.addAs(ops, 0, options.draft);
  }

  /** Saves a new record. */
  create(collection: string, fields: JsonObject, options: { draft?: string; id?: string } = {}): Promise<Saved> {
    const { draft, id } = options;
    return this.save([{ op: 'create', collection, fields, ...(id === undefined ? {} : { id }) }], draft === undefined ? {} : { draft });
  }

  /** Saves a change of some fields of a record, made on what is confirmed here. */
  update(collection: string, id: string, fields: JsonObject): Promise<Saved> {
    return this.save([{ op: 'update', collection, id, fields }]);
  }

  private addAs(ops: readonly NewOp[], correctionOf: number, draft?: string, corrected: readonly string[] = []): Promise<Saved> {
    return this.guarded(async () => {
      const saved = await add(this.store, this.watch, ops, {
        sealAll: this.options.sealAll, correctionOf, draft, unsure: this.unsure, further: (tx, saved) => along(tx, ops, saved, draft, corrected),
        ...(draft === undefined ? {} : { also: (tx: Writing) => tx.delete(DRAFTS, draft) }),
      });
      this.keeping.saved();
      return saved;
    });
  }

  // What a person has begun

  /** Keeps a draft. On the disk when it returns: call it at every tap. */
  async keepDraft(id: string, value: unknown): Promise<void> {
    const st = await this.guarded(() => this.store.write('keep draft', async (tx) => {
      tx.put(DRAFTS, id, { changed: this.watch.now().wall, value });
      return tx.get<DeviceRow>('device', 'device');
    }));
    if (st?.sealKey) sealAhead(st.sealKey); // a report may come of it
  }

  dropDraft(id: string): Promise<void> {
    return this.guarded(() => this.store.write('drop draft', async (tx) => {
      tx.delete(DRAFTS, id);
      await dropDraftPhotos(tx, id);
    }));
  }

  // Photos of places and vehicles

  /** Keeps a photo for a draft, and gives its id. On the disk when it returns. With the draft's report its record is saved; its bytes follow when that was received. */
  keepPhoto(draft: string, photo: NewPhoto): Promise<string> {
    return this.guarded(async () => {
      const sealed = await sealPhoto(photo.bytes);
      return this.store.write('keep photo', async (tx) => keepPhoto(tx, draft, photo, sealed, this.watch.now().wall));
    });
  }

  /** Takes away a photo of a draft, or one that the server does not take. */
  dropPhoto(id: string): Promise<void> {
    return this.guarded(() => this.store.write('drop photo', (tx) => dropPhoto(tx, id)));
  }

  /** The photos on this device, the oldest first. */
  photos(): Promise<Photo[]> {
    return this.guarded(() => this.store.read('list photos', (tx) => photos(tx, this.parts)));
  }

  /** A photo's bytes; null when they are not on this device any more. */
  photoBytes(id: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.guarded(() => photoBytes(this.store, id));
  }

  /** Sends a photo again that needs attention. */
  async photoAgain(id: string): Promise<void> {
    await this.guarded(async () => {
      const again = await this.store.read('read photo', (tx) => recordAgain(tx, id));
      if (again) await add(this.store, this.watch, [again.op], { sealAll: this.options.sealAll, correctionOf: again.pos, also: again.move });
      else await this.store.write('photo again', (tx) => photoAgain(tx, id));
    });
    this.keeping.saved();
  }

  /** Hands in the photos whose records were received. `keep` does it by itself, beside everything else: no photo holds up a report. */
  sendPhotos(signal?: AbortSignal): Promise<PhotoReport> {
    return this.guarded(() => sendPhotos(this.session, this.options.fetch, this.signal(signal), (id, part) => {
      this.parts.set(id, part);
      this.tell();
    }));
  }

  /** Hands in the photos that other vaults on this device hold: sealed, for their people. `keep` does it by itself. */
  carryPhotos(signal?: AbortSignal): Promise<CarryReport> {
    return this.guarded(() => carryPhotos(this.session, this.db, this.vault, this.options.fetch, this.signal(signal)));
  }

  /** One round at a time, beside what else goes on. What fails waits for the next. */
  private photosBeside(signal: AbortSignal): void {
    this.handing ??= this.sendPhotos(signal).then(() => this.carryPhotos(signal)).catch(() => undefined).finally(() => { this.handing = null; });
  }

  /** The drafts, last changed first. */
  drafts<T = unknown>(): Promise<Draft<T>[]> {
    return this.guarded(() => this.store.read('list drafts', async (tx) =>
      [...await tx.all<{ changed: number; value: T }>(DRAFTS)].map(([id, d]) => ({ id, ...d })).sort((a, b) => b.changed - a.changed)));
  }

  draft<T = unknown>(id: string): Promise<Draft<T> | null> {
    return this.guarded(() => this.store.read('read draft', async (tx) => {
      const d = await tx.get<{ changed: number; value: T }>(DRAFTS, id);
      return d ? { id, ...d } : null;
    }));
  }

  /** What a person has set, sealed like the rest; undefined before. */
  setting<T>(key: string): Promise<T | undefined> {
    return this.guarded(() => this.store.read('read setting', (tx) => tx.get<T>(SETTINGS, key)));
  }

  set(key: string, value: unknown): Promise<void> {
    return this.guarded(() => this.store.write('keep setting', async (tx) => {
      if (value === undefined) tx.delete(SETTINGS, key);
      else tx.put(SETTINGS, key, value);
    }));
  }

  // What is here

  /** Makes a record id. */
  newID(): string {
    return makeID();
  }

  /** A collection's records, by id: what was pulled with own changes laid over it. */
  records(collection: string): Promise<ViewRecord[]> {
    return this.guarded(() => this.store.read('read view', (tx) => view(tx, collection)));
  }

  /** A collection's records as the server last showed them, without own changes: for what this device never changes, at once however much waits. */
  pulled(collection: string): Promise<ViewRecord[]> {
    return this.guarded(() => this.store.read('read view', (tx) => pulled(tx, collection)));
  }

  /** One record; null when there is none. */
  record(collection: string, id: string): Promise<ViewRecord | null> {
    return this.guarded(() => this.store.read('read view', async (tx) => (await view(tx, collection, id))[0] ?? null));
  }

  /** The collections that the view holds records of. */
  collections(): Promise<string[]> {
    return this.guarded(() => this.store.read('read view', async (tx) => {
      const names = new Set((await device(tx)).collections);
      for (const row of await everyRow(tx)) for (const t of row.touched) names.add(t.collection);
      return [...names].sort();
    }));
  }

  /** A collection as the server last showed it, without own changes: id to version. */
  confirmed(collection: string): Promise<Map<string, number>> {
    return this.guarded(() => this.store.read('read view', async (tx) =>
      new Map([...await tx.all<RecordRow>(recordsOf(collection))].map(([id, r]) => [id, r.seq]))));
  }

  /** The checklists on this device: by key, newest version first, the person's language (or `locale`) first. */
  checklists(locale?: string): Promise<Checklist[]> {
    return this.guarded(() => this.store.read('read checklists', async (tx) =>
      checklistsOf(await pulled(tx, 'checklists'), locale ?? (await device(tx)).person?.locale ?? 'en')));
  }

  // The outbox

  /** Mutations in the order of making: those of the given phases, or all. */
  outbox(...phases: Phase[]): Promise<Entry[]> {
    return this.guarded(() => this.store.read('list outbox', (tx) => entries(tx, (r) => phases.length === 0 || phases.includes(r.phase))));
  }

  /** Sends a parked mutation again at the next sync, as it is. */
  async retry(n: number): Promise<void> {
    await this.guarded(() => this.store.write('retry', async (tx) => {
      putRow(tx, { ...await parkedRow(tx, n), phase: 'waiting', code: '', message: '', fails: 0 });
    }));
    this.keeping.saved();
  }

  /**
   * Saves a corrected copy of a parked mutation as one of its own; the parked one
   * stays, marked as corrected. Records that it would have created get new ids.
   */
  async correct(n: number, ops: readonly NewOp[], options: { draft?: string } = {}): Promise<Saved> {
    const { pos, touched } = await this.guarded(() => this.store.read('read outbox', (tx) => parkedRow(tx, n)));
    return this.addAs(renamed(ops), pos, options.draft, touched.filter((t) => t.op === 'create').map((t) => t.id));
  }

  /** Everything that waits (with `parked`, what needs attention too) as a recovery file: sealed, signed, for anybody to carry. */
  exportRecovery(parked = false): Promise<Exported> {
    return this.guarded(() => exportRecovery(this.session, parked));
  }

  /** Hands in a recovery file, whoever wrote it, with this device's own access. */
  deliverRecovery(file: string, signal?: AbortSignal): Promise<Delivered> {
    return this.guarded(() => deliverRecovery(this.session, file, this.signal(signal)));
  }

  // The exchange

  /** Fetches a file of the server with this device's token: a sheet, an export. With a body it is a POST. Fails with `refused` and the server's code. */
  file(path: string, signal?: AbortSignal, body?: JsonObject): Promise<Blob> {
    return this.guarded(async () => {
      const st = await enrolled(this.session);
      const res = await this.options.fetch(`${st.url}${path}`, { ...(body && { method: 'POST', body: JSON.stringify(body) }), headers: { Authorization: st.token, ...(body && { 'Content-Type': 'application/json' }) }, signal: this.signal(signal), credentials: 'omit', redirect: 'error', cache: 'no-store' });
      if (res.ok) return res.blob();
      const said = (await res.json().catch(() => ({}))) as { code?: string; message?: string };
      throw new SdkError('refused', said.code ?? 'no_answer', said.message ?? 'The server did not give it.', { status: res.status });
    });
  }

  /**
   * Asks an endpoint of the server that stands beside the exchange, with this
   * device's token: GET, or POST with a body. Nothing of it is kept here.
   */
  ask<T>(path: string, body?: JsonObject, signal?: AbortSignal): Promise<T> {
    return this.guarded(async () => {
      const result = await authorized<T>(this.session, { path, method: body ? 'POST' : 'GET' }, false, () => '', () => (body ? JSON.stringify(body) : ''), this.signal(signal));
      if ('turn' in result) throw new Error(`ask ${path}: a turn is of a push alone`);
      return result.answer;
    });
  }

  /** Sends everything that waits. What has no verdict when it fails still waits. */
  async push(signal?: AbortSignal): Promise<PushReport> {
    const report = emptyPushReport();
    await this.guarded(() => push(this.session, report, this.signal(signal)));
    return report;
  }

  /** Brings the confirmed view up to date. What waits in the outbox plays no part (PULL-5). */
  async pull(options: PullOptions = {}, signal?: AbortSignal): Promise<PullReport> {
    const report = emptyPullReport();
    await this.guarded(() => pull(this.session, report, options, this.signal(signal)));
    return report;
  }

  /** Compares the view with the server's, and mends what differs (PULL-8). Pulls do it by themselves once a day. */
  check(signal?: AbortSignal): Promise<PullReport> {
    return this.pull({ check: true }, signal);
  }

  /**
   * Sends what waits, hands in what other vaults on this device hold, and brings
   * the view up to date. A push that fails on the server's side does not keep the
   * pull from going. When the server's history has gone back, what it lost is
   * sent again before this returns. The first error is the one to show.
   */
  async sync(signal?: AbortSignal, options: PullOptions = {}): Promise<SyncReport> {
    const report = emptySyncReport();
    await this.guarded(() => sync(this.session, this.db, this.vault, report, options, this.signal(signal)).catch((err: unknown) => {
      if (explain(err).kind === 'wiped') {
        this.gone = true;
        this.lock();
      }
      throw err;
    }));
    return report;
  }

  /**
   * Keeps in step until the signal ends or the vault is locked: at once, after
   * each save, at each poke; after a failure it rests longer each time (DEV-4).
   * Of several tabs one does it and the others wait to take over. It fails, with
   * the activity `stopped`, where waiting does not help: `refused`,
   * `wiped`, `not_enrolled`, `store`, `disk`.
   */
  async keep(signal?: AbortSignal): Promise<void> {
    const ending = this.signal(signal);
    try {
      await this.guarded(() => this.store.locks.hold(this.store.lockName('live'), () => this.keeping.run(ending), ending));
    } catch (err) {
      const e = explain(err);
      if (e.kind !== 'wiped' && (ending.aborted || e.kind === 'aborted')) {
        this.keeping.enter('idle');
        return;
      }
      this.keeping.enter('stopped');
      throw e;
    }
  }

  /** Tries again now what rests: the network has come back, or a person asks. */
  nudge(): void {
    this.keeping.nudge();
  }

  /**
   * Asks whether the server answers at all, within `ms`. A connection can hang
   * without its end being told, and then neither a stream nor a held pull says so:
   * when no answer comes, what waits for the server is given up, and when answers
   * come again, what was begun before is begun anew. For a screen that must never
   * be silently stale: ask every few seconds.
   */
  async probe(ms: number): Promise<boolean> {
    let answers = true;
    try {
      const { url } = await this.guarded(() => this.store.read('read device', device));
      await this.guarded(() => this.session.transport.exchange({ method: 'GET', base: url, path: '/api/sync/hello', within: ms }, checks.hello, this.ending.signal));
    } catch (err) {
      const e = explain(err);
      if (this.ending.signal.aborted) throw e;
      // Any answer of the server's shows that it can be reached.
      answers = e.kind !== 'offline' && e.kind !== 'not_ours';
    }
    this.keeping.probed(answers);
    return answers;
  }

  /** Where the device stands. It asks nobody. */
  status(counted = true): Promise<Status> {
    return this.guarded(() => this.store.read('read status', async (tx) => {
      const st = await device(tx);
      const seen = await seenIDs(tx);
      const status: Status = {
        device: st.id, name: st.name, enrolled: st.token !== '', person: st.person, belonging: st.belonging ?? {}, url: st.url, lineage: st.lineage.map((l) => l.id),
        saved: 0, waiting: 0, received: 0, seen: 0, attention: 0, corrected: 0, oldestWaiting: null, drafts: (await tx.all(DRAFTS)).size,
        pulled: st.viewEpoch !== null, resetting: st.resetting, lastContact: st.contact || null, offset: st.offset, problem: st.problem,
        checked: st.checked || null, doubtful: Object.keys(st.doubtful).sort(), rewound: st.rewound ?? null, wiping: this.session.order !== '', activity: this.keeping.activity, next: this.keeping.next,
      };
      for (const row of counted ? await everyRow(tx) : []) {
        status.saved++;
        const word = wordOf(row.phase, createsSeen(row, seen));
        status[word === 'saved' ? 'corrected' : word]++;
        if (word === 'waiting' && (status.oldestWaiting === null || row.made < status.oldestWaiting)) status.oldestWaiting = row.made;
      }
      return status;
    }));
  }
}

