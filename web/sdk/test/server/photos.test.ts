// Photos: the real tus-js-client against the real server over a link that is
// slow and breaks, and a device's photos from the draft to the board.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Upload } from 'tus-js-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../device.ts';
import { openPhoto } from '../../parcels.ts';
import type { NewPhoto } from '../../photos.ts';
import type { Bytes } from '../../wire/bytes.ts';
import { cut, observation, Phone, PIN } from '../support/phone.ts';
import { Installation } from './installation.ts';

/**
 * How many times faster than 50 KB/s the link is. 1 is the whole thing, which
 * takes seven minutes: FIELDPOST_LINK=1 npx vitest run --project server photos
 */
const FASTER = Number(process.env.FIELDPOST_LINK ?? 80);
const RATE = 50_000 * FASTER;
const SIZE = 20_000_000;

let server: Installation;
beforeAll(async () => {
  server = await Installation.start('photos');
  await server.invite();
  await server.command('allow', 'photos', '--organization', 'Night Outreach');
});
afterAll(() => server.stop());

/** A JPEG in form, whose picture is noise; `beside` stands in front of it. */
function picture(size: number, beside: Uint8Array = new Uint8Array()): Bytes {
  const head = [0xff, 0xd8, ...beside, 0xff, 0xc0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 0x3f, 0];
  const out = new Uint8Array(size);
  for (let i = 0, x = size; i < size; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff;
    out[i] = (x >> 16) % 255; // never 0xff
  }
  out.set(head);
  out.set([0xff, 0xd9], size - 2);
  return out;
}
const gps = new Uint8Array([0xff, 0xe1, 0, 16, ...new TextEncoder().encode('Exif\0\0GPS 39.1')].slice(0, 18));
const sum = (b: Uint8Array): string => createHash('sha256').update(b).digest('hex');
const photo = (bytes = picture(5000)): NewPhoto => ({ bytes, kind: 'vehicle', type: 'image/jpeg', raw: sum(new Uint8Array([1])) });

/** A link to the server that lets so many bytes a second up, and breaks after so many. */
class Link {
  private readonly server: Server;
  up = 0;
  cuts: number[] = [];
  broken = 0;

  private constructor(port: number, rate: number) {
    this.server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      const end = (): void => { near.destroy(); far.destroy(); };
      for (const s of [near, far] as Socket[]) s.on('error', end).on('close', end);
      far.pipe(near);
      near.on('data', (piece) => {
        this.up += piece.length;
        if (this.cuts.length > 0 && this.up >= this.cuts[0]!) {
          this.cuts.shift();
          this.broken++;
          far.write(piece.subarray(0, piece.length >> 1), end); // in the middle of a piece
          return;
        }
        near.pause();
        far.write(piece);
        setTimeout(() => near.resume(), (piece.length / rate) * 1000);
      });
    });
  }

  static async to(port: number, rate: number): Promise<Link> {
    const l = new Link(port, rate);
    await new Promise<void>((resolve) => l.server.listen(0, '127.0.0.1', resolve));
    return l;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
  }
}

/** A worker's report, received, and a board that watches. */
async function reported(): Promise<{ worker: Device; phone: Phone; report: string; board: Device }> {
  const phone = new Phone();
  const worker = await phone.enrolled(server.url, await server.invite());
  const board = await new Phone().enrolled(server.url, await server.invite('coordinator'));
  const { ids } = await worker.create('observations', observation());
  await worker.sync();
  return { worker, phone, report: ids[0]!, board };
}

const tokenOf = async (d: Device): Promise<string> => {
  let token = '';
  const inner = d as unknown as { options: { fetch: typeof fetch } };
  const before = inner.options.fetch;
  inner.options.fetch = (async (_: string, init: RequestInit) => { token = (init.headers as Record<string, string>)['Authorization']!; return new Response('{}', { status: 404 }); }) as typeof fetch;
  await d.file('/').catch(() => undefined);
  inner.options.fetch = before;
  return token;
};

