/** The device's clocks: the wall's, which anybody may set, and one that tells whether it was. */
import { format, JUMP_TOLERANCE, next, tick } from './hlc/hlc.ts';
import { outbox, SETTLED, type DeviceRow, type OutboxRow } from './rows.ts';
import type { Reading } from './store.ts';

export interface Clocks {
  /** The wall clock, Unix ms. */
  now(): number;
  /** Ms since some fixed point, whatever is done to the wall clock. */
  elapsed(): number;
}

export const systemClocks: Clocks = { now: () => Date.now(), elapsed: () => performance.now() };

/** Watches the wall clock for jumps. It keeps saying that there was one until {@link noted}. */
export class Watch {
  private last: { wall: number; real: number } | undefined;
  private jumped = false;

  constructor(private readonly clocks: Clocks) {}

  now(): { wall: number; jumped: boolean } {
    const wall = Math.round(this.clocks.now());
    const real = this.clocks.elapsed();
    if (this.last && Math.abs(wall - this.last.wall - (real - this.last.real)) > JUMP_TOLERANCE) this.jumped = true;
    this.last = { wall, real };
    return { wall, jumped: this.jumped };
  }

  /** Follows the commit of a transaction that has dealt with a jump. */
  noted(): void {
    this.jumped = false;
  }
}

/**
 * Moves the device's clock on and gives a stamp. A clock that was set back may
 * give a time once more; a stamp must not, so it ticks on.
 */
export async function nextStamp(tx: Reading, st: DeviceRow, wall: number, seenJump: boolean): Promise<string> {
  const known = seenJump || (st.offset !== null && st.offsetAt - wall > JUMP_TOLERANCE);
  const { time, jumped } = next(st.clock, wall, known);
  if (jumped) st.offset = null;
  let at = time;
  // Only a clock that is behind what it once gave out may meet a stamp again.
  if (at.ms < st.stamped || (at.ms === st.stamped && (jumped || st.clock.ms !== at.ms))) {
    const used = new Set((await outbox(tx)).map((r) => r.stamp));
    for (const r of (await tx.all<OutboxRow>(SETTLED)).values()) used.add(r.stamp);
    while (used.has(format({ ...at, device: st.id }))) at = tick(at);
  }
  st.clock = at;
  st.stamped = Math.max(st.stamped, at.ms);
  return format({ ...at, device: st.id });
}
