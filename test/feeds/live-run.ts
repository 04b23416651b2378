// Runs a live feed in a test: a clock that only the test moves, everything the feed says, and
// waiting for what should become true.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { ManualClock } from '../../src/base/clock.ts';
import { prng } from '../../src/base/prng.ts';
import type { DeadLetter } from '../../src/contracts/dead-letter.ts';
import type { Heartbeat } from '../../src/contracts/heartbeat.ts';
import { formatTime, parseTime } from '../../src/contracts/time.ts';
import {
  type Instrument,
  type Quote,
  quoteAt,
  type Trade,
  tradeAt,
} from '../../src/contracts/wire-objects.ts';
import { type Feed, Intake, type Observations } from '../../src/feeds/feed.ts';
import type { LiveFeedOptions } from '../../src/feeds/live-feed.ts';
import type { ExchangeStandIn, TapeTrade } from './exchange-stand-in.ts';

export class LiveRun {
  readonly clock = new ManualClock(1_790_000_000_000_000);
  readonly feed: Feed;
  readonly intake: Intake;
  readonly trades: Trade[] = [];
  readonly quotes: Quote[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly deadLetters: DeadLetter[] = [];
  readonly instruments: Instrument[] = [];
  /** What the session meant to wait between connections, milliseconds. */
  readonly waits: number[] = [];
  /** How its connections ended. */
  readonly endings: string[] = [];
  readonly stopping = new AbortController();
  readonly done: Promise<void>;
  #consuming: Promise<void> | null = null;

  constructor(
    t: TestContext,
    exchange: ExchangeStandIn,
    make: (options: LiveFeedOptions) => Feed,
    options: Partial<LiveFeedOptions> & { readonly rowsMax?: number; readonly idle?: boolean } = {},
  ) {
    const logger = {
      warn: (fields: { waitMs?: number }, message: string): void => {
        if (fields.waitMs === undefined) return;
        this.waits.push(fields.waitMs);
        this.endings.push(message);
      },
    };
    const { rowsMax, idle, ...others } = options;
    const { urls } = exchange;
    this.feed = make({ clock: this.clock, random: prng(1), urls, logger, ...others });
    this.intake = new Intake(this.feed.name, this.feed.name, rowsMax);
    this.done = this.feed.run(this.intake, this.stopping.signal).finally(() => this.intake.end());
    this.done.catch(() => undefined);
    if (!idle) this.consume();
    t.after(() => this.stop());
  }

  consume(): void {
    this.#consuming ??= this.#consume();
  }

  get state(): string {
    return this.feed.status?.().state ?? '';
  }

  get detail(): string {
    return this.feed.status?.().detail ?? '';
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.consume();
    await this.done.catch(() => undefined);
    await this.#consuming;
  }

  /** Waits out the backoff, and until the feed has subscribed again. */
  async reconnect(exchange: ExchangeStandIn): Promise<void> {
    await until(() => this.state === 'waiting', 'the feed notices the end');
    await this.clock.advance(this.waits.at(-1) ?? 0);
    await until(() => exchange.hasSubscriber, 'the feed subscribes again');
  }

  async #consume(): Promise<void> {
    for await (const observations of this.intake) this.#take(observations);
  }

  #take({ trades, quotes, heartbeats, deadLetters, instruments }: Observations): void {
    for (let row = 0; row < trades.count; row++) this.trades.push(tradeAt(trades, row, 0));
    for (let row = 0; row < quotes.count; row++) this.quotes.push(quoteAt(quotes, row, 0));
    this.heartbeats.push(...heartbeats);
    this.deadLetters.push(...deadLetters);
    this.instruments.push(...instruments);
  }
}

/** Lets everything else happen until the condition holds; time does not pass. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < 100_000, `never: ${what}`);
    await new Promise(setImmediate);
  }
}

/**
 * Asserts that what was delivered, repeats left out as ingest would, is what was traded: no trade
 * lost, none invented, none changed.
 */
export function assertWhole(
  run: LiveRun,
  traded: readonly TapeTrade[],
  symbolOf: (pair: string) => string,
  sideOf: (side: string) => string = (side) => side,
): void {
  const delivered = new Map(
    run.trades.map(({ symbol, id, price, size, time, side }) => [
      `${symbol} ${id}`,
      `${price} ${size} ${time} ${side}`,
    ]),
  );
  const expected = new Map(
    traded.map(({ pair, id, price, size, time, side }) => [
      `${symbolOf(pair)} ${id}`,
      `${plain(price)} ${plain(size)} ${formatTime(parseTime(time) ?? 0)} ${sideOf(side)}`,
    ]),
  );
  assert.deepEqual(
    [...expected.keys()].filter((key) => !delivered.has(key)),
    [],
    'lost',
  );
  assert.deepEqual(
    [...delivered].toSorted(([a], [b]) => a.localeCompare(b)),
    [...expected].toSorted(([a], [b]) => a.localeCompare(b)),
  );
}

/** Asserts that each symbol's trades came in the order in which they were made. */
export function assertOrdered(trades: readonly Trade[]): void {
  for (const [symbol, own] of Map.groupBy(trades, (trade) => trade.symbol)) {
    const ids = [...new Set(own.map(({ id }) => Number(id)))];
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => a - b),
      symbol,
    );
  }
}

/** A decimal without its trailing zeros. */
function plain(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}
