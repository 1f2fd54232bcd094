/// <reference path="./upload.d.ts" />
/** Hands the bytes of a photo in with tus-js-client, over the device's own network: in pieces, going on where a broken link left off. */
import Upload, { type Answer, type Failure } from 'tus-js-client/lib/upload.js';
import type { PhotoReport, Ready } from '../photos.ts';

/** Small enough for a bad link to get one through, large enough not to cost a round trip each second. */
const CHUNK = 256 << 10;
/** How long one piece may take, ms. */
const WITHIN = 120_000;
const RETRIES = [0, 1000, 3000, 5000];

/** How often bytes that arrive as others are sent again from the start. */
const TRIES = 2;
/** When what is carried is tried again that was not taken now, ms. */
const AGAIN_AFTER = 60_000;
const AGAIN_AT_MOST = 3_600_000;
/** Refusals that another try does not help. */
const lasting = [400, 404, 413, 415, 422];

/** By what it goes. Nothing of the library is imported here, so that this stays a file apart. */
interface Way {
  fetch: typeof fetch;
  aborted(): Error;
  signal: AbortSignal;
}

/** What is about who hands in, and not about a photo. */
const ownTrouble = ['unauthenticated', 'token_expired', 'device_revoked', 'not_allowed'];

/** What it needs of a device. */
export interface Handing extends Way {
  ready(): Promise<Ready[]>;
  bytes(id: string): Promise<Uint8Array<ArrayBuffer> | null>;
  set(id: string, change: { phase?: 'waiting' | 'stored' | 'parked'; code?: string; fails?: number; seq?: number }): Promise<void>;
  to(): Promise<{ url: string; token: string }>;
  /** The server has this much of a hundred of a photo. */
  progress(id: string, part: number): void;
}

/** Hands in what is ready, one after the other. */
export async function handInAll(h: Handing): Promise<PhotoReport> {
  const report: PhotoReport = { stored: 0, left: 0, code: '' };
  const tried = new Set<string>();
  for (;;) {
    const ready = await h.ready();
    const next = ready.find((p) => !tried.has(p.id));
    report.left = ready.length;
    if (!next || h.signal.aborted) return report;
    const { id } = next;
    tried.add(id);
    const bytes = await h.bytes(id);
    if (bytes?.length !== next.size) {
      await h.set(id, { phase: 'parked', code: 'store_damaged' });
      continue;
    }
    try {
      const seq = await handIn(h, await h.to(), id, new Blob([bytes], { type: next.type }), {}, (part) => h.progress(id, part));
      await h.set(id, { phase: 'stored', code: '', seq });
      report.stored++;
    } catch (err) {
      if (!(err instanceof NotHanded)) throw err;
      report.code = err.code || 'no_server';
      const refused = err.code !== '' && lasting.includes(err.status);
      const anew = err.code === 'photo_differs' && next.fails + 1 < TRIES;
      await h.set(id, { code: report.code, ...(refused && { fails: next.fails + 1, phase: anew ? 'waiting' : 'parked' }) });
      if (!refused) return report;
    }
  }
}

