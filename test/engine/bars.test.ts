// Bars into candles, against an oracle that knows nothing of the operator.

import { strict as assert } from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { BarColumns, barTime } from '../../src/contracts/bar.ts';
import type { CandleBatch } from '../../src/contracts/candle.ts';
import { type Interval, intervalLength, intervals } from '../../src/contracts/interval.ts';
import { type MarkBatch, markStates } from '../../src/contracts/mark.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { TradeColumns } from '../../src/contracts/trade.ts';
import { late } from '../../src/contracts/verdict.ts';
import { type Candle, candleAt, type Signal } from '../../src/contracts/wire-objects.ts';
import { closedFields, type StoredSeries } from '../../src/engine/candle-snapshot.ts';
import { CandleOperator } from '../../src/engine/candles.ts';
import { SignalOperator } from '../../src/engine/signals/signals.ts';
import { replayed } from '../feeds/replay/replayed.ts';
import { recordedData } from '../recorded-data.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const second = 1_000_000;
const day = Date.UTC(2024, 4, 6) * 1000;
const options = { allowedLateness: 2 * second, openEvery: 0 };

/** A bar; or a trade, whose interval is null and whose prices are all one. */
interface Record {
  readonly interval: Interval | null;
  readonly start: number;
  readonly prices: readonly [open: number, high: number, low: number, close: number];
  readonly volume: number;
  readonly id: number;
}

function recordsFrom(offset: number, length: number, prices: readonly number[]) {
  const [low = 1, a = 1, b = 1, high = 1] = [...prices].sort((x, y) => x - y);
  const start = day + offset - (offset % length);
  return { start, prices: [b, high, low, a] as const };
}

const anyRecord: fc.Arbitrary<Record> = fc
  .record({
    interval: fc.constantFrom<Interval | null>('1s', '1m', '1h', '1d', null),
    offset: fc.oneof(
      fc.integer({ min: 0, max: 150 * second }),
      fc.integer({ min: 0, max: 200_000 * second }),
    ),
    prices: fc.array(fc.integer({ min: 1, max: 2 ** 50 }), { minLength: 4, maxLength: 4 }),
    volume: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 53 - 1 })),
    id: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ interval, offset, prices, volume, id }) => {
    if (interval) {
      return { interval, ...recordsFrom(offset, intervalLength(interval), prices), volume, id };
    }
    const price = prices[0] as number;
    const trade = { start: day + offset, prices: [price, price, price, price] as const, id };
    return { interval, ...trade, volume: 1 + (volume % 2 ** 40) };
  });

/** What the candles of a set of records are, from the definition. */
function oracle(records: readonly Record[]): Map<string, object> {
  const members = new Map<string, Record[]>();
  for (const record of records) {
    const finest = record.interval === null ? 0 : intervals.indexOf(record.interval);
    for (const interval of intervals.slice(finest)) {
      const start = record.start - (record.start % intervalLength(interval));
      const key = `${interval} ${formatTime(start)}`;
      members.set(key, [...(members.get(key) ?? []), record]);
    }
  }
  return new Map([...members].map(([key, own]) => [key, figuresOf(own)]));
}

function figuresOf(own: readonly Record[]): object {
  const end = ({ start, interval }: Record) => (interval ? barTime(start, interval) : start);
  const trades = own.filter(({ interval }) => interval === null);
  const first = own.toSorted(
    (a, b) => a.start - b.start || a.id - b.id || a.prices[0] - b.prices[0],
  )[0] as Record;
  const last = own
    .toSorted((a, b) => end(a) - end(b) || a.id - b.id || a.prices[3] - b.prices[3])
    .at(-1) as Record;
  const isKnown = own.every(({ interval, volume }) => interval === null || volume === 0);
  const sum = (of: (record: Record) => bigint) =>
    String(own.reduce((total, record) => total + of(record), 0n));
  return {
    open: String(first.prices[0]),
    high: String(Math.max(...own.map(({ prices }) => prices[1]))),
    low: String(Math.min(...own.map(({ prices }) => prices[2]))),
    close: String(last.prices[3]),
    volume: sum(({ volume }) => BigInt(volume)),
    notional: isKnown ? sum(({ prices, volume }) => BigInt(prices[0]) * BigInt(volume)) : null,
    hasVwap: isKnown && own.some(({ volume }) => volume > 0),
    trades: trades.length,
    priced: own.length,
  };
}

