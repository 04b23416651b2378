// The simulator as a feed: a market that is always open, for a first look, tests and load. It says
// what a real feed would say (instruments, quotes, trades, a heartbeat each second) and nothing
// that a real one could not: no event time lies ahead of the clock.

import { type Clock, type Micros, micros, microsPerSecond } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { prng } from '../../base/prng.ts';
import { isSymbol } from '../../contracts/instrument.ts';
import type { Feed, FeedStatus, Intake } from '../feed.ts';
import { defaultSymbols, instrumentOf, listingOf } from './listing.ts';
import { SimulatedMarket } from './market.ts';

export const tradesPerSecondDefault = 100;
export const tradesPerSecondMax = 1_000_000;

/** Nothing is simulated more often than this, so that a high rate costs few wake-ups. */
const tickMs = 2;

/** A stall longer than this is skipped: its trades are never made. Data that is not real may be. */
const catchUpMicrosMax = 250_000;

export interface SimulatorOptions {
  readonly symbols?: readonly string[];
  readonly tradesPerSecond?: number;
  readonly seed?: number;
  readonly clock: Clock;
}

/**
 * Trades of all symbols together arrive at `tradesPerSecond`. Quotes come with them: whenever a
 * book moves, and otherwise at most 100 a second and symbol, so about one per trade at low rates
 * and a few per cent of the trades at 100,000/s. Ids start at 0 per symbol in a scope of each run.
 * The same options and the same times on the clock give the same observations.
 */
export function simulatorFeed(options: SimulatorOptions): Feed {
  return new Simulator(options);
}

class Simulator implements Feed {
  readonly name = 'simulator';
  readonly #symbols: readonly string[];
  readonly #tradesPerSecond: number;
  readonly #seed: number;
  readonly #clock: Clock;
  #state: FeedStatus['state'] = 'connecting';
  #skippedMicros = 0;

  constructor(options: SimulatorOptions) {
    this.#symbols = [...new Set(options.symbols ?? defaultSymbols)];
    this.#tradesPerSecond = options.tradesPerSecond ?? tradesPerSecondDefault;
    this.#seed = options.seed ?? 1;
    this.#clock = options.clock;
    checkSymbols(this.#symbols);
    checkRate(this.#tradesPerSecond);
  }

  status(): FeedStatus {
    const skipped = this.#skippedMicros / microsPerSecond;
    const rate = `${this.#symbols.length} symbols at ${this.#tradesPerSecond} trades/s`;
    const detail = skipped > 0 ? `${rate}; ${skipped.toFixed(1)} s skipped in stalls` : rate;
    return { state: this.#state, detail, reconnects: 0 };
  }

  async run(intake: Intake, signal: AbortSignal): Promise<void> {
    const start = this.#clock.now();
    const listings = this.#symbols.map(listingOf);
    const market = new SimulatedMarket(listings, this.#tradesPerSecond, start, prng(this.#seed));
    await intake.enter(`simulator:${start}`);
    intake.open.instruments.push(...listings.map(instrumentOf));
    this.#state = 'live';
    let heartbeatTime = nextSecond(start);
    while (!signal.aborted) {
      const now = this.#clock.now();
      this.#skipStall(market, now);
      await this.#advance(market, now, intake, signal);
      if (now >= heartbeatTime) {
        this.#beat(intake, now);
        heartbeatTime = nextSecond(now);
      }
      await intake.room();
      await this.#clock.wait(msUntil(Math.min(market.nextTime, heartbeatTime), now), signal);
    }
    this.#state = 'ended';
  }

  async #advance(market: SimulatedMarket, now: Micros, intake: Intake, signal: AbortSignal) {
    while (!market.advance(now, now, intake.open, intake.free)) {
      await intake.flush();
      if (signal.aborted) return;
    }
  }

  #skipStall(market: SimulatedMarket, now: Micros): void {
    const from = micros(now - catchUpMicrosMax);
    if (market.nextTime >= from) return;
    this.#skippedMicros += from - market.nextTime;
    market.skipTo(from);
  }

  #beat(intake: Intake, now: Micros): void {
    const { name: source } = this;
    intake.open.heartbeats.push({
      source,
      symbols: this.#symbols,
      eventTime: now,
      complete: true,
      receiveTime: now,
    });
  }
}

function nextSecond(time: number): number {
  return (Math.floor(time / microsPerSecond) + 1) * microsPerSecond;
}

function msUntil(time: number, now: number): number {
  return Math.max(tickMs, Math.ceil((time - now) / 1000));
}

function checkSymbols(symbols: readonly string[]): void {
  const wrong = symbols.find((symbol) => !isSymbol(symbol));
  if (symbols.length > 0 && wrong === undefined) return;
  throw new Failure(
    'bad-configuration',
    wrong === undefined ? 'No symbols to simulate' : `"${wrong}" is not a symbol`,
    'Set SYMBOLS to upper-case names with commas between them, such as AAPL,MSFT.',
  );
}

function checkRate(tradesPerSecond: number): void {
  if (tradesPerSecond > 0 && tradesPerSecond <= tradesPerSecondMax) return;
  throw new Failure(
    'bad-configuration',
    `Cannot simulate ${tradesPerSecond} trades per second`,
    `Set TRADES_PER_SECOND to a number above 0 and at most ${tradesPerSecondMax}.`,
  );
}
