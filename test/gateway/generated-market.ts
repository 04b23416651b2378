// A market that looks like one, for the page and for figures: random walks from a seed, hours of
// past candles in the store, and live trades, quotes and candles into the log.

import { type Micros, micros, microsPerDay } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import {
  bucketStart,
  type Interval,
  intervalLength,
  intervals,
} from '../../src/contracts/interval.ts';
import type { Log } from '../../src/log/log.ts';
import { second, Tape, type TapeCandle } from './tape.ts';

type Listing = readonly (readonly [symbol: string, name: string, cents: number])[];

const tenStocks: Listing = [
  ['AAPL', 'Apple', 22_714],
  ['AMZN', 'Amazon', 19_863],
  ['GOOGL', 'Alphabet', 17_342],
  ['JNJ', 'Johnson & Johnson', 15_871],
  ['JPM', 'JPMorgan Chase', 24_190],
  ['META', 'Meta Platforms', 58_733],
  ['MSFT', 'Microsoft', 43_127],
  ['NVDA', 'NVIDIA', 13_482],
  ['TSLA', 'Tesla', 26_911],
  ['V', 'Visa', 31_055],
];

type Ohlc = [number, number, number, number];

interface OpenCandle {
  readonly time: number;
  readonly ohlc: Ohlc;
  volume: number;
}

class Walk {
  readonly symbol: string;
  price: number;
  readonly #random: Prng;
  readonly #candles = new Map<Interval, OpenCandle>();

  constructor(symbol: string, cents: number, random: Prng) {
    this.symbol = symbol;
    this.price = cents;
    this.#random = random;
  }

  /** Moves on by some seconds of trading; about 25 % a year. */
  step(seconds: number): number {
    const deviation = 0.25 * Math.sqrt(seconds / (252 * 6.5 * 3600)) * 3;
    this.price *= 1 + this.#random.normal() * deviation;
    return Math.max(100, Math.round(this.price));
  }

  size(): number {
    return Math.max(1, Math.round(Math.exp(this.#random.normal() + 4)));
  }

  /** Folds a trade in; answers the candles that it closed and those it changed. */
  fold(time: number, cents: number, size: number): TapeCandle[] {
    return intervals.flatMap((interval) => {
      const start = bucketStart(time, intervalLength(interval));
      const open = this.#candles.get(interval);
      const closed = open && open.time !== start ? [this.#candle(interval, open, 'final')] : [];
      const candle = open && open.time === start ? open : begin(start, cents);
      candle.ohlc[1] = Math.max(candle.ohlc[1], cents);
      candle.ohlc[2] = Math.min(candle.ohlc[2], cents);
      candle.ohlc[3] = cents;
      candle.volume += size;
      this.#candles.set(interval, candle);
      return [...closed, this.#candle(interval, candle, 'open')];
    });
  }

  #candle(interval: Interval, { time, ohlc, volume }: OpenCandle, state: 'open' | 'final') {
    return { symbol: this.symbol, interval, time, ohlc: [...ohlc] as Ohlc, volume, state } as const;
  }
}

function begin(time: number, cents: number): OpenCandle {
  return { time, ohlc: [cents, cents, cents, cents], volume: 0 };
}

export class GeneratedMarket {
  readonly tape: Tape;
  readonly #listing: Listing;
  readonly #random: Prng;
  readonly #walks: Walk[];

  constructor(log: Log, seed: number, listing = tenStocks) {
    this.tape = new Tape(log);
    this.#listing = listing;
    this.#random = prng(seed);
    this.#walks = listing.map(([symbol, , cents]) => new Walk(symbol, cents, this.#random));
  }

  /** Introduces the symbols and writes their past up to now: final candles, and the open ones. */
  async past(now: Micros, hours: number): Promise<void> {
    await this.tape.introduceAs(this.#listing);
    const from = now - hours * 3_600 * second;
    for (const walk of this.#walks) {
      await this.#olderDays(walk, from);
      const candles = new Map<string, TapeCandle>();
      for (let time = from; time < now; time += 4 * second) {
        const cents = walk.step(4);
        for (const candle of walk.fold(time, cents, walk.size() * 40)) {
          candles.set(`${candle.interval} ${candle.time}`, candle);
        }
      }
      await this.tape.candles(...candles.values());
      await this.tick(now, 30, [walk]);
    }
  }

  /** `count` trades with quotes and candles, as one turn of ingest and engine would write them. */
  async tick(now: Micros, count: number, walks: readonly Walk[] = this.#walks): Promise<void> {
    const candles = new Map<string, TapeCandle>();
    const trades = Array.from({ length: count }, (_, index) => {
      const walk = walks[this.#random.integer(walks.length)];
      const time = now - (count - index) * 100;
      const price = walk.step(0.2);
      const size = walk.size();
      for (const candle of walk.fold(time, price, size)) {
        candles.set(`${walk.symbol} ${candle.interval} ${candle.time}`, candle);
      }
      const side = this.#random.uniform() < 0.5 ? ('buy' as const) : ('sell' as const);
      return { symbol: walk.symbol, time, received: now, price, size, side };
    });
    await this.tape.trades(...trades);
    await this.tape.quotes(
      ...trades.map(({ symbol, time, price }) => {
        const half = 1 + this.#random.integer(3);
        return { symbol, time, received: now, bid: price - half, ask: price + half };
      }),
    );
    await this.tape.candles(...candles.values());
  }

  async #olderDays(walk: Walk, before: number): Promise<void> {
    const today = bucketStart(before, microsPerDay);
    const days: TapeCandle[] = [];
    for (let day = 120; day > 0; day--) {
      const time = micros(today - day * microsPerDay);
      const steps = Array.from({ length: 40 }, () => walk.step(600));
      const ohlc: Ohlc = [steps[0], Math.max(...steps), Math.min(...steps), steps[39]];
      const volume = 2_000_000 + this.#random.integer(3_000_000);
      days.push({ symbol: walk.symbol, interval: '1d', time, ohlc, volume, state: 'final' });
    }
    await this.tape.candles(...days);
  }
}
