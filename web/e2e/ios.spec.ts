// What the app says where a browser does not promise to keep anything, and on
// iOS. This is Chromium under another name: nobody has tried a real one yet.
import { expect, test } from '@playwright/test';
import { Phone } from './rig/phone.ts';
import { Server } from './rig/server.ts';
import { looked } from './rig/state.ts';

let server: Server;
test.beforeAll(async () => { server = await Server.start(); });
test.afterAll(() => server.stop());

const iPhone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';
const mac = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';

for (const [device, agent, touch] of [['an iPhone', iPhone, 5], ['an iPad, which calls itself a Mac', mac, 5]] as const) {
  test(`[R10] in a browser on ${device}: onto the home screen before anything is set up, and the code is taken along`, async () => {
    const code = await server.invite();
    const phone = await new Phone(server.url).on(`/#invite=${code}`, async (page) => {
      const cdp = await page.context().newCDPSession(page);
      await cdp.send('Emulation.setUserAgentOverride', { userAgent: agent });
      await cdp.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: touch });
    });
    try {
      const { page } = phone;
      if (process.env.FIELDPOST_E2E_LANGUAGE === 'es') await phone.spanish();
      await expect(phone.says('ios.title')).toBeVisible();
      await expect(page.getByText(code)).toBeVisible();
      await expect(page.getByRole('textbox')).toHaveCount(0);
      await looked(phone, 'ios');
      // Whoever cannot do it is not kept out.
      await phone.button('ios.here').click();
      await phone.enrol();
      expect(phone.errors).toEqual([]);
    } finally {
      await phone.browser.kill();
    }
  });
}

test('[R10] a Mac with a mouse is asked for nothing, nor is what was opened from a home screen', async () => {
  const code = await server.invite();
  const desk = await new Phone(server.url).on(`/#invite=${code}`, async (page) => {
    await (await page.context().newCDPSession(page)).send('Emulation.setUserAgentOverride', { userAgent: mac });
  });
  await expect(desk.button('enrol.look')).toBeVisible();
  await expect(desk.says('ios.title')).toHaveCount(0);
  await desk.browser.kill();
  const phone = await new Phone(server.url).on(`/#invite=${code}`, async (page) => {
    await (await page.context().newCDPSession(page)).send('Emulation.setUserAgentOverride', { userAgent: iPhone });
    await page.addInitScript(() => Object.defineProperty(navigator, 'standalone', { value: true }));
  });
  await expect(phone.button('enrol.look')).toBeVisible();
  await expect(phone.says('ios.title')).toHaveCount(0);
  await phone.browser.kill();
});

test('[R10] [R4] a browser that does not promise to keep it: Home says so until it does, and other screens do not', async () => {
  const phone = new Phone(server.url);
  phone.browser.keeps = false;
  await phone.on(`/#invite=${await server.invite()}`);
  try {
    const { page } = phone;
    await phone.setUp();
    await expect(phone.banner).toContainText(phone.t('fault.storage'));
    await looked(phone, 'fault-storage');
    await phone.button('set.keep.ask').click();
    await expect(phone.banner).toContainText(phone.t('fault.storage.no'));
    await phone.stop();
    await expect(phone.banner).toHaveCount(0);
    await phone.button('back').click();
    await (await page.context().newCDPSession(page)).send('Browser.grantPermissions', { permissions: ['durableStorage'] });
    await phone.button('set.keep.ask').click();
    await expect(phone.banner).toHaveCount(0);
    await phone.button('settings').click();
    await expect(page.getByText(`${phone.t('set.keep')}: ${phone.t('set.keep.yes')}`)).toBeVisible();
    expect(phone.errors).toEqual([]);
  } finally {
    await phone.browser.kill();
  }
});
