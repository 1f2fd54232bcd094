// A server and who is before it: one phone that was given a code, or a board.
import { chromium, type Browser } from '@playwright/test';
import { Board } from './board.ts';
import { Gateway } from './gateway.ts';
import { Phone } from './phone.ts';
import { Server } from './server.ts';

export interface Stage {
  server: Server;
  way: Gateway;
  phone: Phone;
}

export async function stage(): Promise<Stage> {
  const server = await Server.start();
  const way = await Gateway.before(() => server.url);
  return { server, way, phone: await new Phone(way.url).on(`/#invite=${await server.invite()}`) };
}

export async function strike({ server, way, phone }: Stage): Promise<void> {
  await phone.browser.kill();
  await way.stop();
  await server.stop();
}

/** A browser for boards: Debian's, or the one that the environment names. One that `draws` has WebGL, on the processor. */
export const desktop = (draws = false): Promise<Browser> => chromium.launch({
  executablePath: process.env.FIELDPOST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage', ...(draws ? ['--use-angle=swiftshader', '--enable-unsafe-swiftshader'] : ['--disable-gpu'])],
});

export interface Office {
  server: Server;
  browser: Browser;
  board: Board;
}

/** A server and a coordinator's board; `first` is what is there before the board is. */
export async function office(first: (server: Server) => Promise<void> = async () => undefined): Promise<Office> {
  const server = await Server.start();
  await first(server);
  const browser = await desktop();
  return { server, browser, board: await Board.enrolled(browser, server.url, await server.invite('coordinator')) };
}

/** Ends it. `there` is undefined where setting it up failed. */
export async function shutOffice(there: Office | undefined): Promise<void> {
  await there?.browser.close();
  await there?.server.stop();
}
