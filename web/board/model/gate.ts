import { explain, UnlockError, Vaults, VERSION, WRONG_LIMIT } from '../../sdk/index.ts';
import { Gate } from '../../ui/gate.svelte.ts';
import { Desk } from './desk.svelte.ts';

/** The board's door: a browser is a device of its own, locked like a phone. */
export const gate = new Gate({ name: 'desk', label: (n) => `${n}`, over: Desk.over, stream: true, library: async () => ({ UnlockError, Vaults, VERSION, WRONG_LIMIT }) });

/** Somebody who is signed in on the web in this browser, with the token of the session, which can enrol a device (ENROL-1). */
export interface SignedIn {
  email: string;
  role: string;
  session: string;
}

/** Who that is; null for nobody, and without a connection. */
export async function signedIn(): Promise<SignedIn | null> {
  const session = localStorage.getItem('session'); // what the page at /signin keeps
  if (!session) return null;
  try {
    const answer = await fetch('/api/fieldpost/signin/account', { headers: { authorization: session }, credentials: 'omit', redirect: 'error' });
    if (!answer.ok) return null;
    const body = (await answer.json()) as { email: string; user: { role: string } };
    return { email: body.email, role: body.user.role, session };
  } catch (err) {
    explain(err); // no connection: a code is asked for as ever
    return null;
  }
}
