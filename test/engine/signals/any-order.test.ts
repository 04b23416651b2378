// Trades and quotes, through the candle operator and then the signal operator: in any order of
// arrival the same signals stand in the end, within what the horizons allow, and what cancels leave
// is as if it had never been.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { QuoteColumns } from '../../../src/contracts/quote.ts';
import { TradeColumns } from '../../../src/contracts/trade.ts';
import { late } from '../../../src/contracts/verdict.ts';
import type { Signal } from '../../../src/contracts/wire-objects.ts';
import { CandleOperator } from '../../../src/engine/candles.ts';
import { SignalOperator } from '../../../src/engine/signals/signals.ts';
import { batchOf, flat, minute, second, seed, standing } from './candles.ts';

interface Record {
  readonly symbol: string;
  readonly time: number;
  readonly price: number;
  readonly size: number;
  /** The ask above the price as bid; null for a trade. */
  readonly spread: number | null;
  readonly id: number;
}

/** A minute that cancels take all trades of. */
interface Gone {
  readonly symbol: string;
  readonly start: number;
}

const symbols = ['AAA', 'BBB'];
/** AAA has sessions, BBB has none. */
const calendarOf = (symbol: string): string => (symbol === 'AAA' ? 'XNYS' : '24/7');
/** When New York opens. */
const open = Date.UTC(2024, 4, 6, 13, 30) * 1000;

function run(
  records: readonly Record[],
  cuts: readonly number[],
  gone: readonly Gone[] = [],
): Signal[] {
  const candles = new CandleOperator({ allowedLateness: 2 * second, openEvery: 0 });
  const signals = new SignalOperator();
  const told: Signal[] = [];
  const publish = (): void => {
    const batch = candles.publish(0);
    if (batch) told.push(...signals.apply(batch));
    const marks = candles.publishMarks(0);
    if (marks) told.push(...signals.applyMarks(marks));
  };
  for (let from = 0, n = 0; from < records.length; n++) {
    const to = from + (cuts[n % cuts.length] as number);
    applyTo(candles, records.slice(from, to));
    publish();
    from = to;
  }
  const eventTime = Math.max(...records.map(({ time }) => time)) + 24 * 60 * minute;
  candles.applyHeartbeat({ symbols, eventTime, complete: true, receiveTime: 0, source: 'test' });
  publish();
  for (const { symbol, start } of gone) {
    const terms = { state: 'revised', symbol, calendar: calendarOf(symbol) } as const;
    told.push(...signals.apply(batchOf([flat('1m', start, 0, 0)], terms)));
  }
  return standing(told);
}

function applyTo(candles: CandleOperator, records: readonly Record[]): void {
  const trades = new TradeColumns();
  const quotes = new QuoteColumns();
  for (const { symbol, time, price, size, spread, id } of records) {
    const columns = spread === null ? trades : quotes;
    const instrument = columns.instrumentOf(symbol, 2, 0);
    const entry = columns.instruments[instrument];
    assert(entry);
    entry.calendar = calendarOf(symbol);
    if (spread === null) {
      trades.push(instrument, trades.tagOf('', '', ''), time, time, price, size, id);
    } else {
      quotes.push(instrument, time, time, price, 1, price + spread, 1, id);
    }
    // Marked late throughout: the operator has to find out itself what that touches.
    columns.verdict[columns.count - 1] = late;
  }
  if (trades.count > 0) candles.applyTrades(trades, 0);
  if (quotes.count > 0) candles.applyQuotes(quotes);
}

function isTradeOf({ symbol, time, spread }: Record, gone: Gone): boolean {
  const isIn = time >= gone.start && time < gone.start + minute;
  return spread === null && symbol === gone.symbol && isIn;
}

/** The same whatever the order, of the signals that the horizons allow to be asked. */
function assertAnyOrder(
  time: fc.Arbitrary<number>,
  isAsked: (signal: Signal) => boolean,
  goneStart: fc.Arbitrary<number> | null = null,
): Map<string, number> {
  const records = fc
    .array(
      fc.record({
        symbol: fc.constantFrom(...symbols),
        time,
        price: fc.oneof(
          fc.integer({ min: 9_950, max: 10_050 }),
          fc.integer({ min: 9_950, max: 10_050 }),
          fc.integer({ min: 8_000, max: 12_500 }),
        ),
        size: fc.oneof({ weight: 20, arbitrary: fc.constant(10) }, fc.constant(2_000)),
        spread: fc.oneof(fc.constant(null), fc.integer({ min: -2, max: 1 })),
      }),
      { minLength: 80, maxLength: 200 },
    )
    .map((list) => list.map((record, id) => ({ ...record, id })));
  const gone = goneStart
    ? fc.array(fc.record({ symbol: fc.constantFrom(...symbols), start: goneStart }))
    : fc.constant([]);
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(
      records,
      fc.infiniteStream(fc.nat()),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      gone,
      (list, keys, cuts, taken) => {
        const outcome = (...given: Parameters<typeof run>) =>
          run(...given)
            .filter(isAsked)
            .map(({ id, kind, time: at, values }) => ({ id, kind, time: at, values }))
            .sort((a, b) => (a.id < b.id ? -1 : 1));
        const shuffled = list
          .map((record) => ({ record, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ record }) => record);
        const expected = outcome(
          list
            .filter((record) => !taken.some((one) => isTradeOf(record, one)))
            .sort((a, b) => a.time - b.time),
          [list.length],
        );
        for (const { kind } of expected) seen.set(kind, (seen.get(kind) ?? 0) + 1);
        assert.deepEqual(outcome(shuffled, cuts, taken), expected);
      },
    ),
    { seed, numRuns: 150 },
  );
  return seen;
}

suite('in any order of arrival', () => {
  test('the seconds of three minutes end in the same signals', () => {
    const time = fc.integer({ min: 0, max: 179 * 1_000 }).map((ms) => open + ms * 1_000);
    const seen = assertAnyOrder(time, () => true);
    for (const kind of ['price-spike', 'volatility', 'bad-print', 'crossed-quotes']) {
      assert.ok((seen.get(kind) ?? 0) > 20, `${kind}: ${seen.get(kind)}`);
    }
  });

  test('the minutes of two sessions end in the same signals', () => {
    const start = fc
      .tuple(fc.constantFrom(0, 24 * 60), fc.integer({ min: -5, max: 14 }))
      .map(([day, at]) => open + (day + at) * minute);
    const time = fc.tuple(start, fc.nat(59)).map(([of, seconds]) => of + seconds * second);
    // Seconds that are older than three minutes are not asked again, nor is what depends on them;
    // and cancels of minutes are all that is told here, not what they leave of the hour.
    const unasked = ['price-spike', 'crossed-quotes', 'bad-print', 'price-change'];
    const seen = assertAnyOrder(time, ({ kind }) => !unasked.includes(kind), start);
    for (const kind of ['volatility', 'gap-at-open', 'volume-anomaly', 'stale-quotes']) {
      assert.ok((seen.get(kind) ?? 0) > 20, `${kind}: ${seen.get(kind)}`);
    }
  });
});
