import type { Text } from '../../ui/text.ts';

/** Photos of places and vehicles, where the organization allows them (R13). */
export const photosEn = {
  'photo.title': 'Photo of a place or vehicle',
  'photo.no': 'No people: not far away, not behind glass, not in a mirror. Wait until nobody is in the picture.',
  'photo.anew': 'The app draws the picture anew. Where, when and with what it was taken does not go along.',
  'photo.place': 'Place',
  'photo.vehicle': 'Vehicle',
  'photo.take': 'Photo: {kind}',
  'photo.one': 'Photo {n}: {kind}',
  'photo.remove': 'Take photo {n} away',
  'photo.working': 'Drawing it anew',
  'photo.kept': 'Photo {n} is kept on this phone.',
  'photo.full': 'There is little room on this phone. New photos are off.',
  'photo.bad': 'That is no picture that this phone can read. Nothing was kept.',
  'photo.lost': 'The photo was not kept: this phone is full. Your note is as it was.',
  'photo.count': { one: '{n} photo', other: '{n} photos' },
  'photo.part': 'photo {n} of {all}: {part} % is there',
  'photo.attention': { one: '{n} photo needs attention', other: '{n} photos need attention' },
  'photo.why.off': 'Your organization takes no photos any more.',
  'photo.why.gone': 'The note it belongs to, or the photo itself, was taken out.',
  'photo.why.metadata': 'It carries more than a picture. Take it again with this app.',
  'photo.why.other': 'The server did not take it. ({code})',
  'photo.safe': 'The note it belongs to is not held up. The photo is kept on this phone.',
  'photo.again': 'Try again',
  'photo.drop': 'Take it away',
} as const satisfies Record<string, Text>;
