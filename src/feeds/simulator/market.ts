// A small share market that never was: trades arrive as a Poisson process, each share's fair price
// is a geometric Brownian motion whose moves are partly the market's, and a book of bid and ask
// follows the fair price. A pure function of listings, rate, start and seed: how a caller slices
// time changes nothing.
//
// Invariants: bid < ask; every trade prints at the bid or the ask of the share's newest quote;
// event times never decrease; ids count 0, 1, 2, … per share.

import { type Micros, micros } from '../../base/clock.ts';
import type { Prng } from '../../base/prng.ts';
import { noId } from '../../contracts/identity.ts';
import type { TradeColumns } from '../../contracts/trade.ts';
import type { Observations } from '../feed.ts';
import type { Listing } from './listing.ts';

/** A trading year: 252 sessions of 6.5 hours, since that is what volatilities are quoted over. */
export const microsPerTradingYear = 252 * 6.5 * 3_600 * 1_000_000;

export const ticksPerDollar = 100;

/** A fair price stands still for this long: at high rates most trades need no new one. */
const moveMicrosMin = 1_000;

/** A book of which only the sizes changed is quoted again after this long; a moved one at once. */
const quoteMicrosMin = 10_000;

const roundLot = 100;
const sizeMax = 50_000;

/** One share: its law of motion, its state and its book. Prices in ticks, times in microseconds. */
interface Share {
  readonly listing: Listing;
  /** Of the log price, with Itô's correction, per trading year. */
  readonly drift: number;
  readonly marketVolatility: number;
  readonly ownVolatility: number;
  logPrice: number;
  /** Microseconds since the start at which `logPrice` held, and the market's path there. */
  movedAt: number;
  marketAt: number;
  bid: number;
  ask: number;
  bidSize: number;
  askSize: number;
  quotedAt: number;
  nextId: number;
  /** Where this share stands in the buffer being filled; -1 while it is not in there. */
  tradeIndex: number;
  quoteIndex: number;
  buyTag: number;
  sellTag: number;
}

export class SimulatedMarket {
  readonly #random: Prng;
  readonly #start: number;
  readonly #gapMicros: number;
  readonly #shares: readonly Share[];
  /** Cumulative weights, the last one 1. */
  readonly #chances: Float64Array;
  /** Microseconds since the start, with their fraction, of the next trade. */
  #next = 0;
  /** The market's standard Brownian path, in square roots of a trading year. */
  #market = 0;
  #marketAt = 0;

  constructor(listings: readonly Listing[], tradesPerSecond: number, start: Micros, random: Prng) {
    this.#random = random;
    this.#start = start;
    this.#gapMicros = 1_000_000 / tradesPerSecond;
    this.#shares = listings.map(shareOf);
    this.#chances = cumulative(listings.map((listing) => listing.weight));
    this.#arrive();
  }

  /** When the next trade happens. */
  get nextTime(): Micros {
    return micros(this.#start + Math.floor(this.#next));
  }

  /**
   * Pushes everything that happens up to and including `until`, or as much as fits in `rows`.
   * True when `until` was reached.
   */
  advance(until: Micros, receiveTime: Micros, buffer: Observations, rows: number): boolean {
    this.#begin();
    const full = buffer.trades.count + buffer.quotes.count + rows - 2;
    while (this.nextTime <= until) {
      if (buffer.trades.count + buffer.quotes.count > full) return false;
      this.#happen(buffer, receiveTime);
      this.#arrive();
    }
    return true;
  }

  /** Lets time pass in which prices move and nobody trades. */
  skipTo(time: Micros): void {
    this.#next = time - this.#start;
    this.#arrive();
  }

  /** Draws when the next trade arrives. */
  #arrive(): void {
    this.#next -= this.#gapMicros * Math.log(1 - this.#random.uniform());
  }