/** What lies of others' photos on this device, as it is handed in. */
export interface Carrying extends Way {
  parcels: readonly { k: string; head: string; code: string }[];
  to(): Promise<{ url: string; token: string }>;
  bytes(k: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  note(k: string, change: { delivered?: number; code: string; notBefore?: number }): Promise<unknown>;
  now(): number;
}

/**
 * Hands in the photos of others, each as it lies, one after the other. What is
 * refused for good is not sent again: its own person is told when they unlock.
 */
export async function carryAll(h: Carrying): Promise<{ delivered: number; left: number }> {
  const report = { delivered: 0, left: 0 };
  for (const [i, { k, head, code: before }] of h.parcels.entries()) {
    const bytes = await h.bytes(k);
    let code = 'store_damaged';
    try {
      if (bytes) {
        await handIn(h, await h.to(), head.split('.')[1]!, new Blob([bytes]), { 'Fieldpost-Carried': head });
        code = '';
        report.delivered++;
      }
    } catch (err) {
      if (!(err instanceof NotHanded)) throw err;
      if (!err.code || ownTrouble.includes(err.code) || h.signal.aborted) return { ...report, left: h.parcels.length - i };
      ({ code } = err);
      if (err.status === 404 || !lasting.includes(err.status)) { // its record is not there yet, no room, a fault
        report.left++;
        await h.note(k, { code, notBefore: h.now() + (code === before ? AGAIN_AT_MOST : AGAIN_AFTER) });
        continue;
      }
    }
    await h.note(k, { delivered: h.now(), code });
  }
  return report;
}

/** A refusal of the server: a code of the protocol. '' where no answer, or none of ours, came. */
class NotHanded extends Error {
  constructor(readonly status: number, readonly code: string, cause: unknown) {
    super(code || 'no answer', { cause });
  }
}

/** Gives the version of the photo's record once its bytes are stored; 0 where the server does not say it. */
function handIn(h: Way, to: { url: string; token: string }, id: string, photo: Blob, beside: Record<string, string>, progress: (part: number) => void = () => undefined): Promise<number> {
  const files = `${to.url}/api/sync/files`;
  const { size } = photo;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      void upload.abort();
      reject(h.aborted());
    };
    const done = (settle: () => void): void => {
      h.signal.removeEventListener('abort', end);
      settle();
    };
    const upload = new Upload(photo, {
      protocol: 'tus-v1', endpoint: files, uploadUrl: `${files}/${id}`, metadata: { attachment: id }, headers: { Authorization: to.token, ...beside },
      chunkSize: CHUNK, retryDelays: RETRIES, parallelUploads: 1, storeFingerprintForResuming: false, fingerprint: async () => null,
      httpStack: { createRequest: (method: string, url: string) => new Request(h, method, url) },
      fileReader: { openFile: async () => ({ size, close: () => undefined, slice: async (from: number, to: number) => ({ value: photo.slice(from, to), done: to >= size }) }) },
      onChunkComplete: (_: number, there: number) => progress(Math.floor((100 * there) / size)),
      onSuccess: ({ lastResponse }: { lastResponse: Answer }) => done(() => resolve(Number(lastResponse.getHeader('Fieldpost-Seq') ?? 0) || 0)),
      onError: (err: Failure) => done(() => reject(refusal(err))),
    });
    if (h.signal.aborted) return end();
    h.signal.addEventListener('abort', end, { once: true });
    upload.start();
  });
}

function refusal(err: Failure): NotHanded {
  const answer = err.originalResponse;
  let code = '';
  try {
    code = String((JSON.parse(answer?.getBody() ?? '') as { code?: unknown }).code ?? '');
  } catch {
    // A portal's page, or nothing.
  }
  return new NotHanded(answer?.getStatus() ?? 0, code, err);
}

/** What tus-js-client sends by. */
class Request {
  private readonly headers: Record<string, string> = {};
  private readonly ending = new AbortController();

  constructor(private readonly h: Way, private readonly method: string, private readonly url: string) {}

  getMethod(): string { return this.method; }
  getURL(): string { return this.url; }
  setHeader(name: string, value: string): void { this.headers[name] = value; }
  getHeader(name: string): string | undefined { return this.headers[name]; }
  setProgressHandler(): void { /* a piece is small: it is counted when it is there */ }
  async abort(): Promise<void> { this.ending.abort(); }
  getUnderlyingObject(): null { return null; }

  async send(body: Blob | null): Promise<Answer> {
    const res = await this.h.fetch(this.url, {
      method: this.method, headers: this.headers, signal: AbortSignal.any([this.ending.signal, this.h.signal, AbortSignal.timeout(WITHIN)]),
      redirect: 'manual', credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer', ...(body ? { body } : {}),
    });
    const text = await res.text();
    return { getStatus: () => res.status, getHeader: (name) => res.headers.get(name) ?? undefined, getBody: () => text };
  }
}
