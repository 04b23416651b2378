// The page of a symbol in a real browser.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { eventually } from '../eventually.ts';
import { ago, assertAccessible, dashboard, isLive, keep, wide } from './dashboard.ts';

const signals = [
  ['price-spike', 'high', 1_500, 'moved 1.4 % within a minute, 6.2 times what is usual'],
  ['volume-anomaly', 'medium', 3_300, 'traded 48,200 in a minute, 5.1 times what is usual'],
  ['volatility', 'low', 5_200, 'swung 2.1 % in a minute, trend down'],
] as const;

function nvidia(): Signal[] {
  return signals.map(([kind, severity, seconds, text], index) => ({
    id: `signal-${index}`,
    kind,
    symbol: 'NVDA',
    time: ago(seconds),
    start: ago(seconds + 60),
    severity,
    state: 'raised',
    revision: 0,
    text,
    values: { percent: '1.4', usual: '0.23' },
  }));
}

suite('the page of a symbol', { timeout: 300_000 }, () => {
  const one = dashboard({ signals: nvidia() });
  const ready = async (page: Page): Promise<void> => {
    await isLive(page);
    await page.locator('.legend dd').first().filter({ hasText: /\d/ }).waitFor();
    await page.locator('.tape tbody tr').nth(9).waitFor();
    await page.locator('.quote b').first().filter({ hasText: /\d/ }).waitFor();
  };

  test('shows it, in light and dark, wide and on a phone', async () => {
    await one.looks('symbol', '/symbols/NVDA?interval=5m', async (page) => {
      await ready(page);
      await page.locator('.signals li').nth(2).waitFor();
    });
  });

  test('draws every interval, by key', async () => {
    await one.open('/symbols/NVDA', { viewport: wide }, async (page) => {
      await ready(page);
      for (const [key, interval] of Object.entries({ 1: '1s', 5: '1h', 7: '1d' })) {
        await page.keyboard.press(key);
        await page.locator('button[aria-pressed=true]').filter({ hasText: interval }).waitFor();
        assert.match(page.url(), new RegExp(`interval=${interval}`));
        await page.locator('.legend dd').first().filter({ hasText: /\d/ }).waitFor();
      }
      await page.waitForTimeout(300);
      await keep(page, 'symbol-days');
    });
  });

  test('draws the averages that are chosen', async () => {
    await one.open('/symbols/NVDA', { viewport: wide }, async (page) => {
      await ready(page);
      await page.getByRole('button', { name: 'Averages' }).click();
      const asked = page.waitForResponse((response) => response.url().includes('bollinger'));
      await page.getByRole('menuitemcheckbox', { name: 'Bollinger' }).click();
      assert.equal((await asked).status(), 200);
      await assertAccessible(page, '[role=menu]');
      await page.keyboard.press('Escape');
      const legend = page.locator('.legend-averages').filter({ hasText: 'Bollinger' });
      await legend.waitFor();
      await keep(page, 'symbol-averages');
    });
  });

  test('loads older candles as one pans back', async () => {
    await one.open('/symbols/AAPL', { viewport: wide }, async (page) => {
      await ready(page);
      const older = page.waitForResponse((response) => /candles.*[?&]to=/.test(response.url()));
      const box = await page.locator('.chart').boundingBox();
      assert.ok(box);
      const y = box.y + box.height / 2;
      for (let drag = 0; drag < 6; drag++) {
        await page.mouse.move(box.x + 60, y);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width - 120, y, { steps: 8 });
        await page.mouse.up();
      }
      assert.equal((await older).status(), 200);
      await page.waitForTimeout(300);
      await keep(page, 'symbol-panned');
    });
  });

  test('says that there is no news, and shows what comes', async () => {
    await one.open('/symbols/AAPL', { viewport: wide }, async (page) => {
      await isLive(page);
      await page.getByText('No news of AAPL.').waitFor();
      const time = ago(60);
      const article = {
        id: '1',
        symbols: ['MSFT', 'AAPL'],
        time,
        received: time,
        title: 'AAPL does well',
        summary: '',
        author: '',
        source: 'Example',
        url: 'https://example.com/1',
        sentiment: '0.5',
        revision: 0,
      };
      await one.plant.market.tape.articles(article, { ...article, id: '2', symbols: ['MSFT'] });
      await page.getByRole('link', { name: 'AAPL does well' }).waitFor();
      assert.equal(await page.locator('.news li').count(), 1);
      await page.locator('.news [data-direction=up]').getByText('0.5').waitFor();
      await keep(page, 'news');
      await assertAccessible(page, '.news');
    });
  });

  test('explains the candle that is clicked, and a signal', async () => {
    await one.open('/symbols/NVDA', { viewport: wide }, async (page) => {
      await ready(page);
      const box = await page.locator('.chart').boundingBox();
      assert.ok(box);
      await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
      await page.getByRole('dialog', { name: /candle of 1m/ }).waitFor();
      await page.locator('.verdict').waitFor();
      await keep(page, 'explain-candle');
      await assertAccessible(page, '[role=dialog]');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /Price spike/ }).click();
      await page.getByRole('dialog').getByText('Definition').waitFor();
      await keep(page, 'explain-signal');
      await assertAccessible(page, '[role=dialog]');
    });
  });

  test('is moved in by arrow keys, and explains by Enter', async () => {
    await one.open('/symbols/NVDA', { viewport: wide }, async (page) => {
      await ready(page);
      await page.locator('.chart').focus();
      one.plant.tradesPerTick = 0;
      await page.waitForTimeout(200);
      const legend = page.locator('.legend');
      const newest = await legend.innerText();
      for (let step = 0; step < 5; step++) await page.keyboard.press('ArrowLeft');
      await eventually(async () => (await legend.innerText()) !== newest, 'an older candle');
      one.plant.tradesPerTick = 10;
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: /candle of 1m/ }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('e');
      await page.locator('.verdict').waitFor();
      await keep(page, 'explain-newest');
    });
  });

  test('says that a symbol is unknown, and where the known ones are', async () => {
    await one.open('/symbols/NOPE', { viewport: wide }, async (page) => {
      await page.getByText('knows no symbol “NOPE”').waitFor();
      await keep(page, 'symbol-unknown');
      await assertAccessible(page);
      await page.getByRole('link', { name: 'All markets' }).click();
      await page.locator('tbody .c-last').nth(9).waitFor();
    });
  });

  test('says when data stops, and when the server is away, and comes back by itself', async () => {
    const expected = /ERR_CONNECTION|WebSocket|Failed to load resource/;
    const options = { viewport: wide, colorScheme: 'dark', expected } as const;
    await one.open('/symbols/MSFT', options, async (page) => {
      await isLive(page);
      one.plant.tradesPerTick = 0;
      await page.locator('.status[data-state=stale]').waitFor();
      await keep(page, 'stale');
      await one.plant.stop();
      await page.locator('.status[data-state=reconnecting]').waitFor();
      await keep(page, 'reconnecting');
      const asked: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      one.plant.tradesPerTick = 10;
      await one.plant.start();
      await isLive(page);
      one.plant.tradesPerTick = 0;
      const answer = await fetch(`${one.plant.url}/api/v1/trades/MSFT?limit=50`);
      const { trades } = (await answer.json()) as { trades: { price: string }[] };
      const told = trades.map(({ price }) => Number(price).toFixed(2)).join();
      const lines = page.locator('.tape tbody td:nth-child(2)');
      const shown = async () => (await lines.allInnerTexts()).join();
      await eventually(async () => (await shown()) === told, shown);
      assert.ok(!asked.includes('/api/v1/trades/MSFT'), 'it went on from its cursor');
      one.plant.tradesPerTick = 10;
    });
  });
});
