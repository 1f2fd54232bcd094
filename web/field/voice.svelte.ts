import type { Locale } from '../ui/text.ts';

// Read-aloud only by voices that are on the device (R22): a voice from the net
// would hear every item that somebody listens to.
let voices: SpeechSynthesisVoice[] = $state.raw([]);
const load = () => (voices = globalThis.speechSynthesis?.getVoices().filter((v) => v.localService) ?? []);
let looked = false;
/** Looks for them once somebody asks: a cold start does not. */
function look(): void {
  if (looked) return;
  looked = true;
  globalThis.speechSynthesis?.addEventListener('voiceschanged', load);
  queueMicrotask(load);
}

const of = (locale: Locale) => { look(); return voices.find((v) => v.lang.toLowerCase().startsWith(locale)); };

export const voice = {
  /** Whether the device has a voice of its own for a language. */
  there: (locale: Locale): boolean => of(locale) !== undefined,
  /** Reads a text aloud, in place of what is being read. */
  say(text: string, locale: Locale): void {
    const v = of(locale);
    if (!v) return;
    speechSynthesis.cancel();
    const words = new SpeechSynthesisUtterance(text);
    words.voice = v;
    words.lang = v.lang;
    speechSynthesis.speak(words);
  },
  /** Stops; quick exit and lock call it. */
  stop(): void {
    if (looked) globalThis.speechSynthesis?.cancel();
  },
};
