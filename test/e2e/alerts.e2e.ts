// The page of alerts in a real browser.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Page } from 'playwright-core';
import { severities, signalKinds } from '../../src/contracts/signal.ts';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { ago, assertAccessible, dashboard, isLive, keep, phone, wide } from './dashboard.ts';

const symbols = ['AAPL', 'NVDA', 'TSLA', 'MSFT', 'JPM'];

function alert(index: number, fields: Partial<Signal> = {}): Signal {
  return {
    id: `alert-${index}`,
    kind: signalKinds[index % signalKinds.length],
    symbol: symbols[index % symbols.length],
    time: ago(60 + index * 137),
    start: ago(120 + index * 137),
    severity: severities[(index * 7) % severities.length],
    state: index % 9 === 4 ? 'retracted' : 'raised',
    revision: index % 9 === 4 ? 1 : 0,
    text: `moved ${(1 + index / 100).toFixed(2)} % in a minute, ${index + 2} times what is usual`,
    values: { percent: (1 + index / 100).toFixed(2) },
    ...fields,
  };
}

suite('the page of alerts', { timeout: 300_000 }, () => {
  const signals = Array.from({ length: 200 }, (_, index) => alert(index));
  const one = dashboard({ signals, hours: 1 });
  const rows = '.alert-frame li';
  const ready = async (page: Page): Promise<void> => {
    await page.locator(rows).nth(8).waitFor();
  };

  test('shows them, in light and dark, wide and on a phone', async () => {
    await one.looks('alerts', '/alerts', ready);
  });

  test('filters by severity and symbol, and has it in the address', async () => {
    await one.open('/alerts', { viewport: wide }, async (page) => {
      await ready(page);
      await page.getByRole('button', { name: /^Critical/ }).click();
      await page.getByRole('searchbox', { name: 'Only of the symbol' }).fill('nvda');
      await page
        .locator('.shown')
        .filter({ hasText: /^10 shown/ })
        .waitFor();
      assert.match(page.url(), /severity=critical&symbol=NVDA/);
      await page.reload();
      await page
        .locator('.shown')
        .filter({ hasText: /^10 shown/ })
        .waitFor();
      await page.getByRole('searchbox', { name: 'Only of the symbol' }).fill('nvdax');
      await page.getByText('Nothing matches').waitFor();
      await page.getByRole('link', { name: 'Show all alerts' }).click();
      await ready(page);
    });
  });

  test('puts a new one on top, and takes back what was undone', async () => {
    await one.open('/alerts', { viewport: wide }, async (page) => {
      await ready(page);
      await isLive(page);
      const fresh = alert(777, { time: ago(0), severity: 'critical', text: 'a fresh one' });
      await one.plant.market.tape.signals(fresh);
      await page.locator(rows).first().filter({ hasText: 'a fresh one' }).waitFor();
      await one.plant.market.tape.signals({ ...fresh, state: 'retracted', revision: 1 });
      await page.locator(rows).first().filter({ hasText: 'retracted' }).waitFor();
      assert.equal(await page.getByText('a fresh one').count(), 1);
    });
  });

  test('explains one', async () => {
    await one.open('/alerts', { viewport: phone }, async (page) => {
      await ready(page);
      await page.locator(`${rows} button`).nth(2).click();
      await page.getByRole('dialog').getByText('Definition').waitFor();
      await keep(page, 'explain-phone');
      await assertAccessible(page, '[role=dialog]');
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    });
  });
});

suite('the page of alerts before there are any', { timeout: 300_000 }, () => {
  const one = dashboard({ hours: 0.1 });

  test('says so, and what raises one', async () => {
    await one.open('/alerts', { viewport: wide }, async (page) => {
      await page.getByText('No alerts yet').waitFor();
      await keep(page, 'alerts-none');
      await assertAccessible(page);
    });
  });
});