function newest(candles: Map<string, object>, batch: CandleBatch | null): void {
  for (let row = 0; row < (batch?.count ?? 0); row++) {
    const candle = candleAt(batch as CandleBatch, row);
    const { open, high, low, close, volume, notional, trades, priced } = candle;
    candles.set(`${candle.interval} ${candle.start}`, {
      open,
      high,
      low,
      close,
      volume,
      notional,
      hasVwap: candle.vwap !== null,
      trades,
      priced,
    });
  }
}

function batchOf({ interval, start, prices, volume, id }: Record) {
  const time = interval ? barTime(start, interval) : start;
  const columns = interval ? new BarColumns() : new TradeColumns();
  const instrument = columns.instrumentOf('AAA');
  if (columns instanceof BarColumns) {
    columns.interval = interval as Interval;
    columns.push(instrument, time, time, prices, volume, id);
  } else {
    const tag = columns.tagOf('', '', '');
    columns.push(instrument, tag, time, time, prices[0], volume, id);
  }
  // Marked late throughout: the operator has to find out itself what that touches.
  columns.verdict[0] = late;
  return columns;
}

/**
 * The marks of a file of bars that ends then, both in minutes, joined where they are alike; with a
 * restart behind every bar.
 */
function marksOf(bars: readonly (readonly [Interval, number])[], end: number): string[] {
  let operator = new CandleOperator(options);
  let kept = operator.snapshot();
  const told: { interval: number; start: number; end: number; state: number }[] = [];
  const take = (batch: MarkBatch | null): void => {
    for (let row = 0; row < (batch?.count ?? 0); row++) {
      const { interval, start, end, state } = batch as MarkBatch;
      told.push({
        interval: interval[row],
        start: start[row],
        end: end[row],
        state: state[row],
      });
    }
  };
  for (const [id, [interval, minutes]] of bars.entries()) {
    const start = day + minutes * 60 * second;
    const columns = batchOf({ interval, start, prices: [1, 1, 1, 1], volume: 1, id }) as BarColumns;
    columns.recording = 'a-file';
    operator.applyBars(columns);
    take(operator.publishMarks(id));
    const { series, marks, ...small } = operator.snapshot();
    kept = {
      ...small,
      series: series.length > 0 ? series : kept.series,
      marks: marks.length > 0 ? marks : kept.marks,
    };
    operator = CandleOperator.fromSnapshot(kept, options);
  }
  const eventTime = day + end * 60 * second;
  const beat = { source: '', symbols: ['AAA'], eventTime, receiveTime: 0, complete: true };
  operator.applyHeartbeat(beat);
  take(operator.publishMarks(0));
  told.sort((a, b) => a.interval - b.interval || a.start - b.start);
  const joined: typeof told = [];
  for (const mark of told) {
    const last = joined.at(-1);
    const isNext = last?.interval === mark.interval && last.end === mark.start;
    if (last && isNext && last.state === mark.state) last.end = mark.end;
    else joined.push(mark);
  }
  const clock = (time: number): string => formatTime(time).slice(11, 16);
  return joined.map(({ interval, start, end, state }) =>
    [intervals[interval], clock(start), clock(end), markStates[state]].join(' '),
  );
}

