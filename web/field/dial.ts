import { app } from './app.svelte.ts';

/** Opens the phone's dialler; a test puts its own here, so that none ever opens (R24). */
export const line = {
  open: (address: string): void => {
    location.href = address;
  },
};

/** Calls a number, or opens a text to it that begins with `text`. Practice does neither. */
export function dial(number: string, text = ''): void {
  if (app.session?.practice) return;
  const digits = number.replace(/[^0-9+]/g, '');
  line.open(text ? `sms:${digits}?&body=${encodeURIComponent(text)}` : `tel:${digits}`);
}
