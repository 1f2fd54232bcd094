import { afterEach, describe, expect, test, vi } from 'vitest';
import { openSealed, sealAhead, sealFor } from '../seal.ts';
import { fromBase64url, text } from '../wire/bytes.ts';
import { scalar, sealKey } from './support/server.ts';

afterEach(() => { vi.restoreAllMocks(); });

/** How often the browser's cryptography was asked. */
function asked(): () => number {
  const spies = (['generateKey', 'importKey', 'exportKey', 'deriveBits', 'sign', 'encrypt'] as const).map((of) => vi.spyOn(crypto.subtle, of));
  return () => spies.reduce((n, s) => n + s.mock.calls.length, 0);
}

describe('[SEALED] a sealing that was begun ahead', () => {
  const open = async (sealed: string, aad: string): Promise<string> => text(await openSealed(fromBase64url(scalar), sealed, aad));

  test('[SEALED] is used for one text alone: each opens by itself, under a key pair of its own', async () => {
    sealAhead(sealKey);
    sealAhead(sealKey);
    const both = await Promise.all([sealFor(sealKey, 'a', 'one'), sealFor(sealKey, 'b', 'two')]);
    const third = await sealFor(sealKey, 'c', 'three');
    expect(await Promise.all([open(both[0], 'a'), open(both[1], 'b'), open(third, 'c')])).toEqual(['one', 'two', 'three']);
    expect(new Set([...both, third].map((s) => s.slice(0, 86))).size).toBe(3);
    await expect(open(both[0], 'b')).rejects.toThrow();
  });

  test('[SEALED] leaves two questions to the browser for when there is a text', async () => {
    await sealFor(sealKey, 'a', 'the key is known');
    const whole = asked();
    await sealFor(sealKey, 'a', 'one');
    const before = whole();
    vi.restoreAllMocks();
    sealAhead(sealKey);
    await new Promise((done) => setTimeout(done, 100));
    const rest = asked();
    await sealFor(sealKey, 'a', 'two');
    expect([rest(), before > 10]).toEqual([2, true]);
  });

  test('[SEALED] for another installation, or for no key at all, it is not taken', async () => {
    sealAhead('no key');
    sealAhead(sealKey);
    await expect(sealFor('no key', 'a', 'one')).rejects.toThrow();
    expect(await open(await sealFor(sealKey, 'a', 'two'), 'a')).toBe('two');
  });
});
