import type { Text } from '../../ui/text.ts';

/** What goes wrong with this browser's store, in words. */
export const wrongEn = {
  'enrol.full': 'This machine is full. Nothing was set up. Make room, then try again.',
  'enrol.lost': 'This browser cannot keep anything now. Nothing was set up. Leave private mode, or open the page again.',
  'lock.lost': 'The board cannot reach what is stored in this browser. It is still there. Close the page and open it again.',
  'lock.newer': 'A newer version of the board was open here. Close all its pages, then open it again.',
  'lock.again': 'Try again',
} as const satisfies Record<string, Text>;
