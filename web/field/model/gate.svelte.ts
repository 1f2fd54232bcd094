import { explain, UnlockError, Vaults, WRONG_LIMIT } from '../../sdk/index.ts';
import type { Fill } from '../../ui/text.ts';
import type { Key } from '../strings/en.ts';
import { t } from '../words.svelte.ts';
import { Live } from './device.svelte.ts';
import type { Session } from './session.ts';

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
export type Opened =
  | { ok: true; session: Session }
  | { ok: false; wiped: boolean; damaged: boolean; left: number; wait: number; kept: number; code: string };

/** A refusal in words of the app. */
export type Refused = { ok: false; key: Key; fill?: Fill };

const DIGITS = 'digits';
const LAST = 'last';

/** How many digits each PIN has, so that it opens with the last one. It says no more than the dots on the screen do. */
const digitsOf = (): Record<string, number> => {
  try {
    return JSON.parse(localStorage.getItem(DIGITS) ?? '{}') as Record<string, number>;
  } catch {
    return {}; // cleared: a field to type in takes the place of the dots
  }
};

const refusals: Record<string, Key> = {
  invite_invalid: 'enrol.invite_invalid', invite_expired: 'enrol.invite_expired', invite_used: 'enrol.invite_used', device_exists: 'enrol.device_exists',
};

/** The words for a refusal; what is not known here is "that did not work". */
function refused(code: string, kind: string, retryAfter: number): Refused {
  if (kind === 'offline' || kind === 'not_ours') return { ok: false, key: 'enrol.offline' };
  const key = refusals[code];
  if (key) return { ok: false, key };
  if (retryAfter > 0) return { ok: false, key: 'enrol.too_many', fill: { n: Math.ceil(retryAfter / 60_000) } };
  return { ok: false, key: 'enrol.failed' };
}

/** The door: the people on this phone, opening a vault, and joining. */
class Gate {
  ready = $state(false);
  people: Person[] = $state.raw([]);
  person: Person | null = $state.raw(null);
  /** The code from a link's fragment, which is never sent anywhere by opening the link. */
  code = '';
  /** iOS keeps a page's data only when it stands on the home screen. */
  readonly installFirst = /iPhone|iPad/.test(navigator.userAgent) && !matchMedia('(display-mode: standalone)').matches;
  readonly #vaults = new Vaults({ name: 'notes' });

  /** Reads who is on this phone. */
  async start(): Promise<void> {
    const invite = /[#&]invite=([^&]+)/.exec(location.hash)?.[1];
    if (invite) {
      this.code = decodeURIComponent(invite);
      // The code does not stay in the address.
      history.replaceState(history.state, '', location.pathname);
    }
    await this.#list();
    this.ready = true;
  }

  async #list(): Promise<void> {
    const digits = digitsOf();
    this.people = (await this.#vaults.list()).map((v) => ({ id: v.id, label: v.label, digits: digits[v.id] ?? 0 }));
    this.person = this.people.find((p) => p.id === localStorage.getItem(LAST)) ?? this.people[0] ?? null;
  }

  choose(id: string): void {
    this.person = this.people.find((p) => p.id === id) ?? this.person;
  }

  async open(id: string, secret: string): Promise<Opened> {
    const no = { ok: false as const, wiped: false, damaged: false, left: 0, wait: 0, kept: 0, code: '' };
    try {
      const device = await this.#vaults.unlock(id, secret);
      localStorage.setItem(LAST, id);
      return { ok: true, session: await Live.over(device, this.#vaults) };
    } catch (err) {
      const code = id.slice(0, 6).toUpperCase();
      if (!(err instanceof UnlockError)) return { ...no, damaged: true, code };
      if (err.code === 'try_later') return { ...no, left: err.triesLeft, wait: Math.ceil(err.retryAfter / 1000) };
      if (err.code === 'wrong_secret') return { ...no, left: err.triesLeft };
      const kept = (await this.#vaults.carriedFiles(id)).length;
      await this.#list();
      return { ...no, wiped: true, kept, code };
    }
  }

  /** Asks whom a code would put this phone to work with. Nothing is used up. */
  async look(code: string): Promise<{ ok: true; invitation: Invitation } | Refused> {
    let answer: Response;
    try {
      answer = await fetch('/api/sync/invite', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ invite: code }), credentials: 'omit', redirect: 'error' });
    } catch {
      return { ok: false, key: 'enrol.offline' };
    }
    const body = (await answer.json().catch(() => null)) as
      | { organization?: { name: string }; role?: string; sites?: { name: string }[]; host?: string; code?: string }
      | null;
    if (!body) return { ok: false, key: 'enrol.offline' }; // a sign-in page's answer is none (DEV-7)
    if (!answer.ok) return refused(body.code ?? '', 'refused', Number(answer.headers.get('retry-after') ?? 0) * 1000);
    return { ok: true, invitation: { organization: body.organization?.name ?? '', role: body.role ?? '', sites: (body.sites ?? []).map((s) => s.name), host: body.host ?? location.host } };
  }

  /** Makes a vault and a device of its own for one more person, and fetches what they may see. */
  async enrol(code: string, secret: string): Promise<{ ok: true; session: Session } | Refused> {
    const device = await this.#vaults.create(secret, t('lock.person', { n: this.people.length + 1 }), WRONG_LIMIT);
    try {
      await device.enroll('', code, '');
    } catch (err) {
      const e = explain(err);
      device.lock();
      await this.#vaults.wipe(device.vault);
      return refused(e.code, e.kind, e.retryAfter);
    }
    localStorage.setItem(DIGITS, JSON.stringify({ ...digitsOf(), [device.vault]: /^\d+$/.test(secret) ? secret.length : 0 }));
    localStorage.setItem(LAST, device.vault);
    void navigator.storage?.persist?.();
    // Without a first pull there is no checklist here; a failure says so on the list's screen.
    await device.sync().catch((err: unknown) => void explain(err));
    await this.#list();
    return { ok: true, session: await Live.over(device, this.#vaults) };
  }
}

export const gate = new Gate();
