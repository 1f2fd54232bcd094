/** Keeping in step: the loop that sends and brings what there is until it is ended (DEV-4). */
import type { Device, DeviceOptions } from './device.ts';
import { explain } from './errors.ts';
import { Backoff, final, openStream, type Stream } from './live.ts';
import type { Session } from './session.ts';
import type { Activity } from './sync-state.ts';

const SAFETY_PULL = 5_000; // a poke that got lost costs no more than this, nor does a stream that died without a word
const PULL_TIME = 20_000; // of a request while keeping up
const WAIT = 25_000;
const QUICK = 2_000; // a held pull that ends earlier, with nothing, was not held
const UNHELD_REST = 5_000;
const STREAM_SOON = 500; // before a stream that was cut is opened again, on average
const STREAM_AGAIN = 120_000; // at most, where no stream is to be had

export class Keeping {
  activity: Activity = 'idle';
  /** When it tries again, ms; null while it does not rest. */
  next: number | null = null;
  private wake = (): void => undefined;
  private nudged = (): void => undefined;
  private saves = 0;
  private answers = true;
  private round = new AbortController(); // of the exchange under way
  private drop = (): void => undefined; // ends what merely waits there: a stream, a held pull

  /** `beside` is what holds up none of the exchange; `tell` hears when the activity is another. */
  constructor(
    private readonly device: Pick<Device, 'sync' | 'pull'>, private readonly session: Session, private readonly options: DeviceOptions,
    private readonly beside: (signal: AbortSignal) => void, private readonly tell: () => void,
  ) {}

  enter(activity: Activity, next: number | null = null): void {
    if (this.activity === activity && this.next === next) return;
    this.activity = activity;
    this.next = next;
    this.tell();
  }

  /** There is something to send. */
  saved(): void {
    this.saves++;
    this.wake();
  }

  /** Tries again now what rests. */
  nudge(): void {
    this.nudged();
    this.saved();
  }

  /** Somebody asked whether the server answers: what waits in vain is given up, and begun anew when answers come again. */
  probed(answers: boolean): void {
    const back = answers && !this.answers;
    this.answers = answers;
    if (!answers) this.drop();
    if (back) {
      this.round.abort();
      this.nudge();
    }
  }

  /** Until the signal ends, or waiting does not help. */
  async run(signal: AbortSignal): Promise<void> {
    const { device, options } = this;
    const { random, clocks } = options;
    const { elapsed } = clocks;
    const backoff = new Backoff();
    let stream = null as Stream | null;
    let streamAt = -Infinity; // when a stream may be opened, by the clock that does not jump
    let streamFails = 0;
    // Many boards lose their stream at one moment: the jitter keeps them from coming back at one.
    const cut = (): void => { streamAt = elapsed() + Math.min(STREAM_SOON * 2 ** streamFails, STREAM_AGAIN) * (0.5 + random()); };
    let unasked = false; // the last pull was of no poke and no save
    try {
      for (;;) {
        this.round = new AbortController();
        const round = AbortSignal.any([signal, this.round.signal]);
        try {
          if (this.activity !== 'live' && this.activity !== 'polling') this.enter('syncing');
          const saves = this.saves;
          const { pull } = await device.sync(round, { within: PULL_TIME });
          this.beside(signal);
          if (stream && unasked && pull.changes.length > 0) {
            // It should have told of them: it is dead, and nobody said so.
            stream.close();
            stream = null;
            streamAt = -Infinity;
          }
          if (options.stream && !stream && elapsed() >= streamAt) {
            stream = await openStream(this.session, options.fetch, round);
            if (stream) {
              streamFails = 0;
              await device.pull({ within: PULL_TIME }, round); // what came before it was subscribed
            } else {
              streamFails = Math.min(streamFails + 1, 10);
              cut();
            }
          }
          backoff.reset();
          this.enter(stream ? 'live' : 'polling');
          if (stream) {
            this.drop = stream.close;
            const why = await this.untilPoked(stream, saves, round);
            unasked = why === 'time';
            if (why === 'ended') {
              stream.close();
              stream = null;
              cut();
            }
          } else await this.untilPulled(saves, round, options.stream ? streamAt - elapsed() : Infinity);
        } catch (err) {
          const e = explain(err);
          const anew = this.round.signal.aborted && !signal.aborted;
          if (e.kind === 'wiped' || signal.aborted || (e.kind === 'aborted' && !anew)) throw e;
          if (stream) cut();
          stream?.close();
          stream = null;
          if (anew || !this.answers) streamAt = -Infinity;
          if (anew) continue;
          if (final(e)) throw e;
          const rest = backoff.rest(random, e);
          this.enter('resting', clocks.now() + rest);
          await this.restOrNudge(rest, signal);
          this.enter('syncing');
        }
      }
    } finally {
      stream?.close();
    }
  }

  /** Waits for a poke, a save of this device, or the time to pull anyway. */
  private async untilPoked(stream: Stream, saves: number, signal: AbortSignal): Promise<'poke' | 'time' | 'ended' | 'saved'> {
    if (this.saves !== saves) return 'saved';
    const woken = new Promise<'saved'>((resolve) => { this.wake = () => resolve('saved'); });
    return Promise.race([stream.poked(SAFETY_PULL, signal), woken]);
  }

  /** Lets the server hold a pull, for `most` ms; a save of this device ends it. */
  private async untilPulled(saves: number, signal: AbortSignal, most: number): Promise<void> {
    if (this.saves !== saves) return;
    const { elapsed } = this.options.clocks;
    const woken = new AbortController();
    this.wake = () => woken.abort();
    this.drop = () => woken.abort();
    const began = elapsed();
    const either = AbortSignal.any([signal, woken.signal]);
    try {
      if (most < QUICK) {
        await this.options.sleep(Math.max(most, 0), either);
        return;
      }
      const { changes } = await this.device.pull({ wait: Math.min(WAIT, most), within: PULL_TIME }, either);
      if (changes.length === 0 && elapsed() - began < QUICK) await this.options.sleep(UNHELD_REST, either);
    } catch (err) {
      if (signal.aborted || !woken.signal.aborted) throw err;
    }
  }

  private async restOrNudge(ms: number, signal: AbortSignal): Promise<void> {
    const nudged = new AbortController();
    this.nudged = () => nudged.abort();
    try {
      await this.options.sleep(ms, AbortSignal.any([signal, nudged.signal]));
    } catch (err) {
      if (signal.aborted || !nudged.signal.aborted) throw err;
    }
  }
}
