// What a cold start shows first: the lock screen as it stood last, drawn before
// the app is read. What is pressed in it is not lost: model/early.ts, which
// keeps the picture, presses it again in the app. The page holds this script and
// the style itself (vite.config.ts); what it would have loaded at once stands in
// data-app and data-loads.
import type { Early, Picture } from './model/early.ts';

const early: Early = (globalThis.early = { pressed: [], held: false });
const { app, loads } = document.currentScript!.dataset;

function go(failed?: () => void): void {
  for (const href of loads!.split(' ')) {
    document.head.append(Object.assign(document.createElement('link'), href.endsWith('.js') ? { rel: 'modulepreload', href } : { rel: 'preload', as: 'fetch', crossOrigin: '', href }));
  }
  void import(/* @vite-ignore */ app!).catch((err) => { failed?.(); throw err; });
}

try {
  if (location.hash) throw 0; // somebody comes with a code
  const picture = JSON.parse(localStorage.getItem('picture')!) as Picture;
  const root = document.documentElement;
  root.lang = picture.lang;
  Object.assign(root.dataset, picture.data);
  document.title = picture.title;
  document.body.insertAdjacentHTML('afterbegin', picture.html);
  const drawn = (early.drawn = document.body.firstElementChild!);
  const buttons = [...drawn.querySelectorAll('button')];
  const dots = drawn.querySelectorAll('.dots i');
  const erase = drawn.querySelector('.pad > :last-child')!;
  let full = 0;
  const press = (what: number | string, key: string): void => {
    early.pressed.push(what);
    if (/^\d$/.test(key)) dots[full++]?.classList.add('in');
    else if (key === 'Backspace') dots[full && --full]?.classList.remove('in');
    erase.ariaDisabled = String(!full);
  };
  onclick = ({ target }) => {
    const b = (target as Element).closest('button');
    if (b) press(buttons.indexOf(b), b === erase ? 'Backspace' : b.textContent);
  };
  onkeydown = ({ key }) => press(key, key);
  onpointerdown = () => void (early.held = true);
  onpointerup = onpointercancel = () => void (early.held = false);
  // A link that broke while the app came: the pad must not look as if it worked.
  const failed = (): void => {
    const button = Object.assign(document.createElement('button'), { className: 'btn btn-main btn-wide', textContent: picture.again });
    button.onclick = () => location.reload();
    drawn.querySelector('.pad')!.replaceWith(button);
  };
  // Before the app is asked for, the picture is painted.
  requestAnimationFrame(() => setTimeout(() => go(failed)));
} catch {
  go(); // nobody has been here, or the picture is spoiled: the app draws
}
