import { Database, headersOf } from '../sdk/database.ts';
import { explain } from '../sdk/errors.ts';
import type { Device, UnlockError, Vaults } from '../sdk/index.ts';

/** Whom a code would put this phone to work with. */
export interface Invitation {
  organization: string;
  role: string;
  sites: string[];
  host: string;
}

/** A vault on this phone, as the lock screen knows it: a made label, never a name. */
export interface Person {
  id: string;
  label: string;
  /** Digits of the PIN; 0 is a passphrase. */
  digits: number;
}

/** What came of a PIN. `wait` is in seconds; `code` is for a coordinator. */
export type Opened<S> =
  | { ok: true; session: S }
  | { ok: false; wiped: boolean; damaged: boolean; trouble: Trouble; left: number; wait: number; kept: number; code: string };

/** Why the store cannot be looked into now, though it is there: no connection to it, or a newer version of the program has it. "" is neither. */
export type Trouble = '' | 'lost' | 'newer';

/** Why joining did not work; each app has its words for it. `n` is minutes to wait. */
export type Refused = { ok: false; why: 'offline' | 'invalid' | 'expired' | 'used' | 'exists' | 'wait' | 'failed' | 'full' | 'lost'; n: number };

const LAST = 'last';
const HERE = 'people/';

/** Who was on this phone when the store was read last; nobody where that is not known. It says what lies open in the store as well, and nothing else. */
function lastHere(app: string): Person[] {
  try {
    const all = JSON.parse(localStorage.getItem(HERE + app) ?? '[]') as Person[];
    return all.filter((p) => typeof p.id === 'string' && typeof p.label === 'string' && Number.isSafeInteger(p.digits));
  } catch {
    return []; // spoiled: the store knows
  }
}

function noteHere(app: string, people: string): void {
  try {
    if (localStorage.getItem(HERE + app) !== people) localStorage.setItem(HERE + app, people);
  } catch {
    // A full disk: the next start waits for the store.
  }
}

const refusals: Record<string, Refused['why']> = {
  invite_invalid: 'invalid', invite_expired: 'expired', invite_used: 'used', device_exists: 'exists',
};

const troubleOf = (err: unknown): Trouble => {
  const { kind, code } = explain(err);
  return kind !== 'store' || code === 'store_damaged' ? '' : code === 'store_newer' ? 'newer' : 'lost';
};

/** Why a server, or this phone's own store, did not let somebody join: of an SdkError's members. */
export function refused(code: string, kind: string, retryAfter: number): Refused {
  const no = (why: Refused['why'], n = 0): Refused => ({ ok: false, why, n });
  if (kind === 'disk') return no('full');
  if (kind === 'store') return no('lost');
  if (kind === 'offline' || kind === 'not_ours') return no('offline');
  const why = refusals[code];
  if (why) return no(why);
  return retryAfter > 0 ? no('wait', Math.ceil(retryAfter / 60_000)) : no('failed');
}

/** What opens a vault: nearly all of the device library. A lock screen stands before it is there. */
export interface Library {
  Vaults: typeof Vaults;
  UnlockError: typeof UnlockError;
  VERSION: string;
  WRONG_LIMIT: number;
}

/** What an app makes of an unlocked device: `label` names the next person's vault, `over` opens the screens. */
export interface Opener<S> {
  /** The store's name, which says nothing of the subject. */
  name: string;
  label: (n: number) => string;
  over: (device: Device, vaults: Vaults) => Promise<S>;
  stream?: boolean;
  library: () => Promise<Library>;
}

/** The door: the people on this phone, opening a vault, and joining. */
export class Gate<S> {
  ready = $state(false);
  people: Person[] = $state.raw([]);
  person: Person | null = $state.raw(null);
  /** The code from a link's fragment, which is never sent anywhere by opening the link. */
  code = $state('');
  /** Why it is not known who is here. It may pass: `refresh` looks again. */
  trouble: Trouble = $state('');
  readonly #db: Database;
  #vaults: Vaults | undefined;
  readonly #app: Opener<S>;

  /** Until the store has answered, who is here is who was here last: a lock screen stands at once, and what is typed there is tried by the store. */
  constructor(app: Opener<S>) {
    this.#app = app;
    this.#db = new Database(app.name);
    this.people = lastHere(app.name);
    this.person = this.#lastOf(this.people);
    this.#take();
  }

