// The page on which people sign in, set their ways in up, and see where they
// are signed in. It builds its elements one by one: no text of anybody's is
// ever read as HTML.
import { language, otherLanguage, said, t } from './words.js';

const TOKEN = 'session', KNOWN = 'known';
const main = document.querySelector('#main');
const api = '/api/fieldpost';

// el makes an element: attributes that are functions listen, null is left out.
function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) {
    if (typeof v === 'function') e.addEventListener(k, v);
    else if (v !== null && v !== false) e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return e;
}

class Refused extends Error {
  constructor(answer) {
    super(answer.message);
    this.code = answer.code;
    this.hint = answer.hint;
    this.wait = answer.wait;
  }
}

async function ask(method, path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const token = localStorage.getItem(TOKEN);
  if (token) headers.Authorization = token;
  let res, answer;
  try {
    res = await fetch(path.startsWith('/api/') ? path : api + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store', credentials: 'omit' });
    answer = await res.json();
  } catch {
    throw new Refused({ message: t('noServer'), hint: t('tryAgain') });
  }
  if (!res.ok) {
    if (res.status === 401 && token && ['The session has ended.', "This access is neither a device's nor a session's.", 'Nobody is signed in.'].includes(answer.message)) forget();
    throw new Refused({ ...answer, wait: Number(res.headers.get('Retry-After')) });
  }
  return answer;
}
const post = (path, body = {}) => ask('POST', path, body);

function forget() { localStorage.removeItem(TOKEN); }

// show replaces what is on the page, and says so to who does not see it.
let again = () => start();
function show(title, ...content) {
  document.documentElement.lang = language();
  document.title = title;
  document.querySelector('#language').textContent = t('language');
  document.querySelector('#place').textContent = location.host;
  main.replaceChildren(el('h1', {}, title), ...content.flat().filter(Boolean));
  (main.querySelector('input, button.main') ?? main).focus();
}

function complain(error, form) {
  main.querySelector('.wrong')?.remove();
  const wait = error.wait > 0 ? ` (${Math.ceil(error.wait / 60)} min)` : '';
  const box = el('p', { class: 'wrong', role: 'alert' }, el('strong', {}, said(error.message) + wait), error.hint ? said(error.hint) : null);
  (form ?? main.querySelector('h1')).before(box);
  form?.querySelector('input')?.focus();
}

// form makes a form that calls `does` with its values, once at a time.
function form(fields, label, does, ...more) {
  let busy = false;
  const f = el('form', {
    submit: async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      try {
        await does(Object.fromEntries(new FormData(f)));
      } catch (error) {
        complain(error, f);
      }
      busy = false;
    },
  }, fields, el('button', { class: 'main' }, label), more);
  return f;
}
const field = (name, label, attributes = {}, help) => el('label', {}, label, help ? el('span', { class: 'detail' }, ' ', help) : null, el('input', { name, required: true, ...attributes }));
const button = (label, does, kind = '') => el('button', {
  type: 'button', class: kind,
  click: async () => { try { await does(); } catch (error) { complain(error, main.querySelector('form')); } },
}, label);

// Bytes of WebAuthn go as base64url.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const hasPasskeys = () => 'credentials' in navigator && 'PublicKeyCredential' in window;

async function createPasskey(options) {
  const o = options.publicKey;
  const made = await navigator.credentials.create({
    publicKey: { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: (o.excludeCredentials ?? []).map((c) => ({ ...c, id: bytes(c.id) })) },
  }).catch(() => null);
  if (!made) throw new Refused({ message: t('passkeyFailed'), hint: t('tryAgain') });
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, authenticatorAttachment: made.authenticatorAttachment ?? undefined, clientExtensionResults: {},
    response: { clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject), transports: made.response.getTransports?.() ?? [] },
  };
}

async function withPasskey(after = '') {
  const { ticket, options } = await post('/signin/passkey');
  const o = options.publicKey;
  const got = await navigator.credentials.get({ publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: [] } }).catch(() => null);
  if (!got) throw new Refused({ message: t('passkeyFailed'), hint: t('tryAgain') });
  await enter(await post('/signin/passkey/confirm', {
    ticket, after,
    credential: {
      id: got.id, rawId: text(got.rawId), type: got.type, clientExtensionResults: {},
      response: { clientDataJSON: text(got.response.clientDataJSON), authenticatorData: text(got.response.authenticatorData), signature: text(got.response.signature), userHandle: text(got.response.userHandle) },
    },
  }));
}

// enter keeps the session and shows what is to be seen once.
async function enter(answer) {
  if (answer.token) {
    localStorage.setItem(TOKEN, answer.token);
    localStorage.setItem(KNOWN, answer.known);
  }
  if (answer.recovery?.length) return recoveryCodes(answer.recovery);
  await home();
}

