import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { begunAnew, cleared, forget, note, noted } from './here.ts';
import { CLOCK_WRONG, faultOf, LITTLE_ROOM, troubleOf } from './trouble.ts';

const problem = (code: string) => ({ code, message: '', hint: '', at: 1, push: false });
const fine = { problem: null, offset: null, rewound: null, wiping: false };
const phone = { room: undefined, kept: true };

describe('what needs to be said', () => {
  test('[R4] nothing, where nothing is wrong, and where a network fails as networks do', () => {
    expect(faultOf(fine, phone, 0)).toBe('');
    for (const code of ['no_server', 'not_fieldpost', 'busy', 'slow_down', 'token_expired']) expect(faultOf({ ...fine, problem: problem(code) }, phone, 0)).toBe('');
  });

  test('[R4] the gravest alone: what stops the exchange, then what endangers the notes, then what is only to be known', () => {
    const all = { problem: problem('device_revoked'), offset: 2 * CLOCK_WRONG, rewound: { at: 5, notes: 2 }, wiping: true };
    const poor = { room: LITTLE_ROOM - 1, kept: false };
    expect(faultOf(all, poor, 0)).toBe('wiping');
    expect(faultOf({ ...all, wiping: false }, poor, 0)).toBe('revoked');
    expect(faultOf({ ...all, wiping: false, problem: null }, poor, 0)).toBe('full');
    expect(faultOf({ ...all, wiping: false, problem: null }, { ...poor, room: LITTLE_ROOM }, 0)).toBe('clock');
    expect(faultOf({ ...all, wiping: false, problem: null, offset: -CLOCK_WRONG }, { ...poor, room: LITTLE_ROOM }, 0)).toBe('rewound');
    expect(faultOf({ ...all, wiping: false, problem: null, offset: 0 }, { ...poor, room: LITTLE_ROOM }, 5)).toBe('storage');
    expect(faultOf({ ...all, wiping: false, problem: null, offset: 0 }, { room: LITTLE_ROOM, kept: null }, 5)).toBe('');
  });

  test('[EPOCH-3] a server that was set back is said until it was read, and the next time anew', () => {
    expect(faultOf({ ...fine, rewound: { at: 7, notes: 1 } }, phone, 6)).toBe('rewound');
    expect(faultOf({ ...fine, rewound: { at: 7, notes: 1 } }, phone, 7)).toBe('');
    expect(faultOf({ ...fine, rewound: { at: 8, notes: 1 } }, phone, 7)).toBe('rewound');
  });

  test('[R4] a row never says that it goes by itself where only a person can go on', () => {
    expect([null, 'no_server', 'not_fieldpost', 'busy', 'device_revoked', 'bad_signature', 'upgrade_required'].map((c) => troubleOf(c === null ? null : problem(c))))
      .toEqual(['', 'offline', 'portal', 'server', 'stopped', 'stopped', 'stopped']);
  });
});

describe('what a browser has cleared', () => {
  const kept = new Map<string, string>();
  const before = globalThis.localStorage;
  beforeAll(() => Object.assign(globalThis, { localStorage: { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v), removeItem: (k: string) => void kept.delete(k) } }));
  afterAll(() => Object.assign(globalThis, { localStorage: before }));
  beforeEach(() => kept.clear());

  test('[DEV-1] is known by what stands beside the store: how much the server has, and how much it has not', () => {
    note('aaa', { there: 3, lost: 1 });
    note('bbb', { there: 0, lost: 2 });
    expect(cleared([{ id: 'aaa' }, { id: 'bbb' }])).toBe(null);
    expect(cleared([])).toEqual({ there: 3, lost: 3 });
    expect([...kept.values()].join('')).toBe('{"aaa":{"there":3,"lost":1},"bbb":{"there":0,"lost":2}}');
  });

  test('[R10] is not what a person had wiped, nor what was never here, nor what was said already', () => {
    expect(cleared([])).toBe(null);
    note('aaa', { there: 3, lost: 1 });
    forget('aaa');
    expect(noted('aaa')).toBe(false);
    expect(cleared([])).toBe(null);
    note('aaa', { there: 3, lost: 1 });
    note('bbb', { there: 0, lost: 0 });
    begunAnew([{ id: 'bbb' }]);
    expect(noted('aaa')).toBe(false);
    expect(noted('bbb')).toBe(true);
  });

  test('[R11] spoiled, it says nothing', () => {
    kept.set('here', 'not json');
    expect(cleared([])).toBe(null);
    note('aaa', { there: 1, lost: 0 });
    expect(cleared([])).toEqual({ there: 1, lost: 0 });
  });
});
