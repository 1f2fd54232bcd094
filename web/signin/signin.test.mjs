// The page in a real Chromium, against the real program: set-up by invite,
// password and code, passkey with a virtual authenticator, recovery code,
// sessions, and the page's policy. Run: node --test web/signin (after npm ci in
// web). Chromium is the one named in FIELDPOST_CHROMIUM, or Debian's.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

const top = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fieldpost-signin-'));
const binary = join(folder, 'fieldpost'), data = join(folder, 'data');
const password = 'four brown horses at the gate';
let server, browser, url;

before(async () => {
  execFileSync('go', ['build', '-o', binary, '.'], { cwd: top, stdio: 'inherit' });
  server = spawn(binary, ['serve', '--dir', data, '--http', '127.0.0.1:0', '--admin-http', 'off'], { stdio: ['ignore', 'pipe', 'inherit'] });
  url = await new Promise((done, failed) => {
    let out = '';
    server.stdout.on('data', (d) => {
      out += d;
      const found = /up at http:\/\/127\.0\.0\.1:(\d+)/.exec(out);
      if (found) done(`http://localhost:${found[1]}/signin`);
    });
    server.on('exit', () => failed(new Error(`the server ended: ${out}`)));
  });
  browser = await chromium.launch({ executablePath: process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
});

after(async () => {
  await browser?.close();
  server?.removeAllListeners('exit');
  if (server?.exitCode === null) await new Promise((done) => { server.on('exit', done); server.kill(); });
  rmSync(folder, { recursive: true, force: true });
});

const command = (...args) => execFileSync(binary, [...args, '--dir', data], { encoding: 'utf8' });
const invite = () => JSON.parse(command('invite', 'make', '--role', 'coordinator', '--organization', 'Outreach', '--json')).invite;

function code(secret, steps = 0) {
  const bits = [...secret.replaceAll(' ', '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const sum = createHmac('sha1', key).update(counter).digest();
  const at = sum[19] & 15;
  return String((sum.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, '0');
}

// page opens a browser of its own person, with what went wrong in it.
async function page(locale = 'en-US') {
  const context = await browser.newContext({ locale, viewport: { width: 390, height: 844 } });
  const p = await context.newPage();
  p.wrong = [];
  p.on('pageerror', (e) => p.wrong.push(String(e)));
  p.on('console', (m) => { if (m.type() === 'error' && !/status of 40[13]|status of 429/.test(m.text())) p.wrong.push(m.text()); });
  p.on('request', (r) => { if (new URL(r.url()).host !== new URL(url).host) p.wrong.push(`asks ${r.url()}`); });
  return p;
}

async function authenticator(p) {
  const cdp = await p.context().newCDPSession(p);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
}

const title = (p, text) => p.getByRole('heading', { level: 1, name: text }).waitFor({ timeout: 15_000 });
const press = (p, name) => p.getByRole('button', { name, exact: true }).click();

let keisha, secret, codes;

test('[SIGNIN] an invite, a password and an authenticator app give a sign-in; recovery codes are shown once', async () => {
  keisha = await page();
  const answer = await keisha.goto(url);
  assert.match(answer.headers()['content-security-policy'], /default-src 'none'/);
  await title(keisha, 'Sign in');
  await press(keisha, 'I have an invite or a link');
  await keisha.getByLabel('Your invite or link').fill(invite());
  await keisha.getByLabel('E-mail').fill('keisha@example.org');
  await keisha.getByLabel('New password').fill(password);
  await press(keisha, 'Go on');
  await title(keisha, 'Choose the second step');
  await press(keisha, 'Authenticator app');
  await title(keisha, 'Add it to your authenticator app');
  await keisha.locator('svg.qr').waitFor();
  secret = await keisha.locator('#secret').textContent();
  await keisha.getByLabel('Code of').fill('000000');
  await press(keisha, 'Confirm');
  await keisha.getByRole('alert').waitFor();
  await keisha.getByLabel('Code of').fill(code(secret));
  await press(keisha, 'Confirm');
  await title(keisha, 'Your recovery codes');
  codes = await keisha.locator('ol.codes li').allTextContents();
  assert.equal(new Set(codes).size, 10);
  await press(keisha, 'I have written them down');
  await title(keisha, 'Your sign-in');
  assert.match(await keisha.locator('#ways').textContent(), /10 recovery codes left/);
  assert.deepEqual(keisha.wrong, []);
});

test('[SIGNIN] a passkey is added after the password was said again, and then opens by itself', async () => {
  await authenticator(keisha);
  await press(keisha, 'Change ways in');
  await keisha.getByLabel('Password').fill(password);
  await press(keisha, 'Go on');
  await press(keisha, 'Add a passkey');
  await keisha.getByLabel('A name for it').fill('My laptop');
  await press(keisha, 'Go on');
  await title(keisha, 'Your sign-in');
  assert.match(await keisha.locator('#ways').textContent(), /My laptop/);
  await press(keisha, 'Sign out');
  await title(keisha, 'Sign in');
  await press(keisha, 'Use a passkey');
  await title(keisha, 'Your sign-in');
  await press(keisha, 'Sign out');
  await title(keisha, 'Sign in');
  await keisha.getByLabel('E-mail').fill('keisha@example.org');
  await keisha.getByLabel('Password').fill(password);
  await press(keisha, 'Go on');
  await title(keisha, 'Second step');
  await press(keisha, 'Use a passkey'); // as the second factor
  await title(keisha, 'Your sign-in');
  assert.deepEqual(keisha.wrong, []);
});

test('[ENROL-1] who is signed in sets up the board in this browser without a code; who is not is asked to sign in', async () => {
  const stranger = await page();
  await stranger.goto(url.replace('/signin', '/board'));
  await stranger.getByRole('link', { name: 'Or sign in first, with your password or passkey' }).waitFor();
  assert.equal(await stranger.getByRole('button', { name: 'Set up as this person' }).count(), 0);
  await keisha.getByRole('link', { name: 'Open the board' }).click();
  await keisha.getByText('keisha@example.org').waitFor();
  await press(keisha, 'Set up as this person');
  await keisha.getByLabel('A passphrase or PIN for this browser').fill('six dry stones');
  await keisha.getByLabel('The same again').fill('six dry stones');
  await press(keisha, 'Set up');
  await title(keisha, 'Queue');
  const people = command('people', 'list', '--json').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(people.length, 1, 'the device is a further one of the same person');
  assert.deepEqual(keisha.wrong, []);
  await keisha.goto(url);
  await title(keisha, 'Your sign-in');
  await stranger.context().close();
});

test('[SIGNIN] a wrong password is said in words, a recovery code opens, and one session ends another', async () => {
  const other = await page();
  await other.goto(url);
  await other.getByLabel('E-mail').fill('keisha@example.org');
  await other.getByLabel('Password').fill('not the right password');
  await press(other, 'Go on');
  await other.getByText('That did not fit.').waitFor();
  await other.getByLabel('Password').fill(password);
  await press(other, 'Go on');
  await title(other, 'Second step');
  await press(other, 'Use a recovery code');
  await other.getByLabel('Recovery code').fill(codes[0].toUpperCase());
  await press(other, 'Go on');
  await title(other, 'Your sign-in');
  assert.match(await other.locator('#ways').textContent(), /9 recovery codes left/);
  assert.equal(await other.locator('#sessions li').count(), 2);
  await press(other, 'End');
  await other.waitForFunction(() => document.querySelectorAll('#sessions li').length === 1);
  await keisha.reload();
  await title(keisha, 'Sign in');
  await keisha.getByText('The session has ended.').waitFor();
  assert.deepEqual([other.wrong, keisha.wrong], [[], []]);
});

test('[SIGNIN] in Spanish, by a one-time link, with a passkey alone', async () => {
  const person = JSON.parse(command('people', 'list', '--json').trim().split('\n')[0]).id;
  command('people', 'reset-second-factor', person, '--reason', 'lost the phone');
  const link = JSON.parse(command('people', 'password', person, '--json')).link;
  const p = await page('es-MX');
  await authenticator(p);
  await p.goto(url + link.slice(link.indexOf('#')));
  await title(p, 'Prepare su entrada');
  assert.equal(await p.evaluate(() => document.documentElement.lang), 'es');
  await p.getByLabel('Contraseña nueva').fill('nueve gansos grises en el lago');
  await press(p, 'Seguir');
  await title(p, 'Elija el segundo paso');
  assert.equal(await p.evaluate(() => location.hash), '');
  await press(p, 'Llave de acceso');
  await press(p, 'Seguir');
  await title(p, 'Sus códigos de recuperación');
  await press(p, 'Ya los anoté');
  await title(p, 'Su entrada');
  assert.equal(await p.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), true);
  assert.deepEqual(p.wrong, []);
});