/** Uploads as any program does that uses tus-js-client. */
const upload = async (base: string, token: string, id: string, bytes: Uint8Array): Promise<{ retried: number }> => {
  let retried = 0;
  await new Promise<void>((resolve, reject) => {
    new Upload(Buffer.from(bytes) as unknown as File, {
      endpoint: `${base}/api/sync/files`, metadata: { attachment: id }, headers: { Authorization: token }, chunkSize: 1 << 20, retryDelays: [0, 100, 200, 400, 800],
      onShouldRetry: () => { retried++; return true; }, onSuccess: () => resolve(), onError: reject,
    }).start();
  });
  return { retried };
};

test(`[PHOTO-2] [R13] 20 MB over a link of ${RATE / 1000} KB/s that is cut five times arrive whole, by tus-js-client as it stands`, async () => {
  const { worker, report, board } = await reported();
  const bytes = picture(SIZE);
  const { ids } = await worker.create('attachments', { observation: report, kind: 'place', type: 'image/jpeg', bytes: SIZE, sha256: sum(bytes) });
  await worker.sync();
  const link = await Link.to(server.port, RATE);
  link.cuts = [2.1e6, 5.3e6, 9.9e6, 13.7e6, 18.2e6];
  const began = performance.now();
  const { retried } = await upload(link.url, await tokenOf(worker), ids[0]!, bytes);
  const took = (performance.now() - began) / 1000;
  link.close();
  expect(link.broken).toBe(5);
  expect(retried).toBeGreaterThanOrEqual(5);
  expect(link.up).toBeLessThan(SIZE * 1.1); // it went on, and did not begin again
  expect(took).toBeGreaterThan(SIZE / RATE * 0.9);
  await board.sync();
  expect((await board.record('attachments', ids[0]!))!.fields['stored']).not.toBe('');
  const got = new Uint8Array(await (await board.file(`/api/sync/files/${ids[0]!}`)).arrayBuffer());
  expect(sum(got)).toBe(sum(bytes));
}, 900_000);

test('[PHOTO-3] the same client is told that a photo has metadata, and that one is not what its record says', async () => {
  const { worker, report } = await reported();
  const token = await tokenOf(worker);
  for (const [bytes, named, code] of [[picture(4000, gps), sum(picture(4000, gps)), 'photo_has_metadata'], [picture(4000), sum(picture(4001)), 'photo_differs']] as const) {
    const { ids } = await worker.create('attachments', { observation: report, kind: 'place', type: 'image/jpeg', bytes: bytes.length, sha256: named });
    await worker.sync();
    const failed = await new Promise<Error & { originalResponse?: { getBody(): string } }>((resolve, reject) => {
      new Upload(Buffer.from(bytes) as unknown as File, { endpoint: `${server.url}/api/sync/files`, metadata: { attachment: ids[0]! }, headers: { Authorization: token }, onSuccess: () => reject(new Error('taken')), onError: (e) => resolve(e as Error) }).start();
    });
    expect((JSON.parse(failed.originalResponse!.getBody()) as { code: string }).code).toBe(code);
  }
});

test('[PHOTO-6] a photo waits with its draft, its record goes behind the report, its bytes follow, and the board has it', async () => {
  const { worker, phone, board } = await reported();
  const bytes = picture(700_000);
  const id = await worker.keepPhoto('d1', photo(bytes));
  expect((await worker.photos()).map((p) => [p.word, p.draft])).toEqual([['saved', 'd1']]);
  const { ids } = await worker.create('observations', observation(), { draft: 'd1' });
  expect((await worker.outbox('waiting')).map((e) => e.records[0]!.collection)).toEqual(['observations', 'attachments']);
  // Nothing of it goes before its record is there.
  expect(await worker.sendPhotos()).toEqual({ stored: 0, left: 0, code: '' });
  await worker.sync();
  expect((await worker.photos())[0]).toMatchObject({ id, report: ids[0], word: 'waiting' });
  // The link breaks behind the second piece; the report has long been received.
  let sent = 0;
  phone.net.meet = (_, init) => (init.method === 'PATCH' && ++sent > 2 ? cut() : undefined);
  expect(await worker.sendPhotos()).toMatchObject({ stored: 0, code: 'no_server' });
  expect((await worker.status()).received).toBeGreaterThan(0);
  expect((await worker.photos())[0]).toMatchObject({ word: 'waiting', code: 'no_server', part: 74 }); // two of its pieces, as the server has said
  // The phone is locked, and opened again.
  worker.lock();
  phone.net.meet = undefined;
  const again = await phone.open().unlock((await phone.vaults.list())[0]!.id, PIN);
  const before = phone.net.requests.length;
  expect(await again.sendPhotos()).toMatchObject({ stored: 1, code: '' });
  expect(phone.net.requests.slice(before)).toHaveLength(2); // it asked how far it was, and sent the last piece
  expect((await again.photos())[0]).toMatchObject({ word: 'received', code: '', part: 0 });
  await board.sync();
  const [record] = await board.records('attachments').then((all) => all.filter((r) => r.id === id));
  expect(record!.fields).toMatchObject({ observation: ids[0], kind: 'vehicle', raw_sha256: sum(new Uint8Array([1])) });
  expect(sum(new Uint8Array(await (await board.file(`/api/sync/files/${id}`)).arrayBuffer()))).toBe(sum(bytes));
  // What the server lost it gets again, and what it has is not sent twice.
  expect(await again.photoBytes(id)).not.toBeNull();
});