function start() {
  again = start;
  show(t('title'),
    form([
      field('email', t('email'), { type: 'email', autocomplete: 'username webauthn' }),
      field('password', t('password'), { type: 'password', autocomplete: 'current-password' }),
    ], t('go'), async (v) => second(await post('/signin', { ...v, known: localStorage.getItem(KNOWN) ?? '' })),
    hasPasskeys() ? button(t('usePasskey'), () => withPasskey()) : null,
    button(t('haveCode'), () => setUp(''), 'plain')),
    el('div', { class: 'stack', id: 'providers' }));
  providers(t('with'));
}

function second(step) {
  again = () => second(step);
  const recovery = step.recovery || !step.methods.includes('totp');
  const other = { ...step, recovery: !recovery };
  show(t('second'),
    step.methods.includes('totp') || step.methods.includes('recovery') ? form(
      recovery ? [field('recovery', t('recovery'), { autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })]
        : [field('code', t('code'), { inputmode: 'numeric', autocomplete: 'one-time-code', class: 'code', maxlength: 7 })],
      t('go'), async (v) => enter(await post('/signin/second', { ticket: step.ticket, ...v })),
      step.methods.includes('passkey') ? button(t('usePasskey'), () => withPasskey(step.ticket)) : null,
      recovery && !step.methods.includes('totp') || !recovery && !step.methods.includes('recovery') ? null : button(recovery ? t('useApp') : t('useRecovery'), () => second(other), 'plain'),
      button(t('back'), start, 'plain')) : button(t('usePasskey'), () => withPasskey(step.ticket), 'main'));
}

// setUp takes a link's code, which came behind the #, or an invite's.
function setUp(link) {
  again = () => setUp(link);
  show(t('setTitle'), el('p', {}, t('setHelp')), form([
    link ? null : field('given', t('given'), { autocomplete: 'off', spellcheck: 'false' }),
    field('email', t('email'), { type: 'email', autocomplete: 'username', required: !link }, link ? t('emailKept') : null),
    field('password', t('newPassword'), { type: 'password', autocomplete: 'new-password', minlength: 12, maxlength: 200 }, t('passwordHelp')),
  ].filter(Boolean), t('go'), async (v) => {
    const code = (link || v.given).trim().replace(/^.*#(set=|invite=|i=)?/, '');
    const isLink = link !== '' || /^[a-z2-9]{20}$/.test(code);
    const step = await post('/signin/setup', { [isLink ? 'link' : 'invite']: code, email: v.email, password: v.password });
    history.replaceState(null, '', location.pathname);
    if (step.step === 'second') second(step); else factor(step);
  }, button(t('back'), start, 'plain')));
}

function factor(step) {
  again = () => factor(step);
  show(t('factorTitle'), el('p', {}, t('factorHelp')), el('div', { class: 'stack' },
    button(t('app'), () => app(step), 'main'),
    step.methods.includes('passkey') && hasPasskeys() ? button(t('passkey'), () => newPasskey(step)) : null));
}

function picture(rows) {
  const ns = 'http://www.w3.org/2000/svg', edge = 4, n = rows.length + 2 * edge;
  const svg = document.createElementNS(ns, 'svg'), path = document.createElementNS(ns, 'path');
  svg.setAttribute('viewBox', `0 0 ${n} ${n}`);
  svg.setAttribute('class', 'qr');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'QR');
  svg.setAttribute('shape-rendering', 'crispEdges');
  path.setAttribute('fill', '#000');
  path.setAttribute('d', rows.map((row, y) => [...row].map((c, x) => (c === '1' ? `M${x + edge} ${y + edge}h1v1h-1z` : '')).join('')).join(''));
  svg.append(path);
  return svg;
}

async function app(step) {
  const totp = await post('/signin/setup/totp', { ticket: step.ticket });
  again = () => app(step);
  show(t('appTitle'), el('p', {}, t('appHelp')), picture(totp.qr), el('p', {}, t('key'), ': ', el('code', { id: 'secret' }, totp.secret.match(/.{1,4}/g).join(' '))),
    form([field('code', t('code'), { inputmode: 'numeric', autocomplete: 'one-time-code', class: 'code', maxlength: 7 })], t('confirm'),
      async (v) => enter(await post('/signin/setup/totp/confirm', { ticket: step.ticket, code: v.code })),
      button(t('back'), () => factor(step), 'plain')));
}

function newPasskey(step) {
  again = () => newPasskey(step);
  show(t('passkey'), el('p', {}, t('passkeyHelp')), form([field('name', t('passkeyName'), { maxlength: 60, required: false, autocomplete: 'off' })], t('go'), async (v) => {
    const options = await post('/signin/setup/passkey', { ticket: step.ticket });
    await enter(await post('/signin/setup/passkey/confirm', { ticket: step.ticket, name: v.name, credential: await createPasskey(options) }));
  }, button(t('back'), () => factor(step), 'plain')));
}

function recoveryCodes(codes) {
  again = () => recoveryCodes(codes);
  show(t('codesTitle'), el('p', {}, t('codesHelp')), el('ol', { class: 'codes' }, codes.map((c) => el('li', {}, c))), el('div', { class: 'stack' },
    button(t('codesDone'), home, 'main'), button(t('print'), () => window.print())));
}

