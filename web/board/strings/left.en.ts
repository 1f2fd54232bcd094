import type { Text } from '../../ui/text.ts';

/** What wiped devices left behind, and the look of the board. */
export const leftEn = {
  'left.title': 'Left by wiped devices',
  'left.say': 'What a device could get no answer for before it wiped itself lies sealed on the server. Whose it is, is not told; of staff it shows from the day after.',
  'left.offline': 'Not known without a connection.',
  'left.none': 'Nothing is left over.',
  'left.files': { one: '{n} sealed file waits.', other: '{n} sealed files wait.' },
  'left.take': 'Take in what is there',
  'left.later': { one: '{n} still waits for something that has not arrived. Its file stays.', other: '{n} still wait for something that has not arrived. Their file stays.' },
  'left.failed': 'Nothing was taken: {why}',
  'theme.light': 'Light',
  'theme.dark': 'Dark',
} as const satisfies Record<string, Text>;
