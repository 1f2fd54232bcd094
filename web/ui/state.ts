import type { IconName } from './icons.ts';

/**
 * Where what a person wrote is (R4). There are these five and no others: saved
 * on this phone, waiting, received, seen by a coordinator, needs attention.
 */
export type State = 'saved' | 'waiting' | 'received' | 'seen' | 'attention';

/** The mark of each state: a square is here, a circle is there, filled is seen, a diamond is for you. */
export const marks: Record<State, { icon: IconName; kind: '' | 'there' | 'you' }> = {
  saved: { icon: 'saved', kind: '' },
  waiting: { icon: 'waiting', kind: '' },
  received: { icon: 'received', kind: 'there' },
  seen: { icon: 'seen', kind: 'there' },
  attention: { icon: 'attention', kind: 'you' },
};
