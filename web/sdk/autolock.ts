/** Locks a device when nobody has touched it for a while. It knows no screen: the screen tells it of touches and of being looked at again. */
import type { Device } from './device.ts';

export interface AutoLockOptions {
  /** Ms without a touch. */
  after: number;
  /** Ms since some fixed point; for tests. */
  elapsed?: () => number;
}

export class AutoLock {
  private last: number;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly elapsed: () => number;

  constructor(private readonly device: Pick<Device, 'lock' | 'locked'>, private options: AutoLockOptions) {
    this.elapsed = options.elapsed ?? (() => Date.now());
    this.last = this.elapsed();
    this.arm();
    device.locked.addEventListener('abort', () => this.stop(), { once: true });
  }

  /** A person is there. After too long it is too late: the vault is locked at once. Gives whether it is still open. */
  touch(): boolean {
    if (!this.check()) return false;
    this.last = this.elapsed();
    return true;
  }

  /** Looks whether it is time: timers sleep when the device does. Call it when the screen is shown again. */
  check(): boolean {
    const passed = this.elapsed() - this.last;
    // A clock that was set back hides how long it was.
    if (passed >= this.options.after || passed < 0) {
      this.stop();
      this.device.lock();
    }
    return !this.device.locked.aborted;
  }

  /** Another time from now on. */
  set(after: number): void {
    this.options = { ...this.options, after };
    this.stop();
    if (this.touch()) this.arm();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private arm(): void {
    this.timer = setTimeout(() => {
      if (this.check()) this.arm();
    }, Math.max(250, this.options.after - (this.elapsed() - this.last)));
  }
}
