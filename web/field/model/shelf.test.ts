import { describe, expect, it } from 'vitest';
import { PracticeShelf } from './shelf.ts';

const photo = (n: number) => ({ bytes: new Uint8Array([n]), kind: 'vehicle' as const, type: 'image/jpeg' as const });

describe('[R13] photos in practice', () => {
  it('[R13] are a draft\'s, go along with its report, and wait there for ever', async () => {
    const shelf = new PracticeShelf();
    let told = 0;
    const stop = shelf.onChange(() => told++);
    const id = await shelf.keepPhoto('d', photo(1));
    await shelf.keepPhoto('other', photo(2));
    expect(await shelf.photos()).toMatchObject([{ id, draft: 'd', word: 'saved', size: 1 }, { draft: 'other', word: 'saved' }]);
    shelf.end('d', 'report');
    expect(told).toBe(1);
    expect(await shelf.photos()).toMatchObject([{ id, draft: '', report: 'report', word: 'waiting' }, { draft: 'other', word: 'saved' }]);
    expect(await shelf.photoBytes(id)).toEqual(new Uint8Array([1]));
    shelf.end('other', ''); // cleared, or about oneself
    stop();
    shelf.end('d', '');
    expect([(await shelf.photos()).length, told]).toEqual([1, 2]);
    await shelf.dropPhoto(id);
    expect([await shelf.photos(), await shelf.photoBytes(id)]).toEqual([[], null]);
  });
});
