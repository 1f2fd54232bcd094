import type { Text } from '../../ui/text.ts';

/** Photos of places and vehicles that came with a report (R13). */
export const photosEn = {
  'photos.title': 'Photos',
  'photos.one': 'Photo {n}: {kind}',
  'photos.place': 'place',
  'photos.vehicle': 'vehicle',
  'photos.coming': 'Announced; its bytes have not come yet.',
  'photos.here': 'Here since {time}.',
  'photos.show': 'Show photo {n}',
  'photos.hide': 'Hide photo {n}',
  'photos.missing': 'It could not be fetched: {why}',
  'photos.rule': 'Places and vehicles only. If one shows a person, take it out.',
  'photos.out': 'Take out photo {n}',
  'photos.sure': 'For good? The picture goes from the server and from phones, and the audit keeps that you did it.',
  'photos.yes': 'Take it out',
  'photos.no': 'Leave it',
  'photos.gone': 'Taken out.',
} as const satisfies Record<string, Text>;
