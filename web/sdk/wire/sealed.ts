/** What a sealed part holds: {"ops":[...]}. `ops` is a JSON list as text. */
export const sealedText = (ops: string): string => `{"ops":${ops}}`;

/** What a sealed part is bound to: it opens for this device, n and stamp and for no other. */
export const sealedAAD = (device: string, n: number, stamp: string): string => `${device}:${n}:${stamp}`;
