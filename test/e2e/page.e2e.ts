// The page in a real browser, over a gateway with a generated market. It keeps screenshots of what
// it sees in test/e2e/screenshots, to be looked at.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { systemClock } from '../../src/base/clock.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { listen } from '../../src/gateway/listener.ts';
import { GeneratedMarket } from '../gateway/generated-market.ts';
import { MemoryHistory } from '../gateway/memory-history.ts';
import { MemoryLog } from '../gateway/memory-log.ts';
import { healthy } from '../gateway/rig.ts';

const screenshots = join(import.meta.dirname, 'screenshots');
const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];
const wide = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };

class Plant {
  readonly #log = new MemoryLog();
  readonly history = new MemoryHistory(this.#log);
  readonly market = new GeneratedMarket(this.#log, 7);
  readonly #stopped = new AbortController();
  #isQuiet = false;
  #gateway: Gateway | null = null;
  #port = 0;

  get url(): string {
    return this.#gateway?.url ?? '';
  }

  async start(): Promise<void> {
    const registry = new Registry();
    this.#gateway = await startGateway({
      listener: await listen({ host: '127.0.0.1', port: this.#port }),
      log: this.#log,
      history: this.history,
      stored: this.history.stored,
      registry,
      metricsText: () => registry.metrics(),
      health: async () => healthy,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    });
    this.#port = Number(new URL(this.url).port);
  }

  async stop(): Promise<void> {
    await this.#gateway?.close();
  }

  /** Trades come, ten times a second, until `end`. */
  async run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await systemClock.wait(100, this.#stopped.signal);
      if (!this.#isQuiet) await this.market.tick(systemClock.now(), 10);
    }
  }

  quiet(isQuiet: boolean): void {
    this.#isQuiet = isQuiet;
  }

  end(): void {
    this.#stopped.abort();
  }
}

suite('the page', { timeout: 120_000 }, () => {
  const plant = new Plant();
  let browser: Browser;
  let running: Promise<void>;

  before(async () => {
    mkdirSync(screenshots, { recursive: true });
    await plant.market.past(systemClock.now(), 12);
    await plant.history.persistAll();
    await plant.start();
    running = plant.run();
    browser = await chromium.launch({ executablePath: browserPath, args: flags });
  });

  after(async () => {
    await browser?.close();
    plant.end();
    await running;
    await plant.stop();
  });

  /** Any error in the page's console fails the test, unless it is expected. */
  async function open(
    path: string,
    options: BrowserContextOptions,
    look: (page: Page) => Promise<void>,
    expected = /^$/,
  ): Promise<void> {
    const page = await browser.newPage(options);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      const isBad = message.type() === 'error' || message.type() === 'warning';
      if (isBad && !expected.test(message.text())) errors.push(message.text());
    });
    await page.goto(`${plant.url}/${path}`);
    await look(page);
    await page.close();
    assert.deepEqual(errors, []);
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, viewport] of [
      ['wide', wide],
      ['phone', phone],
    ] as const) {
      test(`shows all markets and one symbol, ${colorScheme} and ${name}`, async () => {
        const shot = (view: string) => ({
          path: join(screenshots, `${view}-${colorScheme}-${name}.png`),
          fullPage: name === 'phone',
        });
        await open('', { viewport, colorScheme }, async (page) => {
          await page.locator('.status[data-state=live]').waitFor();
          await page.locator('tbody tr:not(.skeleton)').nth(9).waitFor();
          assert.equal(await page.locator('tbody .c-last').filter({ hasText: /\d/ }).count(), 10);
          await assertNoSidewaysScroll(page);
          await page.screenshot(shot('markets'));
        });
        await open('#NVDA', { viewport, colorScheme }, async (page) => {
          await page.locator('.legend').filter({ hasText: 'O ' }).waitFor();
          await page.locator('.tape li:visible').nth(9).waitFor();
          await page.locator('.quote-bid b').filter({ hasText: /\d/ }).waitFor();
          await assertNoSidewaysScroll(page);
          await page.screenshot(shot('symbol'));
        });
      });
    }
  }

  test('moves with the market, and nothing in it shifts', async () => {
    await open('', { viewport: wide }, async (page) => {
      await page.locator('tbody tr:not(.skeleton)').nth(9).waitFor();
      await page.locator('.status[data-state=live]').waitFor();
      await page.evaluate(`
        globalThis.shifts = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) globalThis.shifts += entry.value;
        }).observe({ type: 'layout-shift' });
      `);
      const text = (): Promise<string> => page.locator('tbody').innerText();
      const first = await text();
      while ((await text()) === first) await page.waitForTimeout(50);
      await page.waitForTimeout(1_500);
      assert.equal(await page.evaluate('globalThis.shifts'), 0);
    });
  });

  test('sorts by a column, and says by which', async () => {
    await open('', { viewport: wide }, async (page) => {
      await page.locator('tbody tr:not(.skeleton)').nth(9).waitFor();
      await page.getByRole('button', { name: 'Last' }).click();
      assert.equal(await page.locator('th.c-last').getAttribute('aria-sort'), 'descending');
      const symbols = await page.locator('tbody .c-symbol b').allInnerTexts();
      await page.getByRole('button', { name: 'Last' }).click();
      const reversed = await page.locator('tbody .c-symbol b').allInnerTexts();
      assert.deepEqual(reversed, symbols.toReversed());
    });
  });

  test('is used by keyboard alone', async () => {
    await open('', { viewport: wide }, async (page) => {
      await page.locator('tbody a').first().focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'AMZN' }).waitFor();
      await page.keyboard.press('3');
      await page.locator('button[aria-pressed=true]').filter({ hasText: '5m' }).waitFor();
      assert.match(page.url(), /#AMZN\/5m$/);
      await page.keyboard.press('Escape');
      await page.locator('tbody tr:not(.skeleton)').nth(9).waitFor();
    });
  });

  test('loads older candles as one pans back', async () => {
    await open('#AAPL', { viewport: wide }, async (page) => {
      await page.locator('.legend').filter({ hasText: 'O ' }).waitFor();
      const older = page.waitForResponse((response) => response.url().includes('cursor='));
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
      await page.screenshot({ path: join(screenshots, 'symbol-panned.png') });
    });
  });

  test('says that a symbol is unknown, and where the known ones are', async () => {
    await open('#NOPE', { viewport: wide }, async (page) => {
      await page.getByText('no symbol "NOPE"').waitFor();
      await page.screenshot({ path: join(screenshots, 'unknown.png') });
      await page.getByRole('link', { name: 'All markets', exact: true }).click();
      await page.locator('tbody tr:not(.skeleton)').nth(9).waitFor();
    });
  });

  test('says when data stops, and when the server is away, and comes back by itself', async () => {
    const network = /ERR_CONNECTION|WebSocket|Failed to load resource/;
    const look = async (page: Page): Promise<void> => {
      await page.locator('.status[data-state=live]').waitFor();
      plant.quiet(true);
      await page.locator('.status[data-state=stale]').waitFor();
      await page.screenshot({ path: join(screenshots, 'stale.png') });
      await plant.stop();
      await page.locator('.status[data-state=reconnecting]').waitFor();
      await page.screenshot({ path: join(screenshots, 'reconnecting.png') });
      plant.quiet(false);
      await plant.start();
      await page.locator('.status[data-state=live]').waitFor();
    };
    await open('#MSFT', { viewport: wide, colorScheme: 'dark' }, look, network);
  });
});

async function assertNoSidewaysScroll(page: Page): Promise<void> {
  const width = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
  assert.ok(Number(width) <= 0, `${Number(width)} pixels too wide`);
}