test('[PHOTO-5] [PHOTO-6] a photo that the server has no room for waits, says so, and goes when there is room', async () => {
  const { worker, phone } = await reported();
  await worker.keepPhoto('d1', photo());
  await worker.create('observations', observation(), { draft: 'd1' });
  await worker.sync();
  phone.net.meet = (url, init) => (String(url).includes('/api/sync/files') && init.method !== 'GET'
    ? Response.json({ status: 507, code: 'no_room', message: 'x', hint: 'y', retry: 'later' }, { status: 507 }) : undefined);
  expect(await worker.sendPhotos()).toEqual({ stored: 0, left: 1, code: 'no_room' });
  expect((await worker.photos())[0]).toMatchObject({ word: 'waiting', code: 'no_room' });
  phone.net.meet = undefined;
  expect(await worker.sendPhotos()).toMatchObject({ stored: 1, left: 0 });
  expect((await worker.photos())[0]).toMatchObject({ word: 'received', code: '' });
}, 60_000);

/** All rows of a table of a phone's store. */
async function rowsOf<T>(phone: Phone, table: string): Promise<T[]> {
  const { indexedDB } = await import('fake-indexeddb');
  const db = await new Promise<IDBDatabase>((resolve) => { const r = indexedDB.open(phone.name); r.onsuccess = () => resolve(r.result as unknown as IDBDatabase); });
  const all = await new Promise<T[]>((resolve) => { const r = db.transaction(table).objectStore(table).getAll(); r.onsuccess = () => resolve(r.result as T[]); });
  db.close();
  return all;
}

test('[PHOTO-6] [R10] the bytes of a photo lie sealed and once, and who finds the key open has the picture', async () => {
  const name = 'quartz-photo-canary';
  const bytes = new TextEncoder().encode(name.repeat(40)) as Bytes;
  const found = async (phone: Phone): Promise<string> => {
    const blobs = await rowsOf<{ c: Bytes }>(phone, 'blobs');
    expect(blobs.map((b) => b.c.length)).toEqual([12 + 65_536 + 16]); // its length is not to be seen
    let text = '';
    for (const { c } of await rowsOf<{ c: Bytes }>(phone, 'cells')) {
      text += new TextDecoder().decode(c);
      const key = /"key":"([^"]{43})"/.exec(text)?.[1];
      if (key) text += new TextDecoder().decode((await openPhoto(key, blobs[0]!.c, bytes.length)) ?? new Uint8Array());
    }
    return text + new TextDecoder().decode(blobs[0]!.c);
  };
  const sealed = new Phone();
  await (await sealed.vaults.create(PIN)).keepPhoto('d', photo(bytes));
  expect(await found(sealed)).not.toContain(name);
  const open = new Phone({ sealer: async () => ({ name: (t) => t, seal: async (_, t) => new TextEncoder().encode(t) as Bytes, open: async (_, b) => new TextDecoder().decode(b), close: () => undefined }) });
  await (await open.vaults.create(PIN)).keepPhoto('d', photo(bytes));
  expect(await found(open)).toContain(name);
});