  #happen(buffer: Observations, receiveTime: number): void {
    const share = this.#shares[pick(this.#chances, this.#random.uniform())];
    const time = this.#start + Math.floor(this.#next);
    const moved = this.#move(share);
    if (moved || this.#next - share.quotedAt >= quoteMicrosMin) {
      this.#quote(buffer, share, time, receiveTime);
    }
    this.#trade(buffer, share, time, receiveTime);
  }

  /** Moves the fair price to now and the book after it; true when the book's prices changed. */
  #move(share: Share): boolean {
    if (share.bid > 0 && this.#next - share.movedAt < moveMicrosMin) return false;
    const marketYears = (this.#next - this.#marketAt) / microsPerTradingYear;
    this.#market += Math.sqrt(marketYears) * this.#random.normal();
    this.#marketAt = this.#next;
    const years = (this.#next - share.movedAt) / microsPerTradingYear;
    share.logPrice +=
      share.drift * years +
      share.marketVolatility * (this.#market - share.marketAt) +
      share.ownVolatility * Math.sqrt(years) * this.#random.normal();
    share.movedAt = this.#next;
    share.marketAt = this.#market;

    const fair = Math.exp(share.logPrice) * ticksPerDollar;
    // Half a tick of patience on either side keeps the book from flickering.
    if (share.bid > 0 && fair >= share.bid - 0.5 && fair <= share.ask + 0.5) return false;
    const spread = share.listing.spreadTicks + this.#wider();
    share.bid = Math.max(1, Math.round(fair - spread / 2));
    share.ask = share.bid + spread;
    share.bidSize = this.#depth();
    share.askSize = this.#depth();
    return true;
  }

  #quote(buffer: Observations, share: Share, time: number, receiveTime: number): void {
    if (share.quoteIndex < 0)
      share.quoteIndex = buffer.quotes.instrumentOf(share.listing.symbol, 2);
    const { quoteIndex, bid, bidSize, ask, askSize } = share;
    buffer.quotes.push(quoteIndex, time, receiveTime, bid, bidSize, ask, askSize, noId);
    share.quotedAt = this.#next;
  }

  #trade(buffer: Observations, share: Share, time: number, receiveTime: number): void {
    if (share.tradeIndex < 0) enlist(buffer.trades, share);
    const { tradeIndex, buyTag, sellTag, bid, ask } = share;
    const size = this.#size();
    const id = share.nextId++;
    if (this.#random.uniform() < 0.5) {
      buffer.trades.push(tradeIndex, buyTag, time, receiveTime, ask, size, id);
      share.askSize = share.askSize > size ? share.askSize - size : this.#depth();
    } else {
      buffer.trades.push(tradeIndex, sellTag, time, receiveTime, bid, size, id);
      share.bidSize = share.bidSize > size ? share.bidSize - size : this.#depth();
    }
  }

  /** Shares in a trade: three in ten are odd lots, the rest round lots with a Pareto tail. */
  #size(): number {
    const shape = this.#random.uniform();
    if (shape < 0.3) return 1 + this.#random.integer(roundLot - 1);
    return Math.min(roundLot * this.#pareto(1.6), sizeMax);
  }

  /** Shares on one side of the book, in round lots. */
  #depth(): number {
    return Math.min(roundLot * (1 + this.#pareto(1.3)), sizeMax);
  }

  /** A whole number from 1 up that exceeds x with probability x^-shape. */
  #pareto(shape: number): number {
    return Math.floor((1 - this.#random.uniform()) ** (-1 / shape));
  }

  /** Extra ticks of spread: mostly none, each further one a fifth as likely. */
  #wider(): number {
    return Math.floor(Math.log(1 - this.#random.uniform()) / Math.log(0.2));
  }

  /** The buffer may be another one, which numbers its instruments and tags anew. */
  #begin(): void {
    for (const share of this.#shares) {
      share.tradeIndex = -1;
      share.quoteIndex = -1;
    }
  }
}

function shareOf(listing: Listing): Share {
  const { volatility, loading } = listing;
  return {
    listing,
    drift: listing.drift - volatility ** 2 / 2,
    marketVolatility: volatility * loading,
    ownVolatility: volatility * Math.sqrt(1 - loading ** 2),
    logPrice: Math.log(listing.price),
    movedAt: 0,
    marketAt: 0,
    bid: 0,
    ask: 0,
    bidSize: 0,
    askSize: 0,
    quotedAt: Number.NEGATIVE_INFINITY,
    nextId: 0,
    tradeIndex: -1,
    quoteIndex: -1,
    buyTag: 0,
    sellTag: 0,
  };
}

function enlist(trades: TradeColumns, share: Share): void {
  const { symbol, exchange } = share.listing;
  share.tradeIndex = trades.instrumentOf(symbol, 2);
  share.buyTag = trades.tagOf(exchange, '', 'buy');
  share.sellTag = trades.tagOf(exchange, '', 'sell');
}

function cumulative(weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return Float64Array.from(weights, (weight) => {
    sum += weight;
    return sum / total;
  });
}

/** The index whose share of [0, 1) holds `chance`. */
function pick(chances: Float64Array, chance: number): number {
  let low = 0;
  let high = chances.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chance < chances[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}