  /** Reads who is on this phone. */
  async start(): Promise<void> {
    // A link that is opened where the page already stands loads nothing anew.
    addEventListener('hashchange', () => this.#take());
    await this.refresh();
    this.ready = true;
  }

  /** What opens a vault; null where it did not come: a page of before an update, or a link that broke. */
  async #library(): Promise<(Library & { vaults: Vaults }) | null> {
    const library = await this.#app.library().catch(() => null);
    if (!library) return null;
    const { name, stream = false } = this.#app;
    this.#vaults ??= new library.Vaults({ name, stream, app: `${name} ${library.VERSION}`, db: this.#db });
    return { ...library, vaults: this.#vaults };
  }

  #take(): void {
    const invite = /[#&]invite=([^&]+)/.exec(location.hash)?.[1];
    if (!invite) return;
    this.code = decodeURIComponent(invite);
    // The code does not stay in the address.
    history.replaceState(history.state, '', location.pathname);
  }

  /** Reads again who is here: a PIN may have another length now. It fails in no way: `trouble` says it. */
  async refresh(): Promise<void> {
    try {
      await this.#list();
      this.trouble = '';
    } catch (err) {
      this.trouble = troubleOf(err) || 'lost';
    }
  }

  async #list(): Promise<void> {
    const people = (await headersOf(this.#db)).map((v) => ({ id: v.id, label: v.label, digits: v.digits ?? 0 }));
    const now = JSON.stringify(people);
    // Who is drawn already is not drawn anew.
    if (now !== JSON.stringify(this.people)) this.people = people;
    this.person = this.#lastOf(this.people);
    noteHere(this.#app.name, now);
  }

  #lastOf(people: readonly Person[]): Person | null {
    return people.find((p) => p.id === localStorage.getItem(LAST)) ?? people[0] ?? null;
  }

  choose(id: string): void {
    this.person = this.people.find((p) => p.id === id) ?? this.person;
  }

  async open(id: string, secret: string): Promise<Opened<S>> {
    const no = { ok: false as const, wiped: false, damaged: false, trouble: '' as Trouble, left: 0, wait: 0, kept: 0, code: '' };
    const library = await this.#library();
    if (!library) return { ...no, trouble: 'lost' };
    const { vaults, UnlockError } = library;
    try {
      const device = await vaults.unlock(id, secret);
      localStorage.setItem(LAST, id);
      return { ok: true, session: await this.#app.over(device, vaults) };
    } catch (err) {
      const code = id.slice(0, 6).toUpperCase();
      const trouble = troubleOf(err);
      if (trouble) return { ...no, trouble };
      if (!(err instanceof UnlockError)) {
        await this.refresh(); // it may be gone since the list was read
        return { ...no, damaged: true, code };
      }
      if (err.code === 'try_later') return { ...no, left: err.triesLeft, wait: Math.ceil(err.retryAfter / 1000) };
      if (err.code === 'wrong_secret') return { ...no, left: err.triesLeft };
      // A file has a line for each note.
      const kept = (await vaults.carriedFiles(id)).flatMap((f) => f.trim().split('\n')).length;
      await this.#list();
      return { ...no, wiped: true, kept, code };
    }
  }

  /** Asks whom a code would put this phone to work with. Nothing is used up. */
  async look(code: string): Promise<{ ok: true; invitation: Invitation } | Refused> {
    const library = await this.#library();
    if (!library) return refused('', 'store', 0);
    try {
      const { organization, role, sites, host } = await library.vaults.look('', code);
      return { ok: true, invitation: { organization: organization.name, role, sites: sites.map((x) => x.name), host } };
    } catch (err) {
      const e = explain(err);
      return refused(e.code, e.kind, e.retryAfter);
    }
  }

  /** Makes a vault and a device of its own for one more person, by a code or for who is signed in, and fetches what they may see. */
  async enrol(code: string | { session: string }, secret: string): Promise<{ ok: true; session: S } | Refused> {
    const library = await this.#library();
    if (!library) return refused('', 'store', 0);
    const { vaults, WRONG_LIMIT } = library;
    let device: Device | undefined;
    try {
      device = await vaults.create(secret, this.#app.label(this.people.length + 1), WRONG_LIMIT);
      await device.enroll('', code, '');
    } catch (err) {
      const e = explain(err);
      device?.lock();
      // Half a vault would stand among the people; where not even that can be taken away, the next start shows it.
      if (device) await vaults.wipe(device.vault).catch((err: unknown) => void explain(err));
      return refused(e.code, e.kind, e.retryAfter);
    }
    localStorage.setItem(LAST, device.vault);
    this.code = '';
    void navigator.storage?.persist?.();
    // Without a first pull there is no checklist here; a failure says so on the list's screen.
    await device.sync().catch((err: unknown) => void explain(err));
    await this.#list();
    return { ok: true, session: await this.#app.over(device, vaults) };
  }
}
