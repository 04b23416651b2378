import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Micros, micros, microsPerSecond } from '../../../src/base/clock.ts';
import { prng } from '../../../src/base/prng.ts';
import { Observations } from '../../../src/feeds/feed.ts';
import {
  defaultSymbols,
  instrumentOf,
  type Listing,
  listingOf,
} from '../../../src/feeds/simulator/listing.ts';
import { microsPerTradingYear, SimulatedMarket } from '../../../src/feeds/simulator/market.ts';

const start = micros(1_790_000_000_000_000);
const listings = defaultSymbols.map(listingOf);

suite('the simulated market', () => {
  test('trades arrive as a Poisson process at the rate asked for', () => {
    const rate = 1_000;
    const { trades } = simulate({ rate, seconds: 200 });
    assert.ok(Math.abs(trades.count - 200 * rate) < 4 * Math.sqrt(200 * rate), `${trades.count}`);

    // Gaps are exponential: Kolmogorov-Smirnov against that law, at the 1 % level.
    const gaps = differences(trades.eventTime.subarray(0, trades.count)).sort();
    const distance = gaps.reduce((most, gap, rank) => {
      // Times are cut to whole microseconds, so a gap stands for the half-open one around it.
      const expected = 1 - Math.exp((-gap * rate) / microsPerSecond);
      return Math.max(most, Math.abs(expected - rank / gaps.length));
    }, 0);
    assert.ok(distance * Math.sqrt(gaps.length) < 1.63, `distance ${distance}`);

    // Counts in windows vary as much as their mean.
    const counts = new Float64Array(20_000);
    for (const time of trades.eventTime.subarray(0, trades.count)) {
      counts[Math.floor((time - start) / 10_000)]++;
    }
    const dispersion = variance(counts) / mean(counts);
    assert.ok(dispersion > 0.95 && dispersion < 1.05, `dispersion ${dispersion}`);
  });

  test('each share gets its part of the trades', () => {
    const { trades } = simulate({ rate: 1_000, seconds: 100 });
    const total = listings.reduce((sum, listing) => sum + listing.weight, 0);
    const counts = countsBySymbol(trades);
    for (const { symbol, weight } of listings) {
      const chance = weight / total;
      const expected = trades.count * chance;
      const deviation = Math.abs((counts.get(symbol) ?? 0) - expected);
      assert.ok(deviation < 4 * Math.sqrt(expected * (1 - chance)), `${symbol} ${deviation}`);
    }
  });

  test('prices have the volatility of their listing and move together by their loadings', () => {
    const minutes = 5;
    const mids = midsEvery(minutes * 60 * microsPerSecond, { rate: 5, seconds: 360_000 });
    const periodsPerYear = microsPerTradingYear / (minutes * 60 * microsPerSecond);
    const returns = mids.map((series) => differences(series.map(Math.log)));
    for (const [index, { symbol, volatility, price }] of listings.entries()) {
      const measured = Math.sqrt(variance(returns[index]) * periodsPerYear);
      assert.ok(Math.abs(measured / volatility - 1) < 0.1, `${symbol} ${measured} ${volatility}`);
      assert.ok(Math.abs(mids[index][0] / price - 1) < 0.01, `${symbol} starts at ${price}`);
    }
    for (const [one, first] of listings.entries()) {
      for (const [two, second] of listings.entries()) {
        if (two <= one) continue;
        const measured = correlation(returns[one], returns[two]);
        const expected = first.loading * second.loading;
        const pair = `${first.symbol} ${second.symbol} ${measured} ${expected}`;
        assert.ok(measured > 0 && Math.abs(measured - expected) < 0.12, pair);
      }
    }
  });

  test('bid is below ask; a buy prints at the newest ask and a sell at the newest bid', () => {
    const { trades, quotes } = simulate({ rate: 2_000, seconds: 60 });
    const newest = new Map<string, number>();
    const spreads = new Map<string, number[]>();
    let quote = 0;
    let buys = 0;
    for (let row = 0; row < trades.count; row++) {
      while (quote < quotes.count && quotes.eventTime[quote] <= trades.eventTime[row]) {
        const { symbol } = quotes.instruments[quotes.instrument[quote]];
        const spread = quotes.ask[quote] - quotes.bid[quote];
        assert.ok(quotes.bid[quote] >= 1 && spread >= 1);
        assert.ok(quotes.bidSize[quote] >= 1 && quotes.askSize[quote] >= 1);
        spreads.set(symbol, [...(spreads.get(symbol) ?? []).slice(-999), spread]);
        newest.set(symbol, quote++);
      }
      const { symbol } = trades.instruments[trades.instrument[row]];
      const { side, venue } = trades.tags[trades.tag[row]];
      const book = newest.get(symbol);
      assert.ok(book !== undefined, `${symbol} trades before it is quoted`);
      assert.equal(trades.price[row], side === 'buy' ? quotes.ask[book] : quotes.bid[book]);
      assert.equal(venue, listingOf(symbol).exchange);
      if (side === 'buy') buys++;
    }
    assert.ok(Math.abs(buys / trades.count - 0.5) < 0.01);
    for (const { symbol, spreadTicks } of listings) {
      const usual = mean(Float64Array.from(spreads.get(symbol) ?? []));
      assert.ok(usual >= spreadTicks && usual < spreadTicks + 1, `${symbol} ${usual}`);
    }
  });

  test('sizes are whole shares: mostly round lots, some odd lots, a few very large', () => {
    const { trades } = simulate({ rate: 10_000, seconds: 20 });
    const sizes = trades.size.slice(0, trades.count).sort();
    assert.ok(sizes.every((size) => Number.isInteger(size) && size > 0));
    const odd = sizes.filter((size) => size < 100).length / sizes.length;
    const round = sizes.filter((size) => size % 100 === 0).length / sizes.length;
    assert.ok(odd > 0.28 && odd < 0.32, `${odd} odd`);
    assert.ok(Math.abs(odd + round - 1) < 1e-9);
    const median = sizes[sizes.length >> 1];
    assert.ok(sizes[Math.floor(sizes.length * 0.995)] >= 10 * median, 'the tail is heavy');
  });

  test('there is about a quote per trade at low rates, and no flood of them at high ones', () => {
    const slow = simulate({ rate: 100, seconds: 200 });
    const ratio = slow.quotes.count / slow.trades.count;
    assert.ok(ratio > 0.7 && ratio <= 1, `${ratio}`);
    const fast = simulate({ rate: 200_000, seconds: 2 });
    assert.ok(fast.quotes.count < 0.05 * fast.trades.count, `${fast.quotes.count}`);
  });

  test('ids count from zero and event times never decrease, per share', () => {
    const { trades, quotes } = simulate({ rate: 200_000, seconds: 1 });
    const ids = new Map<string, number>();
    for (let row = 0; row < trades.count; row++) {
      const { symbol } = trades.instruments[trades.instrument[row]];
      assert.equal(trades.id[row], ids.get(symbol) ?? 0);
      ids.set(symbol, trades.id[row] + 1);
    }
    for (const { eventTime, count } of [trades, quotes]) {
      const times = eventTime.subarray(0, count);
      assert.ok(differences(times).every((difference) => difference >= 0));
      assert.ok(times.every((time) => Number.isInteger(time) && time >= start));
    }
  });

  test('how time and rows are sliced changes nothing', () => {
    const whole = text(simulate({ rate: 500, seconds: 1 }));
    const slices = fc.array(fc.record({ micros: fc.integer({ min: 1, max: 90_000 }) }));
    fc.assert(
      fc.property(slices, fc.integer({ min: 2, max: 40 }), (steps, rows) => {
        const market = new SimulatedMarket(listings, 500, start, prng(1));
        const into = new Observations('simulator', 'test');
        let time: number = start;
        for (const step of [...steps, { micros: microsPerSecond }]) {
          time = Math.min(time + step.micros, start + microsPerSecond);
          while (!market.advance(micros(time), start, into, rows));
        }
        assert.equal(text(into), whole);
      }),
      { numRuns: 50 },
    );
  });

  test('a skipped stretch has no trades, and the market goes on after it', () => {
    const market = new SimulatedMarket(listings, 1_000, start, prng(7));
    const into = new Observations('simulator', 'test');
    market.advance(after(1), start, into, 1e6);
    const before = into.trades.count;
    market.skipTo(after(10));
    market.advance(after(11), start, into, 1e6);
    assert.ok(into.trades.eventTime[before] >= after(10));
    assert.ok(into.trades.count - before > 800);
  });

  test('any other symbol is the same plausible share every time', () => {
    for (const symbol of ['IBM', 'BRK.B', 'ZZZZ']) {
      const listing = listingOf(symbol);
      assert.deepEqual(listingOf(symbol), listing);
      assert.ok(listing.price >= 20 && listing.price <= 400 && listing.spreadTicks >= 1);
      assert.equal(instrumentOf(listing).currency, 'USD');
    }
    assert.notEqual(listingOf('IBM').price, listingOf('ZZZZ').price);
  });
});

