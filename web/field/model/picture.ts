import { hex, sha256 } from '../../sdk/wire/bytes.ts';
import { bare, MAX_EDGE, type Made } from './made.ts';

/**
 * Draws a picked picture anew: what comes out is a picture of what it shows, at
 * most {@link MAX_EDGE} wide or high, and nothing of the file it came from (R13).
 * It fails on what the browser cannot read as a picture.
 */
export async function remake(file: Blob): Promise<Made> {
  const raw = hex(sha256(new Uint8Array(await file.arrayBuffer())));
  const picture = await createImageBitmap(file); // turned as the camera was held
  try {
    const by = Math.min(1, MAX_EDGE / Math.max(picture.width, picture.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(picture.width * by));
    canvas.height = Math.max(1, Math.round(picture.height * by));
    canvas.getContext('2d')!.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const drawn = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.82));
    if (!drawn) throw new Error('photo: the browser drew none');
    return { bytes: bare(new Uint8Array(await drawn.arrayBuffer())), raw };
  } finally {
    picture.close();
  }
}
