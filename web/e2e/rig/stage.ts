// A server, the way to it, and one phone that was given a code.
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