async function home() {
  again = home;
  let me;
  try {
    me = await ask('GET', '/signin/account');
  } catch (error) {
    if (localStorage.getItem(TOKEN)) throw error;
    start();
    return complain(error);
  }
  const day = (iso) => new Date(iso).toLocaleDateString(language());
  const hour = (iso) => new Date(iso).toLocaleString(language(), { weekday: 'short', hour: 'numeric' });
  show(t('home'), el('p', {}, me.email), el('p', {}, el('a', { class: 'button', href: '/board' }, t('board'))),
    el('h2', {}, t('ways')),
    el('ul', { class: 'rows', id: 'ways' },
      me.totp ? el('li', {}, el('span', {}, t('hasApp'))) : null,
      me.passkeys.map((k) => el('li', {}, el('span', {}, k.name, el('small', {}, `${t('passkey')}, ${t('since')} ${day(k.added)}`)))),
      el('li', {}, el('span', {}, `${me.recoveryLeft} ${t('left')}`))),
    button(t('change'), () => changeGate(me)),
    el('h2', {}, t('sessions')), el('p', { class: 'detail' }, t('endHelp')),
    el('ul', { class: 'rows', id: 'sessions' }, me.sessions.map((s) => el('li', {},
      el('span', {}, s.browser + (s.id === me.current ? ` (${t('here')})` : ''), el('small', {}, `${t('method')[s.method] ?? s.method}, ${t('since')} ${day(s.began)}, ${t('used')} ${hour(s.used)}`)),
      s.id === me.current ? null : button(t('end'), async () => { await ask('DELETE', `/sessions/${s.id}`); await home(); })))),
    button(t('out'), async () => { await ask('DELETE', '/sessions/current'); forget(); start(); }),
    el('div', { class: 'stack', id: 'providers' }));
  providers(t('link'));
}

function changeGate(me) {
  again = () => changeGate(me);
  show(t('change'), el('p', {}, t('changeHelp')), form([
    el('input', { type: 'hidden', name: 'email', autocomplete: 'username', value: me.email }),
    field('password', t('password'), { type: 'password', autocomplete: 'current-password' }),
  ], t('go'), async (v) => change(await post('/signin/change', { password: v.password }), me), button(t('back'), home, 'plain')));
}

function change(step, me) {
  again = () => change(step, me);
  const passkeys = step.methods.includes('passkey') && hasPasskeys();
  show(t('changeTitle'), el('div', { class: 'stack' },
    button(t('newApp'), () => app(step)),
    passkeys ? button(t('addPasskey'), () => newPasskey(step)) : null,
    button(t('newCodes'), async () => enter(await post('/signin/setup/recovery', { ticket: step.ticket }))),
    button(t('changePassword'), () => newPassword(step, me)),
    me.passkeys.map((k) => button(`${t('remove')}: ${k.name}`, async () => enter(await post('/signin/setup/passkey/remove', { ticket: step.ticket, passkey: k.id })))),
    button(t('back'), home, 'plain')));
}

function newPassword(step, me) {
  again = () => newPassword(step, me);
  show(t('changePassword'), form([field('password', t('newPassword'), { type: 'password', autocomplete: 'new-password', minlength: 12, maxlength: 200 }, t('passwordHelp'))], t('go'),
    async (v) => enter(await post('/signin/setup/password', { ticket: step.ticket, password: v.password })), button(t('back'), () => change(step, me), 'plain')));
}

// Providers of OAuth2 are there only when somebody has configured them; the
// browser goes to them when a person presses, and not before.
const RETURN = 'provider';
async function providers(label) {
  const methods = await ask('GET', '/api/collections/users/auth-methods').catch(() => null);
  const list = methods?.oauth2?.enabled ? methods.oauth2.providers : [];
  document.querySelector('#providers')?.replaceChildren(...list.map((p) => button(`${label} ${p.displayName || p.name}`, () => {
    sessionStorage.setItem(RETURN, JSON.stringify({ name: p.name, state: p.state, verifier: p.codeVerifier }));
    location.assign(p.authURL + encodeURIComponent(`${location.origin}/signin`));
  })));
}

async function returned(query) {
  const sent = JSON.parse(sessionStorage.getItem(RETURN) ?? 'null');
  sessionStorage.removeItem(RETURN);
  history.replaceState(null, '', location.pathname);
  if (!sent || sent.state !== query.get('state')) return begin();
  const answer = await post('/api/collections/users/auth-with-oauth2', { provider: sent.name, code: query.get('code'), codeVerifier: sent.verifier, redirectURL: `${location.origin}/signin` });
  if (answer.ticket) second(answer); else await home();
}

const begin = () => (localStorage.getItem(TOKEN) ? home() : start());

document.querySelector('#language').addEventListener('click', () => { otherLanguage(); again(); });

async function open() {
  const code = location.hash.replace(/^#(set=)?/, '');
  const query = new URLSearchParams(location.search);
  if (code) setUp(code);
  else if (query.has('code') && query.has('state')) await returned(query);
  else await begin();
}
window.addEventListener('hashchange', () => { if (location.hash) open(); });
open().catch((error) => { start(); complain(error); });
