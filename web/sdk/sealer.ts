/**
 * What turns the rows of a vault into cells that tell nothing, and back. A cell
 * has a name, an HMAC of what it is, and content, AES-256-GCM of the row, bound
 * to that name. Content is padded, so that its length tells little.
 */
import { damaged } from './errors.ts';
import { base64url, hmacSha256, text as fromUtf8, utf8, type Bytes } from './wire/bytes.ts';

export interface Sealer {
  /** The name that stands for a text: the same text the same name, and nothing else to be seen. */
  name(text: string): string;
  seal(name: string, plain: string): Promise<Bytes>;
  /** Throws `store_damaged` for what is not that cell's. */
  open(name: string, sealed: Bytes): Promise<string>;
  /** Forgets the keys. */
  close(): void;
}

const ivLength = 12;
const padTo = 64;

/** A sealer for a vault's data key (32 bytes, which the caller may wipe afterwards). */
export async function vaultSealer(dataKey: Bytes): Promise<Sealer> {
  const material = await crypto.subtle.importKey('raw', dataKey, 'HKDF', false, ['deriveKey', 'deriveBits']);
  const use = (info: string): HkdfParams => ({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info: utf8(info) });
  let cells: CryptoKey | undefined = await crypto.subtle.deriveKey(use('vault cells'), material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const names = new Uint8Array(await crypto.subtle.deriveBits(use('vault names'), material, 256));
  const key = (): CryptoKey => {
    if (!cells) throw damaged(new Error('the keys of the vault are gone'));
    return cells;
  };
  return {
    name: (text) => base64url(hmacSha256(names, text).subarray(0, 18)),
    async seal(name, plain) {
      const bytes = utf8(plain);
      // Blanks after JSON are JSON.
      const padded = new Uint8Array(Math.ceil((bytes.length + 1) / padTo) * padTo).fill(0x20);
      padded.set(bytes);
      const iv = crypto.getRandomValues(new Uint8Array(ivLength));
      const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(name) }, key(), padded));
      const out = new Uint8Array(ivLength + sealed.length);
      out.set(iv);
      out.set(sealed, ivLength);
      return out;
    },
    async open(name, sealed) {
      try {
        return fromUtf8(await crypto.subtle.decrypt(
          { name: 'AES-GCM', iv: sealed.subarray(0, ivLength), additionalData: utf8(name) }, key(), sealed.subarray(ivLength)));
      } catch (err) {
        throw damaged(err);
      }
    },
    close() {
      cells = undefined;
      names.fill(0);
    },
  };
}
