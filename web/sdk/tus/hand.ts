/// <reference path="./upload.d.ts" />
/** Hands the bytes of a photo in with tus-js-client, over the device's own network: in pieces, going on where a broken link left off. */
import type { Answer, Failure } from 'tus-js-client/lib/upload.js';
import { aborted } from '../errors.ts';

/** Small enough for a bad link to get one through, large enough not to cost a round trip each second. */
const CHUNK = 256 << 10;
/** How long one piece may take, ms. */
const WITHIN = 120_000;
const RETRIES = [0, 1000, 3000, 5000];

/** A refusal of the server: a code of the protocol. '' where no answer, or none of ours, came. */
export class NotHanded extends Error {
  constructor(readonly status: number, readonly code: string, cause: unknown) {
    super(code || 'no answer', { cause });
  }
}

export interface Handing {
  url: string;
  token: string;
  id: string;
  bytes: Blob;
  fetch: typeof fetch;
  /** Is told how many bytes the server has. */
  at: (bytes: number) => void;
  signal: AbortSignal;
}

/** Gives the version of the photo's record once its bytes are stored; 0 where the server does not say it. */
export async function handIn(h: Handing): Promise<number> {
  const { default: Upload } = await import('tus-js-client/lib/upload.js');
  const files = `${h.url}/api/sync/files`;
  const { size } = h.bytes;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      void upload.abort();
      reject(aborted());
    };
    const done = (settle: () => void): void => {
      h.signal.removeEventListener('abort', end);
      settle();
    };
    const upload = new Upload(h.bytes, {
      protocol: 'tus-v1', endpoint: files, uploadUrl: `${files}/${h.id}`, metadata: { attachment: h.id }, headers: { Authorization: h.token },
      chunkSize: CHUNK, retryDelays: RETRIES, parallelUploads: 1, storeFingerprintForResuming: false, fingerprint: async () => null,
      httpStack: { createRequest: (method: string, url: string) => new Request(h, method, url) },
      fileReader: {
        openFile: async () => ({ size, close: () => undefined, slice: async (from: number, to: number) => ({ value: h.bytes.slice(from, to), done: to >= size }) }),
      },
      onProgress: (at: number) => h.at(at),
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

  constructor(private readonly h: Handing, private readonly method: string, private readonly url: string) {}

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
