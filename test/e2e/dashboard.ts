// The dashboard in a real browser, over a gateway with a generated market. What a test sees it
// keeps in test/e2e/screenshots, to be looked at.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { Registry } from '@prometheus-io/client';
import axe from 'axe-core';
import { pino } from 'pino';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { systemClock } from '../../src/base/clock.ts';
import { formatTime } from '../../src/contracts/time.ts';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import type { HealthReport } from '../../src/gateway/health.ts';
import { listen } from '../../src/gateway/listener.ts';
import { pipelineMeters } from '../../src/pipeline/meters.ts';
import { GeneratedMarket } from '../gateway/generated-market.ts';
import { MemoryHistory, noExports } from '../gateway/memory-history.ts';
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
/** Long enough for a machine that has much else to do. */
const timeoutMs = 90_000;
export const wide = { width: 1440, height: 900 };
export const phone = { width: 390, height: 844 };

type Listing = ConstructorParameters<typeof GeneratedMarket>[2];

export interface PlantOptions {
  readonly listing?: Listing;
  /** Of the past. */
  readonly hours?: number;
  readonly signals?: readonly Signal[];
}

class Plant {
  readonly #log = new MemoryLog();
  readonly history = new MemoryHistory(this.#log);
  readonly market: GeneratedMarket;
  readonly #options: PlantOptions;
  readonly #stopped = new AbortController();
  health: HealthReport = healthy;
  tradesPerTick = 10;
  #count: (trades: number) => void = () => undefined;
  #running: Promise<void> | null = null;
  #gateway: Gateway | null = null;
  #port = 0;

  constructor(options: PlantOptions) {
    this.#options = options;
    this.market = new GeneratedMarket(this.#log, 7, options.listing);
  }

  get url(): string {
    return this.#gateway?.url ?? '';
  }

  async fill(): Promise<void> {
    const { hours = 12, signals = [] } = this.#options;
    await this.market.past(systemClock.now(), hours);
    if (signals.length > 0) await this.market.tape.signals(...signals);
    await this.history.persistAll();
    this.#running = this.#run();
  }

  async start(): Promise<void> {
    const registry = new Registry();
    const meters = pipelineMeters(registry);
    this.#count = (trades) => meters.records.inc({ source: 'test', stream: 'trades' }, trades);
    meters.lag.set({ consumer: 'derive', topic: 'market.trades' }, 12);
    meters.deadLetters.inc({ source: 'coinbase', reason: 'bad-price' }, 3);
    for (const seconds of [0.002, 0.003, 0.004, 0.03]) meters.commit.observe(seconds);
    this.#gateway = await startGateway({
      listener: await listen({ host: '127.0.0.1', port: this.#port }),
      shards: [{ log: this.#log, ...this.history.of(0) }],
      history: this.history,
      exports: noExports,
      registry,
      metricsText: () => registry.metrics(),
      health: async () => this.health,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
      compression: false,
    });
    this.#port = Number(new URL(this.url).port);
  }

  async stop(): Promise<void> {
    await this.#gateway?.close();
  }

  async end(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.stop();
  }

  /** Trades come, ten times a second, until `end`. */
  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await systemClock.wait(100, this.#stopped.signal);
      if (this.tradesPerTick === 0) continue;
      await this.market.tick(systemClock.now(), this.tradesPerTick);
      this.#count(this.tradesPerTick);
    }
  }
}

export interface OpenOptions extends BrowserContextOptions {
  /** What the console may say; any other error or warning fails the test. */
  readonly expected?: RegExp;
}

export class Dashboard {
  readonly plant: Plant;
  #browser: Browser | null = null;

  constructor(options: PlantOptions) {
    this.plant = new Plant(options);
  }

  async start(): Promise<void> {
    mkdirSync(screenshots, { recursive: true });
    await this.plant.fill();
    await this.plant.start();
    this.#browser = await chromium.launch({ executablePath: browserPath, args: flags });
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    await this.plant.end();
  }

  async open(
    path: string,
    { expected = /^$/, ...options }: OpenOptions,
    look: (page: Page) => Promise<void>,
  ): Promise<void> {
    assert.ok(this.#browser);
    const page = await this.#browser.newPage(options);
    page.setDefaultTimeout(timeoutMs);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      const isBad = message.type() === 'error' || message.type() === 'warning';
      if (isBad && !expected.test(message.text())) errors.push(message.text());
    });
    await page.goto(`${this.plant.url}${path}`);
    await look(page);
    await page.close();
    assert.deepEqual(errors, []);
  }

  /** In light and dark, wide and on a phone: nothing too wide, nothing that axe finds, and kept. */
  async looks(name: string, path: string, ready: (page: Page) => Promise<void>): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [size, viewport] of Object.entries({ wide, phone })) {
        await this.open(path, { viewport, colorScheme }, async (page) => {
          await ready(page);
          await keep(page, `${name}-${colorScheme}-${size}`);
          await assertNoSidewaysScroll(page);
          await assertAccessible(page);
        });
      }
    }
  }
}

/** A dashboard for the suite it is called in. */
export function dashboard(options: PlantOptions = {}): Dashboard {
  const made = new Dashboard(options);
  before(() => made.start());
  after(() => made.close());
  return made;
}

export async function keep(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

export async function isLive(page: Page): Promise<void> {
  await page.locator('.status[data-state=live]').waitFor();
}

interface AxeRun {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** What lies over the page hides the rest of it from readers, so only that is looked at then. */
export async function assertAccessible(page: Page, within = 'html'): Promise<void> {
  await page.evaluate(axe.source);
  const run = `axe.run(${JSON.stringify(within)})`;
  const { violations } = (await page.evaluate(run)) as AxeRun;
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
  assert.deepEqual(told, []);
}

async function assertNoSidewaysScroll(page: Page): Promise<void> {
  const width = await page.evaluate(
    `Math.max(
      document.documentElement.scrollWidth - innerWidth,
      main.scrollWidth - main.clientWidth,
    )`,
  );
  assert.ok(Number(width) <= 0, `${Number(width)} pixels too wide`);
}

/** So many seconds before now. */
export function ago(seconds: number): string {
  return formatTime(systemClock.now() - seconds * 1e6);
}
