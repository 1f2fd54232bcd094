import type { Text } from '../../ui/text.ts';

/** Where it was, and of which joint effort. */
export const whereEn = {
  'where.here': 'About where I am',
  'where.here.say': 'A square about 3 miles wide goes along, not the exact place.',
  'where.looking': 'Looking for where you are',
  'where.done': 'Kept: square {cell}, about 3 miles wide.',
  'where.denied': 'This phone does not let the app know where it is. Choose a place, or none.',
  'where.lost': 'The phone could not find where it is. Choose a place, or none.',
  'where.exact': 'Add the exact place to this note',
  'where.exact.say': 'The point where you stand goes along, with this note only. Coordinators see it on their map, and it can go out in a tip or an export.',
  'where.exact.goes': 'The exact place goes along: {point}',
  'effort': 'Joint effort',
} as const satisfies Record<string, Text>;
