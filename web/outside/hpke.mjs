// HPKE (RFC 9180), base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM:
// one message to one key, by WebCrypto alone.
import { webcrypto } from 'node:crypto';

const { subtle } = webcrypto;
const text = (s) => Buffer.from(s, 'utf8');
const nothing = Buffer.alloc(0);
const kem = Buffer.concat([text('KEM'), Buffer.from([0x00, 0x10])]);
const suite = Buffer.concat([text('HPKE'), Buffer.from([0x00, 0x10, 0x00, 0x01, 0x00, 0x02])]);

async function hmac(key, data) {
  // WebCrypto takes no empty key; HMAC pads with zeros anyway.
  const imported = await subtle.importKey('raw', key.length ? key : Buffer.alloc(32), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return Buffer.from(await subtle.sign('HMAC', imported, data));
}

const extract = (id, salt, label, secret) => hmac(salt, Buffer.concat([text('HPKE-v1'), id, text(label), secret]));

// expand gives at most one block of HKDF, which is all that is needed here.
async function expand(id, key, label, info, length) {
  const head = Buffer.from([length >> 8, length & 255]);
  const block = await hmac(key, Buffer.concat([head, text('HPKE-v1'), id, text(label), info, Buffer.from([1])]));
  return block.subarray(0, length);
}

/**
 * Seals plain for who holds the key's private half.
 *
 * @param {Uint8Array} publicKey uncompressed point, 65 bytes
 * @returns {Promise<Buffer>} the encapsulated key (65 bytes), then the ciphertext with its tag
 */
export async function seal(publicKey, info, aad, plain) {
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  const theirs = await subtle.importKey('raw', publicKey, curve, false, []);
  const ours = await subtle.generateKey(curve, true, ['deriveBits']);
  const encapsulated = Buffer.from(await subtle.exportKey('raw', ours.publicKey));
  const shared = Buffer.from(await subtle.deriveBits({ name: 'ECDH', public: theirs }, ours.privateKey, 256));

  const mixed = await extract(kem, nothing, 'eae_prk', shared);
  const secret = await expand(kem, mixed, 'shared_secret', Buffer.concat([encapsulated, publicKey]), 32);
  const context = Buffer.concat([
    Buffer.from([0]),
    await extract(suite, nothing, 'psk_id_hash', nothing),
    await extract(suite, nothing, 'info_hash', text(info)),
  ]);
  const root = await extract(suite, secret, 'secret', nothing);
  const key = await expand(suite, root, 'key', context, 32);
  const nonce = await expand(suite, root, 'base_nonce', context, 12);
  const aes = await subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
  const cipher = await subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: text(aad) }, aes, text(plain));
  return Buffer.concat([encapsulated, Buffer.from(cipher)]);
}