/** A, locked with photos of a report that is done, and B, signed in on the same tablet. */
async function shared(...pictures: Bytes[]): Promise<{ tablet: Phone; vault: string; b: Device; ids: string[]; board: Device }> {
  const tablet = new Phone();
  const a = await tablet.enrolled(server.url, await server.invite(), 'A');
  const ids: string[] = [];
  for (const p of pictures) ids.push(await a.keepPhoto('d', photo(p)));
  tablet.net.meet = cut;
  await a.create('observations', observation(), { draft: 'd' });
  a.lock();
  tablet.net.meet = undefined;
  const b = await tablet.enrolled(server.url, await server.invite(), 'B', '2222');
  return { tablet, vault: a.vault, b, ids, board: await new Phone().enrolled(server.url, await server.invite('coordinator')) };
}

test('[PHOTO-7] [R12] a locked person\'s photo goes up through who is signed in, over a link that breaks, and nothing of it is to be seen there', async () => {
  const bytes = picture(700_000);
  const { tablet, vault, b, ids, board } = await shared(bytes);
  // Its record is not there yet: it waits, and is not tried at once again.
  expect(await b.carryPhotos()).toEqual({ delivered: 0, left: 1 });
  expect((await b.sync()).carried).toMatchObject({ delivered: 2, left: 0 });
  expect(await b.carryPhotos()).toEqual({ delivered: 0, left: 0 });
  tablet.skew = 61_000;
  const sent: Uint8Array[] = [];
  const told: string[] = [];
  tablet.net.meet = async (url, init) => {
    told.push(`${url} ${JSON.stringify(init.headers)}`);
    if (init.method !== 'PATCH') return undefined;
    if (sent.length === 2) return cut();
    sent.push(new Uint8Array(await (init.body as Blob).arrayBuffer()));
    return undefined;
  };
  expect(await b.carryPhotos()).toEqual({ delivered: 0, left: 1 });
  // Somebody else unlocks, and goes on where that one was.
  b.lock();
  const c = await (async () => {
    tablet.net.meet = undefined;
    return tablet.enrolled(server.url, await server.invite(), 'C', '3333');
  })();
  tablet.net.meet = async (url, init) => {
    told.push(`${url} ${JSON.stringify(init.headers)}`);
    if (init.method === 'PATCH') sent.push(new Uint8Array(await (init.body as Blob).arrayBuffer()));
    return undefined;
  };
  expect(await c.carryPhotos()).toEqual({ delivered: 1, left: 0 });
  expect(sent.map((s) => s.length)).toEqual([262_144, 262_144, 196_636]); // each byte once
  const way = Buffer.concat(sent);
  expect(way.includes(Buffer.from(bytes.subarray(300_000, 300_024)))).toBe(false);
  expect(told.join('\n')).not.toContain(ids[0]); // by its id the report could be found
  expect(await c.photos()).toEqual([]);
  await board.sync();
  expect((await board.record('attachments', ids[0]!))!.fields['stored']).not.toBe('');
  expect(sum(new Uint8Array(await (await board.file(`/api/sync/files/${ids[0]!}`)).arrayBuffer()))).toBe(sum(bytes));
  // A comes back, asks, and sends nothing twice.
  c.lock();
  const again = await tablet.open().unlock(vault, PIN);
  await again.sync();
  const before = tablet.net.requests.length;
  expect(await again.sendPhotos()).toMatchObject({ stored: 1, code: '' });
  expect(tablet.net.requests.slice(before)).toEqual([`/api/sync/files/${ids[0]!}`]);
  expect(await again.photos()).toMatchObject([{ word: 'received' }]);
});

test('[PHOTO-7] what is refused for good is carried once, its person is told, and it keeps no other back', async () => {
  const good = picture(4000);
  const { tablet, vault, b, ids, board } = await shared(picture(3000, gps), good);
  await b.sync();
  expect(await b.carryPhotos()).toEqual({ delivered: 1, left: 0 });
  tablet.skew = 7_200_000;
  const before = tablet.net.requests.length;
  expect(await b.carryPhotos()).toEqual({ delivered: 0, left: 0 });
  expect(tablet.net.requests.length).toBe(before);
  await board.sync();
  expect((await board.record('attachments', ids[1]!))!.fields['stored']).not.toBe('');
  b.lock();
  const a = await tablet.open().unlock(vault, PIN);
  await a.sync();
  await a.sendPhotos();
  expect((await a.photos()).map((p) => [p.id, p.word, p.code])).toEqual([[ids[0], 'attention', 'photo_has_metadata'], [ids[1], 'received', '']]);
});

