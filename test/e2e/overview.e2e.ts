// The market overview in a real browser.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../eventually.ts';
import { assertAccessible, dashboard, isLive, keep, wide } from './dashboard.ts';

suite('the market overview', { timeout: 300_000 }, () => {
  const one = dashboard();
  const ready = async (page: Page): Promise<void> => {
    await isLive(page);
    await page.locator('tbody .c-last').filter({ hasText: /\d/ }).nth(9).waitFor();
  };

  test('shows all symbols, in light and dark, wide and on a phone', async () => {
    await one.looks('markets', '/', async (page) => {
      await ready(page);
      await page.locator('.spark polyline').nth(9).waitFor();
    });
  });

  test('shows them as a heat map', async () => {
    await one.looks('heat', '/?view=heat', async (page) => {
      await page.locator('.heat li').nth(9).waitFor();
      await page.locator('.heat span').first().waitFor();
    });
  });

  test('moves with the market, and nothing in it shifts', async () => {
    await one.open('/', { viewport: wide }, async (page) => {
      await ready(page);
      await page.locator('.spark polyline').nth(9).waitFor();
      await page.evaluate(`
        globalThis.shifts = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) globalThis.shifts += entry.value;
        }).observe({ type: 'layout-shift' });
      `);
      const text = (): Promise<string> => page.locator('tbody').innerText();
      for (let round = 0; round < 2; round++) {
        const before = await text();
        await eventually(async () => (await text()) !== before, 'a price moves');
      }
      assert.equal(await page.evaluate('globalThis.shifts'), 0);
    });
  });

  test('sorts by a column, says by which, and has it in the address', async () => {
    await one.open('/', { viewport: wide }, async (page) => {
      await ready(page);
      one.plant.tradesPerTick = 0;
      await page.getByRole('link', { name: 'Last', exact: true }).click();
      await page.locator('th.c-last[aria-sort=descending]').waitFor();
      const symbols = await page.locator('tbody .c-symbol b').allInnerTexts();
      await page.getByRole('link', { name: 'Last', exact: true }).click();
      await page.locator('th.c-last[aria-sort=ascending]').waitFor();
      const reversed = await page.locator('tbody .c-symbol b').allInnerTexts();
      one.plant.tradesPerTick = 10;
      assert.deepEqual(reversed, symbols.toReversed());
      assert.match(page.url(), /sort=last/);
    });
  });

  test('filters by text and by direction, and says what to do when nothing is left', async () => {
    await one.open('/', { viewport: wide }, async (page) => {
      await ready(page);
      await page.keyboard.press('f');
      await page.keyboard.type('alpha');
      await page.locator('tbody tr[aria-rowindex]').nth(1).waitFor({ state: 'detached' });
      assert.deepEqual(await page.locator('tbody .c-symbol b').allInnerTexts(), ['GOOGL']);
      await page.keyboard.type('bet?');
      await page.getByText('Nothing matches').waitFor();
      await keep(page, 'markets-nothing');
      await page.getByRole('link', { name: 'Show all symbols' }).click();
      await page.locator('tbody .c-last').nth(9).waitFor();
      await page.getByRole('button', { name: /^Up/ }).click();
      await page.locator('.shown').filter({ hasText: 'shown' }).waitFor();
      const directions = await page
        .locator('tbody tr[aria-rowindex]')
        .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-direction')));
      assert.ok(directions.length > 0 && directions.every((direction) => direction === 'up'));
    });
  });

  test('is used by keyboard alone', async () => {
    await one.open('/', { viewport: wide }, async (page) => {
      await ready(page);
      await page.locator('tbody a').first().focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'AMZN' }).waitFor();
      await page.keyboard.press('m');
      await ready(page);
      await page.keyboard.press('/');
      await page.keyboard.type('micro');
      await page.getByRole('option', { name: 'MSFT' }).waitFor();
      await keep(page, 'search');
      await assertAccessible(page, '[role=listbox]');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'MSFT' }).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Shortcuts' }).waitFor();
      await keep(page, 'shortcuts');
      await assertAccessible(page, '[role=dialog]');
      await page.keyboard.press('Escape');
      // Keys that are pressed in a dialog are the dialog's.
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('p');
      await page.getByRole('heading', { name: 'Pipeline' }).waitFor();
    });
  });

  test('keeps the theme that was chosen', async () => {
    await one.open('/', { viewport: wide, colorScheme: 'light' }, async (page) => {
      await ready(page);
      const ground = (): Promise<unknown> =>
        page.evaluate('getComputedStyle(document.body).backgroundColor');
      const light = await ground();
      await page.getByRole('button', { name: /^Theme/ }).click();
      await page.getByRole('button', { name: 'Theme: light' }).click();
      const dark = await ground();
      assert.notEqual(dark, light);
      await page.reload();
      await ready(page);
      assert.equal(await ground(), dark);
    });
  });
});
