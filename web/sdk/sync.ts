/** One whole exchange: what waits goes out, an order to wipe is obeyed, the view comes in, and what other vaults here hold is handed in. */
import type { Carried, Database, Parcel } from './database.ts';
import { explain, hasCode } from './errors.ts';
import { emptyPullReport, pull, type PullOptions, type PullReport } from './pull.ts';
import { emptyPushReport, meet, push, type PushReport } from './push.ts';
import { deliverCarried, type CarryReport } from './recovery.ts';
import { noteProblem, type Session } from './session.ts';
import type { Table } from './tables.ts';
import { obey, wiped } from './wipe.ts';

export interface SyncReport {
  push: PushReport;
  pull: PullReport;
  /** What was handed in for the other vaults on this device. */
  carried: CarryReport;
}

export const emptySyncReport = (): SyncReport => ({ push: emptyPushReport(), pull: emptyPullReport(), carried: { delivered: 0, left: 0 } });

/** Exchanges into `report`, for the vault `own`. What a push fails with on the server's side does not keep the pull from going. It fails with `wiped` when the vault is gone, as ordered. */
export async function sync(s: Session, db: Database, own: string, report: SyncReport, options: PullOptions, signal: AbortSignal): Promise<void> {
  let failure: unknown;
  try {
    await push(s, report.push, signal);
  } catch (err) {
    if (['offline', 'not_ours', 'not_enrolled', 'aborted', 'locked'].includes(explain(err).kind)) throw err;
    failure = err;
  }
  if (failure === undefined || hasCode(failure, 'quarantine_full')) await obeyOrder(s, signal);
  try {
    try {
      await pull(s, report.pull, options, signal);
    } catch (err) {
      if (!hasCode(err, 'device_revoked')) throw err;
      if (failure === undefined) await meet(s, signal);
      if (!s.order) {
        await noteProblem(s, err, false); // that push was answered, and took the reason away
        throw err;
      }
    }
    if (s.order && failure === undefined) {
      await push(s, report.push, signal); // what was saved meanwhile
      await obeyOrder(s, signal);
    }
    if (failure === undefined && report.pull.rewound) {
      await push(s, report.push, signal);
      await pull(s, report.pull, {}, signal);
    }
    await carry(s, db, own, report, signal);
  } catch (err) {
    failure ??= err;
  }
  if (failure !== undefined) throw failure;
}

/** Wipes the vault if the server has ordered it; then it fails with `wiped`. */
async function obeyOrder(s: Session, signal: AbortSignal): Promise<void> {
  if (s.order && await obey(s, signal)) throw wiped();
}

async function carry(s: Session, db: Database, own: string, report: SyncReport, signal: AbortSignal): Promise<void> {
  // What the server lost, it lost of the others too.
  const lost = report.push.rewound || report.pull.rewound;
  const again = (c: Carried | Parcel): boolean => c.vault !== own && c.delivered !== 0;
  for (const beside of lost ? [db.carried, db.parcels] as Table<Carried | Parcel>[] : []) await db.run('carry again', () => beside.filter(again).modify({ delivered: 0 }));
  report.carried = await deliverCarried(s, db, own, s.watch.now().wall, signal);
}
