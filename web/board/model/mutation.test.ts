import { describe, expect, test } from 'vitest';
import { changed, opened, read, repaired, wrong } from './mutation.ts';

const kept = (fields: object, op = 'create') => ({ n: 1, stamp: 's', ops: [{ op, collection: 'observations', id: 'a1b2c3d4e5f6g7h', base: 0, fields }] });
const good = { event_time: '2026-01-11T04:55:00.000Z', indicators: [{ indicator: 'core.01', basis: 'saw' }], note: 'a van' };

describe('a refused mutation', () => {
  test('[PUSH-6] as it came it is unchanged, and its ops come out as they went in', () => {
    const ops = opened(kept(good))!;
    expect(changed(ops)).toBe(false);
    expect(repaired(ops)).toEqual(kept(good).ops);
    expect(opened({ n: 1, sealed: 'xyz' })).toBeNull();
    expect(opened({ text: 'no JSON' })).toBeNull();
  });

  test('[PUSH-6] what the schema asks for and is not there is named, and so is what it does not know', () => {
    const [op] = opened(kept({ indicators: [], shoe_size: 44 }))!;
    const of = (name: string) => op!.fields.find((f) => f.name === name)!;
    expect(wrong(of('event_time'), true)).toBe('missing');
    expect(wrong(of('shoe_size'), false)).toBe('strange');
    of('shoe_size').out = true;
    Object.assign(of('event_time'), { out: false, written: '2026-01-11T05:00:00Z' });
    expect([...op!.fields.map((f) => wrong(f, false))]).toEqual(['', '', '']);
    expect(repaired([op!])![0]!['fields']).toEqual({ event_time: '2026-01-11T05:00:00.000Z', indicators: [] });
    expect(changed([op!])).toBe(true);
  });

  test('[PUSH-6] a value of another kind is no value', () => {
    for (const [kind, written] of [['time', 'yesterday'], ['number', 'many'], ['list', '{}'], ['object', '[]'], ['list', '[1'], ['yesno', 'maybe']] as const) {
      expect(read({ kind, written, came: undefined }), `${kind} ${written}`).toBeUndefined();
    }
    for (const [kind, written, value] of [['number', '7', 7], ['number', 'null', null], ['list', '["a"]', ['a']], ['object', 'null', null], ['yesno', 'true', true], ['text', ' as it is ', ' as it is ']] as const) {
      expect(read({ kind, written, came: undefined })).toEqual(value);
    }
    const [op] = opened(kept(good))!;
    op!.fields.find((f) => f.name === 'indicators')!.written = 'no list';
    expect(repaired([op!])).toBeNull();
  });

  test('[PUSH-6] a delete has no fields to put right', () => {
    const ops = opened({ ops: [{ op: 'delete', collection: 'sites', id: 'a1b2c3d4e5f6g7h', base: 4 }] })!;
    expect([changed(ops), repaired(ops)]).toEqual([false, [{ op: 'delete', collection: 'sites', id: 'a1b2c3d4e5f6g7h', base: 4 }]]);
  });
});
