// The market overview with as many symbols as a screen full of markets has.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { dashboard, isLive, keep, wide } from './dashboard.ts';

const count = 500;
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const listing = Array.from({ length: count }, (_, index) => {
  const code = [index / 676, index / 26, index].map((part) => letters[Math.floor(part) % 26]);
  return [`${code.join('')}X`, `Company ${index}`, 2_000 + index * 97] as const;
});

suite('the market overview of 500 symbols', { timeout: 300_000 }, () => {
  const one = dashboard({ listing, hours: 0.05 });

  test('draws those in sight, up to the last one, and holds no more while they move', async () => {
    one.plant.tradesPerTick = 200;
    await one.open('/', { viewport: wide }, async (page) => {
      await isLive(page);
      const rows = page.locator('tbody tr[aria-rowindex]');
      await rows.nth(20).waitFor();
      assert.ok((await rows.count()) < 50, `${await rows.count()} rows`);
      assert.equal(await page.locator('table').getAttribute('aria-rowcount'), String(count + 1));
      await page.locator('.grid-frame').evaluate((frame) => frame.scrollTo(0, frame.scrollHeight));
      await page.locator(`tr[aria-rowindex="${count + 1}"]`).waitFor();
      assert.ok((await rows.count()) < 50, `${await rows.count()} rows`);
      await page.locator('tr[aria-rowindex] .spark polyline').nth(20).waitFor();
      const nodes = async (): Promise<number> =>
        Number(await page.evaluate('document.querySelectorAll("*").length'));
      const before = await nodes();
      const shown = async () => (await rows.allInnerTexts()).join();
      const text = await shown();
      await eventually(async () => (await shown()) !== text, 'a price moves');
      assert.equal(await nodes(), before);
      await keep(page, 'many-list');
    });
  });

  test('has a tile for each in the heat map', async () => {
    await one.open('/?view=heat', { viewport: wide }, async (page) => {
      await page
        .locator('.heat li')
        .nth(count - 1)
        .waitFor();
      await page.waitForTimeout(500);
      await keep(page, 'many-heat');
    });
  });
});
