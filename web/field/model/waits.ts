import type { Photo } from '../../sdk/index.ts';

/** Whether a photo waits because the server has no room for it: a network does not help, a person who makes room does. */
export const noRoom = (photos: readonly Pick<Photo, 'word' | 'code'>[]): boolean => photos.some((p) => p.word === 'waiting' && p.code === 'no_room');
