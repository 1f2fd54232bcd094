/** The core of tus-js-client, without its ways to read files, to keep addresses and to send: those are ours. */
declare module 'tus-js-client/lib/upload.js' {
  export interface Answer {
    getStatus(): number;
    getHeader(name: string): string | undefined;
    getBody(): string;
  }
  export interface Failure extends Error {
    originalResponse?: Answer | null;
  }
  export default class BaseUpload {
    constructor(file: Blob, options: { [option: string]: unknown });
    start(): void;
    abort(): Promise<void>;
  }
}
