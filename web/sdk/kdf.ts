/** From what a person types to a key: Argon2id, in WebAssembly. */
import { argon2id } from 'hash-wasm';
import type { Kdf } from './database.ts';
import type { Bytes } from './wire/bytes.ts';

/** The least that is used, whatever the device: what OWASP names as the minimum for Argon2id. */
export const LEAST: Pick<Kdf, 'memory' | 'iterations'> = { memory: 19 * 1024, iterations: 2 };
const MEMORIES = [64 * 1024, 46 * 1024, 32 * 1024, LEAST.memory]; // KiB
const MOST_ITERATIONS = 8;
/** How long unlocking may take on this device, ms: long for who guesses, short for who knows. */
const TARGET = 500;

/** The key-encrypting key of a secret. A secret is text as typed: composed (NFKC), because keyboards differ. */
export async function deriveKey(secret: string, kdf: Kdf): Promise<CryptoKey> {
  const raw = await argon2id({
    password: secret.normalize('NFKC'), salt: kdf.salt, parallelism: kdf.parallelism, iterations: kdf.iterations, memorySize: kdf.memory,
    hashLength: 32, outputType: 'binary',
  });
  const key = await crypto.subtle.importKey('raw', raw as Bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
  raw.fill(0);
  return key;
}

/**
 * Parameters measured on this device: as much memory and then as many rounds as
 * go into half a second, never less than {@link LEAST}.
 */
export async function measure(): Promise<Pick<Kdf, 'memory' | 'iterations'>> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const run = async (): Promise<number> => {
    const began = performance.now();
    await deriveKey('measure', { name: 'argon2id', memory: LEAST.memory, iterations: 1, parallelism: 1, salt });
    return performance.now() - began;
  };
  await run(); // the first one compiles
  const perKiB = Math.max(await run(), 0.1) / LEAST.memory;
  for (const memory of MEMORIES) {
    const iterations = Math.min(MOST_ITERATIONS, Math.floor(TARGET / (perKiB * memory)));
    if (iterations >= LEAST.iterations) return { memory, iterations };
  }
  return LEAST;
}
