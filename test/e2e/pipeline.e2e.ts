// The page for whoever runs it, in a real browser.

import { suite, test } from 'node:test';
import type { Page } from 'playwright-core';
import { healthy } from '../gateway/rig.ts';
import { assertAccessible, dashboard, isLive, keep, wide } from './dashboard.ts';

suite('the page of the pipeline', { timeout: 300_000 }, () => {
  const one = dashboard({ hours: 1 });
  const ready = async (page: Page): Promise<void> => {
    await isLive(page);
    await page.locator('.parts li').nth(4).waitFor();
    await page.locator('.course polyline').first().waitFor({ state: 'attached' });
  };

  test('shows how it fares, in light and dark, wide and on a phone', async () => {
    await one.looks('pipeline', '/pipeline', ready);
  });

  test('tells lag, losses and quantiles as /metrics has them', async () => {
    await one.open('/pipeline', { viewport: wide }, async (page) => {
      await ready(page);
      const figure = (name: string) => page.locator('.figures > div').filter({ hasText: name });
      await figure('derive of market.trades').filter({ hasText: '12' }).waitFor();
      await figure('uptime').filter({ hasText: '1 d' }).waitFor();
      await figure('log on disk').filter({ hasText: '123 MB' }).waitFor();
      await figure('database on disk').filter({ hasText: '4.56 GB' }).waitFor();
      await figure('dead letters').filter({ hasText: 'bad-price 3' }).waitFor();
    });
  });

  test('shows what is wrong with a part, in words', async () => {
    const detail = 'no trade for 40 s, connecting again in 8 s';
    one.plant.health = { ...healthy, feeds: { coinbase: { state: 'degraded', detail } } };
    await one.open('/pipeline', { viewport: wide, colorScheme: 'dark' }, async (page) => {
      await page.getByText(detail).waitFor();
      await page.locator('.course polyline').first().waitFor({ state: 'attached' });
      await keep(page, 'pipeline-degraded');
      await assertAccessible(page);
    });
    one.plant.health = healthy;
  });
});