test('[PHOTO-7] [DEV-3] of a vault that wrong PINs have wiped the photos of what is done go up, and a draft\'s is gone', async () => {
  const bytes = picture(5001);
  const { tablet, vault, b, ids, board } = await shared(bytes);
  const a = await tablet.open().unlock(vault, PIN);
  await a.keepPhoto('begun', photo(picture(6000)));
  a.lock();
  expect(await rowsOf(tablet, 'blobs')).toHaveLength(2);
  for (let i = 0; i < 10; i++) {
    await tablet.vaults.unlock(vault, '0000').catch(() => undefined);
    tablet.skew += 400_000;
  }
  expect((await tablet.vaults.list()).map((v) => v.label)).toEqual(['B']);
  expect(await rowsOf(tablet, 'blobs')).toHaveLength(1);
  await b.sync();
  expect(await b.carryPhotos()).toEqual({ delivered: 1, left: 0 });
  await board.sync();
  expect(sum(new Uint8Array(await (await board.file(`/api/sync/files/${ids[0]!}`)).arrayBuffer()))).toBe(sum(bytes));
  // Kept for a server that goes back, and then no longer.
  tablet.skew += 41 * 24 * 3_600_000;
  await tablet.vaults.tidy();
  expect([await rowsOf(tablet, 'blobs'), await rowsOf(tablet, 'parcels')]).toEqual([[], []]);
});

test('[PHOTO-6] [R13] a photo with metadata that gets past the app is refused, needs attention, and holds up nothing', async () => {
  const { worker } = await reported();
  const id = await worker.keepPhoto('d', photo(picture(3000, gps)));
  await worker.create('observations', observation(), { draft: 'd' });
  await worker.sync();
  await worker.sendPhotos();
  expect((await worker.photos())[0]).toMatchObject({ word: 'attention', code: 'photo_has_metadata' });
  await worker.create('observations', observation('later'));
  await worker.sync();
  expect(await worker.status()).toMatchObject({ waiting: 0, attention: 0 });
  expect((await readdir(join(server.dir, 'uploads'))).includes(id)).toBe(false);
  await worker.dropPhoto(id);
  expect(await worker.photos()).toEqual([]);
});

test('[PHOTO-1] [PHOTO-6] where the organization takes no photos the report is received and the photo needs attention', async () => {
  const worker = await new Phone().enrolled(server.url, await server.invite('worker', 'Cautious Outreach'));
  const id = await worker.keepPhoto('d', photo());
  const { ids } = await worker.create('observations', observation(), { draft: 'd' });
  await worker.sync();
  expect((await worker.record('observations', ids[0]!))!.word).toBe('received');
  expect(await worker.photos()).toMatchObject([{ id, word: 'attention', code: 'not_allowed' }]);
  // Allowed after all: the same photo goes.
  await server.command('allow', 'photos', '--organization', 'Cautious Outreach');
  await worker.photoAgain(id);
  await worker.sync();
  expect(await worker.sendPhotos()).toMatchObject({ stored: 1 });
  expect(await worker.photos()).toMatchObject([{ word: 'received' }]);
  expect((await worker.status())).toMatchObject({ attention: 0, waiting: 0 });
  expect((await readFile(join(server.dir, 'media', sum(picture(5000)).slice(0, 2), sum(picture(5000))))).length).toBe(5000);
});

test('[PHOTO-6] photos of a draft go with it: dropped with the draft, and never with a report about oneself', async () => {
  const { worker } = await reported();
  await worker.keepDraft('a', {});
  await worker.keepPhoto('a', photo());
  await worker.keepPhoto('b', photo());
  await worker.dropDraft('a');
  expect((await worker.photos()).map((p) => p.draft)).toEqual(['b']);
  const list = (await worker.checklists('en'))[0]!;
  await worker.create('submissions', { checklist: list.id, version: list.version, event_time: '2026-01-11T04:55:00.000Z', answers: {}, about: 'self' }, { draft: 'b' });
  expect(await worker.photos()).toEqual([]);
  expect((await worker.outbox('waiting')).map((e) => e.records.map((r) => r.collection))).toEqual([['submissions']]);
});
