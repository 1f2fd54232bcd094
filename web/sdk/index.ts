/** The device library: vaults, a device in each, its outbox, view and exchange with a server. See README.md. */
export { Vaults, UnlockError, strength, WRONG_LIMIT, type Strength, type VaultInfo, type VaultOptions } from './vaults.ts';
export { Device, type DeviceOptions, type Draft } from './device.ts';
export { AutoLock, type AutoLockOptions } from './autolock.ts';
export { SdkError, explain, type ErrorKind } from './errors.ts';
export { parseInvite } from './enroll.ts';
export { reasonOf, wordOf, type Activity, type Reason, type Remedy, type Status, type Word } from './sync-state.ts';
export { makeID, type Entry, type NewOp, type Saved } from './outbox.ts';
export type { Phase, Problem, Ref, Rewound } from './rows.ts';
export type { ViewRecord } from './view.ts';
export type { SyncReport } from './sync.ts';
export type { PushReport } from './push.ts';
export type { Change, CheckReport, PullOptions, PullReport } from './pull.ts';
export type { NewPhoto, Photo, PhotoReport } from './photos.ts';
export type { CarryReport, Delivered, Exported } from './recovery.ts';
export type { Clocks } from './clock.ts';
export { asked, unfit, type Answers, type Conditions } from './checklist/asked.ts';
export { newest, type Checklist, type Item } from './checklist/checklists.ts';
export { parseExpression, Expression, ExpressionError } from './checklist/expression.ts';
/** The version of what is built from here: of the apps too. */
export const VERSION = '0.1.0';
export { triageID } from './wire/ids.ts';
export { parseTime, timeText, type Belonging, type Hello, type Invitation, type Limits, type Named, type Op, type OpKind, type Person, type Role, type Verdict } from './wire/messages.ts';
export type { Json, JsonObject } from './wire/json.ts';
