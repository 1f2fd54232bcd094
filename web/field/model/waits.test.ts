import { describe, expect, it } from 'vitest';
import { noRoom } from './waits.ts';

describe('[R4] why a photo waits', () => {
  it('[R4] a photo that waits for room on the server is told apart from one that waits for a network', () => {
    expect(noRoom([{ word: 'waiting', code: 'no_server' }, { word: 'waiting', code: 'no_room' }])).toBe(true);
    expect(noRoom([{ word: 'waiting', code: 'no_server' }, { word: 'waiting', code: '' }])).toBe(false);
    expect(noRoom([{ word: 'attention', code: 'no_room' }, { word: 'received', code: '' }])).toBe(false);
  });
});
