import type { Device, JsonObject } from '../../sdk/index.ts';

/** A record that another names. */
export interface Named {
  id: string;
  name: string;
}

/** An invite as it is listed: never with its code. */
export interface Invite {
  id: string;
  role: string;
  organization: Named;
  sites: Named[];
  uses: number;
  used: number;
  expires: string;
  state: 'open' | 'used' | 'expired' | 'ended';
  poster: boolean;
}

/** A new invite: code, link and picture are told this once. */
export interface Made {
  record: Invite;
  invite: string;
  link: string;
  svg: string;
  card: string;
}

/** A tip sheet before anything leaves: what would be told, and what stays. */
export interface TipSheet {
  title: string;
  before: string[];
  sections: { key: string; title: string; hint?: string; copy: string; lines: { label?: string; text: string }[] }[];
  after: string[];
  leaves: string[];
  stays: string[];
  warnings: string[];
}

/** Who wrote a staff report, and who was told so before. */
export interface Unsealed {
  person: { id: string; label: string };
  before: { by: string; at: string; reason: string }[];
}

/** What became of a kept mutation. */
export interface Repaired {
  state: string;
  verdict: { verdict: string; code?: string; message?: string };
  followed?: Repaired[];
}

/** What offboarding touched, or would. */
export interface Offboarded {
  label: string;
  devices: string[];
  wipes: string[];
  sessions: number;
  invites: number;
  claims: string[];
  rosters: number;
}

/** One thing that happened to a report. Of staff `by` names nobody, and nothing names a device. */
export interface Moment {
  at: string;
  what: string;
  record: string;
  act: string;
  by: { kind: 'person' | 'staff' | 'system' | 'operator' | 'unknown'; id?: string; label?: string; role?: string };
  changes: { field: string; before: unknown; after: unknown }[];
  code?: string;
  message?: string;
  reason?: string;
}

/** What a device last said of itself. `contact` is a time or a day; `waiting` null: not told, and never told of staff. */
export interface DeviceTold {
  device: string;
  contact: string;
  app: string;
  waiting: number | null;
}

/** What became of what wiped devices left: numbers of items, but for files. */
export interface Taken {
  files: number;
  received: number;
  before: number;
  kept: number;
  waiting: number;
}

/** What a coordinator does beside the queue. Each call asks the server, which decides and audits. */
export class Admin {
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  invites = async (): Promise<Invite[]> => (await this.#device.ask<{ invites: Invite[] }>('/api/fieldpost/invites')).invites;

  invite = (role: string, sites: string[], uses: number, poster: boolean): Promise<Made> =>
    this.#device.ask('/api/fieldpost/invites', { role, sites, uses: poster ? 0 : uses, poster });

  endInvite = (id: string): Promise<Invite> => this.#device.ask(`/api/fieldpost/invites/${id}/end`, {});

  confirm = (id: string): Promise<Named> => this.#device.ask(`/api/fieldpost/staff/${id}/confirm`, {});

  revoke = (device: string, reason: string): Promise<unknown> => this.#device.ask(`/api/fieldpost/devices/${device}/revoke`, { reason });

  wipe = (device: string, reason: string): Promise<unknown> => this.#device.ask(`/api/fieldpost/devices/${device}/wipe`, { reason });

  offboard = (person: string, reason: string, dryRun: boolean, wipe = false): Promise<Offboarded> =>
    this.#device.ask(`/api/fieldpost/people/${person}/offboard`, { reason, dryRun, wipe });

  /** The devices that this coordinator looks after, by id. */
  devices = async (): Promise<Map<string, DeviceTold>> =>
    new Map((await this.#device.ask<{ devices: DeviceTold[] }>('/api/fieldpost/devices')).devices.map((d) => [d.device, d]));

  /** What happened to a report, the oldest first. */
  history = async (report: string): Promise<Moment[]> => (await this.#device.ask<{ history: Moment[] }>(`/api/fieldpost/reports/${report}/history`)).history;

  /** Runs a kept mutation again as its author, under the rules of now; with ops in place of those that came. */
  release = (id: string, ops: JsonObject[] | null = null): Promise<Repaired> => this.#device.ask(`/api/sync/quarantine/${id}/release`, ops ? { ops } : {});

  /** Puts aside what is of no use. Nothing is lost by it. */
  dismiss = (id: string, reason: string): Promise<Repaired> => this.#device.ask(`/api/sync/quarantine/${id}/dismiss`, { reason });

  /** Takes what a kept mutation says as the coordinator's own record. */
  adopt = (id: string, ops: JsonObject[] | null = null): Promise<Repaired> => this.#device.ask(`/api/sync/quarantine/${id}/adopt`, ops ? { ops } : {});

  /** How many sealed files wiped devices left behind. */
  leftovers = async (): Promise<number> => (await this.#device.ask<{ files: number }>('/api/fieldpost/leftovers')).files;

  /** Hands all of them in; each item counts once. */
  takeLeftovers = (): Promise<Taken> => this.#device.ask('/api/fieldpost/leftovers/take', {});

  tipSheet = (report: string, locale: string, without: string[]): Promise<TipSheet> =>
    this.#device.ask(`/api/fieldpost/reports/${report}/tipsheet?format=preview&locale=${locale}&without=${without.join(',')}`);

  unseal = (report: string, reason: string): Promise<Unsealed> => this.#device.ask(`/api/fieldpost/reports/${report}/unseal`, { reason });
}
