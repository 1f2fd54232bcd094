// Pokes on the realtime topic, and pulls that wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../client.mjs';
import { hotel, outreach, owner, pause, place, seen } from './common.mjs';

// listen opens PocketBase's event stream and gives its events one by one.
async function listen(at) {
  const ended = new AbortController();
  const answer = await fetch(`${at.url}/api/realtime`, { headers: { Accept: 'text/event-stream' }, signal: ended.signal });
  assert.equal(answer.status, 200);
  const events = [];
  let wake = () => {};
  const read = (async () => {
    let text = '';
    for await (const chunk of answer.body) {
      text += Buffer.from(chunk).toString('utf8');
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const event = {};
        for (const line of text.slice(0, end).split('\n')) {
          const colon = line.indexOf(':');
          event[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
        }
        events.push(event);
        text = text.slice(end + 2);
        wake();
      }
    }
  })().catch((err) => { if (!ended.signal.aborted) throw err; });
  const next = async (ms) => {
    const until = Date.now() + ms;
    while (!events.length && Date.now() < until) {
      await Promise.race([new Promise((resolve) => { wake = resolve; }), pause(Math.min(50, Math.max(1, until - Date.now())))]);
    }
    return events.shift();
  };
  const first = await next(10_000);
  assert.equal(first?.event, 'PB_CONNECT');
  const { clientId } = JSON.parse(first.data);
  return {
    next,
    subscribe: (token, ...subscriptions) => send(at.url, 'POST', '/api/realtime', { token, body: { clientId, subscriptions } }),
    close: async () => { ended.abort(); await read; },
  };
}

test('[LIVE-1] a poke comes after the commit, without content, to whom it matters and to nobody else', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  const other = await at.enrol('worker', outreach);
  const streams = [];
  try {
    for (const d of [boss, other]) {
      await d.pull();
      const stream = await listen(at);
      streams.push(stream);
      const answer = await stream.subscribe(d.token, 'sync');
      assert.equal(answer.status, 204, answer.text);
    }
    await streams[0].next(300); // of what came before
    await streams[1].next(1);
    const id = phone.create('observations', seen());
    await phone.push();
    const poke = await streams[0].next(10_000);
    assert.equal(poke?.event, 'sync');
    assert.equal(poke.data, '{}');
    await boss.pull();
    assert.ok(boss.state.view[`observations/${id}`], 'what was poked for is there');
    assert.equal(await streams[1].next(600), undefined, 'another worker sees nothing of it');

    // A burst is one poke, or few.
    for (let i = 0; i < 10; i++) {
      phone.create('observations', seen());
      await phone.push();
    }
    await pause(400);
    let pokes = 0;
    while (await streams[0].next(300)) pokes++;
    assert.ok(pokes >= 1 && pokes < 10, `${pokes} pokes`);
  } finally {
    for (const s of streams) await s.close();
  }
});

test('[LIVE-2] whole collections are not to be subscribed to, and managers have no sync', async () => {
  const at = await place();
  const boss = await at.enrol('coordinator', outreach);
  const manager = await at.enrol('manager', owner, hotel);
  const stream = await listen(at);
  try {
    for (const topic of ['observations', 'observations/*', 'triage/*']) {
      const answer = await stream.subscribe(boss.token, topic);
      assert.equal(answer.status, 403, `${topic}: ${answer.text}`);
      assert.ok(answer.body.code && answer.body.hint && answer.body.retry, answer.text);
    }
    const answer = await stream.subscribe(manager.token, 'sync');
    assert.equal(answer.status, 403);
    assert.equal(answer.body.code, 'not_allowed');
  } finally {
    await stream.close();
  }
  await manager.pull();
  const from = Date.now();
  assert.equal((await manager.pullOnce({ wait: 25 })).status, 200);
  assert.ok(Date.now() - from < 5_000, 'wait counts as 0');
});

test('[PULL-6] a pull that waits is held until something changes, and no longer than it asked for', async () => {
  const at = await place();
  const phone = await at.enrol('worker', outreach);
  const boss = await at.enrol('coordinator', outreach);
  await phone.pull();
  await boss.pull();
  let from = Date.now();
  const nothing = await boss.pullOnce({ wait: 1 });
  assert.ok(Date.now() - from >= 900);
  assert.deepEqual([nothing.body.changes, nothing.body.more, nothing.body.reset], [[], false, false]);

  from = Date.now();
  const held = boss.pullOnce({ wait: 20 });
  await pause(300);
  const id = phone.create('observations', seen());
  await phone.push();
  const answer = await held;
  assert.ok(Date.now() - from < 15_000);
  assert.ok(answer.body.changes.some((c) => c.id === id));
  // What is there already is given at once.
  from = Date.now();
  assert.ok((await boss.pullOnce({ wait: 20 })).body.changes.length > 0);
  assert.ok(Date.now() - from < 10_000);
});