suite('bars', () => {
  test('with trades among them and in any order give the candles of the set', () => {
    const cases = fc.record({
      records: fc.array(anyRecord, { minLength: 1, maxLength: 30 }),
      checkpoints: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
    });
    fc.assert(
      fc.property(cases, ({ records, checkpoints }) => {
        const candles = new Map<string, object>();
        const stored = new Map<string, Float64Array>();
        const open = new Map<string, StoredSeries>();
        let operator = new CandleOperator(options);
        for (const [n, record] of records.entries()) {
          const batch = batchOf(record);
          const finest = record.interval ?? '1s';
          for (const key of operator.missing(batch, ['trade'], finest)) {
            const fields = stored.get(key);
            if (fields) operator.restore({ key, fields });
          }
          if (batch instanceof BarColumns) operator.applyBars(batch);
          else operator.applyTrades(batch, 0);
          newest(candles, operator.publish(n));
          if (!checkpoints[n % checkpoints.length]) continue;
          operator.eachUnsaved((prefix, bucket, data, from) => {
            stored.set(prefix + bucket, data.slice(from, from + closedFields));
          });
          const { series, ...snapshot } = operator.snapshot();
          for (const one of series) open.set(one.symbol, one);
          operator.evict();
          const whole = { ...snapshot, series: [...open.values()] };
          operator = CandleOperator.fromSnapshot(whole, options);
        }
        assert.deepEqual(candles, oracle(records));
      }),
      { seed, numRuns: 1_000 },
    );
  });

  test('that come later in finer decimals change the scale of a candle, not its amounts', () => {
    const operator = new CandleOperator(options);
    const columns = new BarColumns();
    const fine = new BarColumns();
    const time = barTime(day, '1m');
    const [coarse, finer] = [columns.instrumentOf('AAA', 1, 0), fine.instrumentOf('AAA', 3, 2)];
    columns.push(coarse, time, time, [105, 110, 100, 101], 7, 1);
    fine.push(finer, time + 60 * second, time, [10_123, 12_345, 10_001, 11_111], 25, 2);
    operator.applyBars(columns);
    operator.applyBars(fine);
    const candles = new Map<string, object>();
    newest(candles, operator.publish(1));
    assert.deepEqual(candles.get(`5m ${formatTime(day)}`), {
      open: '10.5',
      high: '12.345',
      low: '10',
      close: '11.111',
      volume: '7.25',
      notional: null,
      hasVwap: false,
      trades: 0,
      priced: 2,
    });
  });

  test('of a minute close with the bar after them, and there are none of a second', () => {
    const operator = new CandleOperator(options);
    const versions: Candle[] = [];
    for (const minute of [0, 1]) {
      const start = day + minute * 60 * second;
      const bar = { interval: '1m', start, volume: 1, id: minute } as const;
      operator.applyBars(batchOf({ ...bar, prices: [1, 1, 1, 1] }) as BarColumns);
      const batch = operator.publish(minute) as CandleBatch;
      for (let row = 0; row < batch.count; row++) versions.push(candleAt(batch, row));
    }
    assert.deepEqual(
      versions
        .filter(({ interval }) => interval === '1m')
        .map(({ start, state }) => [start, state]),
      [
        ['2024-05-06T00:00:00Z', 'open'],
        ['2024-05-06T00:00:00Z', 'final'],
        ['2024-05-06T00:01:00Z', 'open'],
      ],
    );
    assert(versions.every(({ interval }) => interval !== '1s'));
  });

  test('of an hour mark their hours, and of what is shorter what a minute tells', () => {
    const bar = (interval: Interval, minutes: number) => [interval, minutes] as const;
    const bars = [bar('1h', 0), bar('1m', 60), bar('1h', 60), bar('1h', 180)];
    assert.deepEqual(marksOf(bars, 240), [
      '1m 01:00 01:01 traded',
      '1m 02:00 03:00 no_trades',
      '5m 01:00 01:05 traded',
      '5m 02:00 03:00 no_trades',
      '15m 01:00 01:15 traded',
      '15m 02:00 03:00 no_trades',
      '1h 00:00 02:00 traded',
      '1h 02:00 03:00 no_trades',
      '1h 03:00 04:00 traded',
      '4h 00:00 04:00 traded',
    ]);
  });

  test('of a minute mark their minutes and all that is longer', () => {
    const bars = [0, 1, 3].map((minutes) => ['1m', minutes] as const);
    assert.deepEqual(marksOf(bars, 10), [
      '1m 00:00 00:02 traded',
      '1m 00:02 00:03 no_trades',
      '1m 00:03 00:04 traded',
      '1m 00:04 00:10 no_trades',
      '5m 00:00 00:05 traded',
      '5m 00:05 00:10 no_trades',
    ]);
  });

  test('of AAPL’s minutes raise signals at a bad print, without an average', async (t) => {
    const folder = recordedData('us-equity/minute/aapl', t);
    if (!folder) return;
    const { batches } = await replayed({ files: [join(folder, '20140609_trade.zip')] });
    const operator = new CandleOperator(options);
    const signals: Signal[] = [];
    const detector = new SignalOperator();
    for (const { bars, heartbeats } of batches) {
      operator.applyBars(bars);
      for (const heartbeat of heartbeats) operator.applyHeartbeat(heartbeat);
      const candles = operator.publish(1);
      if (candles) signals.push(...detector.apply(candles));
    }
    const prices = signals.filter(({ kind }) => kind !== 'volume-anomaly');
    assert.deepEqual(
      prices.map(({ kind, start, severity, values }) => [kind, start, severity, values]),
      [
        [
          'volatility',
          '2014-06-09T08:00:00Z',
          'high',
          // The file's first row: 645.57, 645.57, 92.23, 92.42.
          { high: '645.57', low: '92.23', percent: '85.71', trend: 'down' },
        ],
        [
          'bad-print',
          '2014-06-09T08:00:00Z',
          'critical',
          { price: '645.57', nearest: '92.46', percent: '598.22' },
        ],
        [
          'price-change',
          '2014-06-09T08:00:00Z',
          'critical',
          { from: '645.57', to: '92.64', percent: '-85.65' },
        ],
      ],
    );
  });
});
