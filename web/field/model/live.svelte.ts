/** A value whose members screens can watch. */
export function live<T extends object>(value: T): T {
  const watched = $state(value);
  return watched;
}

/** The value as it is now, for keeping. */
export const still = <T>(value: T): T => $state.snapshot(value) as T;
