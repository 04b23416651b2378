// The built client library in a real browser, over a network that is cut.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { chromium } from 'playwright-core';
import type * as library from '../../client/index.ts';
import { buildClient } from '../client/build.ts';
import { Network } from '../client/network.ts';
import { rig } from '../gateway/rig.ts';
import { monday } from '../gateway/tape.ts';

/** A page, and the library beside it. */
async function serve(t: TestContext, folder: string): Promise<string> {
  const server = createServer((request, response) => {
    const isPage = request.url === '/';
    response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript');
    if (isPage) response.end('<!doctype html><link rel="icon" href="data:,">');
    else createReadStream(join(folder, basename(request.url ?? ''))).pipe(response);
  });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('a page gets each trade once and in order, over cuts', async (t) => {
  const [folder, one] = [await buildClient(t), await rig(t)];
  const network = await Network.to(t, one.gateway.url);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(await serve(t, folder));
  const told: string[] = [];
  const { promise: subscribed, resolve: begin } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  await page.exposeFunction('tell', (price: string) => {
    if (price === 'snapshot') begin();
    else if (told.push(price) === 40) end();
  });
  await page.evaluate(async (url) => {
    const path = '/index.js';
    const { connect } = (await import(path)) as typeof library;
    const { tell } = globalThis as unknown as { tell: (price: string) => Promise<void> };
    const trades = connect(url, { random: () => 0 }).subscribe({ stream: 'trades', symbols: '*' });
    void (async () => {
      for await (const message of trades) {
        await tell(message.type === 'trade' ? message.price : message.type);
      }
    })();
  }, network.url);
  await subscribed;
  for (let price = 1; price <= 40; price++) {
    await one.tape.trades({ time: monday + price, price: price * 100 });
    if (price % 10 === 0) network.cut();
  }
  await ended;
  assert.deepEqual(
    told,
    Array.from({ length: 40 }, (_, index) => String(index + 1)),
  );
});