interface Run {
  readonly rate: number;
  readonly seconds: number;
}

function simulate({ rate, seconds }: Run): Observations {
  const market = new SimulatedMarket(listings, rate, start, prng(1));
  const into = new Observations('simulator', 'test');
  market.advance(micros(start + seconds * microsPerSecond - 1), start, into, Infinity);
  return into;
}

/** The mid price of each listing at every multiple of `period`, once all have been quoted. */
function midsEvery(period: number, { rate, seconds }: Run): Float64Array[] {
  const market = new SimulatedMarket(listings, rate, start, prng(1));
  const series = listings.map((): number[] => []);
  const mids = new Map<string, number>();
  for (let time = period; time <= seconds * microsPerSecond; time += period) {
    const { quotes } = advance(market, micros(start + time));
    for (let row = 0; row < quotes.count; row++) {
      const { symbol } = quotes.instruments[quotes.instrument[row]];
      mids.set(symbol, (quotes.bid[row] + quotes.ask[row]) / 200);
    }
    for (const [index, { symbol }] of listings.entries()) {
      series[index].push(mids.get(symbol) ?? Number.NaN);
    }
  }
  return series.map((values) => Float64Array.from(values));
}

function advance(market: SimulatedMarket, until: Micros): Observations {
  const into = new Observations('simulator', 'test');
  market.advance(until, until, into, Infinity);
  return into;
}

function after(seconds: number): Micros {
  return micros(start + seconds * microsPerSecond);
}

function countsBySymbol(trades: Observations['trades']): Map<Listing['symbol'], number> {
  const counts = new Map<string, number>();
  for (let row = 0; row < trades.count; row++) {
    const { symbol } = trades.instruments[trades.instrument[row]];
    counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  }
  return counts;
}

/** Everything that was pushed, as text to compare. */
function text({ trades, quotes }: Observations): string {
  const columns = (batch: typeof trades | typeof quotes) =>
    batch.columns().map((column) => Array.from(column.subarray(0, batch.count)));
  return JSON.stringify([trades.instruments, columns(trades), quotes.instruments, columns(quotes)]);
}

function differences(values: Float64Array): Float64Array {
  return Float64Array.from({ length: values.length - 1 }, (_, i) => values[i + 1] - values[i]);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: Float64Array): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}

function correlation(xs: Float64Array, ys: Float64Array): number {
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const covariance = xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i] - meanY), 0);
  return covariance / (xs.length - 1) / Math.sqrt(variance(xs) * variance(ys));
}
