// End-of-interval marks against an oracle that looks at every minute by itself.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Heartbeat } from '../../src/contracts/heartbeat.ts';
import { type Interval, intervalLength, intervals } from '../../src/contracts/interval.ts';
import { type MarkBatch, markStates } from '../../src/contracts/mark.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { TradeColumns } from '../../src/contracts/trade.ts';
import type { StoredMarks, StoredSeries } from '../../src/engine/candle-snapshot.ts';
import { CandleOperator } from '../../src/engine/candles.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const second = 1_000_000;
const minute = 60 * second;
const hour = 60 * minute;
const options = { allowedLateness: 2 * second, openEvery: 0 };
/** A Friday, three hours before the after-market of New York ends at midnight UTC. */
const friday = Date.UTC(2024, 4, 3, 21) * 1000;
/** When New York trades again: Monday, four in the morning. */
const monday = Date.UTC(2024, 4, 6, 8) * 1000;

/** Something that came of a symbol. */
interface Sign {
  readonly symbol: string;
  readonly time: number;
  readonly isTrade: boolean;
}

/** AAA comes live; BBB from a file, so that silence between two of its rows is proven. */
const files: Record<string, string> = { AAA: '', BBB: 'a-file' };
const calendars: Record<string, string> = { AAA: 'XNYS', BBB: '24/7' };

function apply(operator: CandleOperator, signs: readonly Sign[]): void {
  for (const { symbol, time, isTrade } of signs) {
    const recording = files[symbol] as string;
    const source = recording === '' ? 'feed' : 'replay';
    if (!isTrade) {
      const beat: Heartbeat = {
        source,
        symbols: [symbol],
        eventTime: time,
        complete: false,
        receiveTime: time,
      };
      operator.applyHeartbeat(beat);
      continue;
    }
    const trades = new TradeColumns();
    trades.source = source;
    trades.recording = recording;
    const instrument = trades.instrumentOf(symbol);
    trades.instruments[instrument].calendar = calendars[symbol] as string;
    trades.push(instrument, trades.tagOf('', '', ''), time, time, 1, 1, Number.NaN);
    operator.applyTrades(trades, 0);
  }
}

/** As `apply`, with trades of one symbol that follow one another in one batch. */
function applyBatches(operator: CandleOperator, signs: readonly Sign[]): void {
  for (let from = 0, to = 0; from < signs.length; from = to) {
    const { symbol, isTrade } = signs[from];
    to = from + 1;
    while (isTrade && signs[to]?.isTrade && signs[to].symbol === symbol) to++;
    if (!isTrade) {
      apply(operator, signs.slice(from, to));
      continue;
    }
    const trades = new TradeColumns();
    trades.recording = files[symbol] as string;
    trades.source = trades.recording === '' ? 'feed' : 'replay';
    const instrument = trades.instrumentOf(symbol);
    trades.instruments[instrument].calendar = calendars[symbol] as string;
    for (const { time } of signs.slice(from, to)) {
      trades.push(instrument, trades.tagOf('', '', ''), time, time, 1, 1, Number.NaN);
    }
    operator.applyTrades(trades, 0);
  }
}

/** By symbol, interval and start: the state that was told of it, each once. */
class Told {
  readonly states = new Map<string, string>();

  take(batch: MarkBatch | null): void {
    for (let row = 0; row < (batch?.count ?? 0); row++) {
      const { symbols, symbol, interval, state, start, end } = batch as MarkBatch;
      const name = intervals[interval[row]] as Interval;
      const from = start[row];
      // Days of these calendars have 24 hours in this week.
      for (let at = from; at < end[row]; at += intervalLength(name)) {
        const key = `${symbols[symbol[row]]} ${name} ${formatTime(at)}`;
        assert.ok(!this.states.has(key), `${key} is told twice`);
        this.states.set(key, markStates[state[row]] as string);
      }
    }
  }
}

/** The first of those that are not told as they should be. */
function differences(told: Map<string, string>, expected: Map<string, string>): string[] {
  const keys = [...new Set([...told.keys(), ...expected.keys()])].sort();
  return keys
    .filter((key) => told.get(key) !== expected.get(key))
    .slice(0, 5)
    .map((key) => `${key} is ${told.get(key)}, not ${expected.get(key)}`);
}

function isOpen(symbol: string, start: number): boolean {
  return symbol === 'BBB' || start < friday + 3 * hour || start >= monday;
}

function minutesOf(symbol: string, signs: readonly Sign[]): [start: number, state: string][] {
  const times = signs.map(({ time }) => time).sort((a, b) => a - b);
  const trades = new Set(
    signs.filter(({ isTrade }) => isTrade).map(({ time }) => Math.floor(time / minute)),
  );
  const cells = new Set(times.map((time) => Math.floor(time / (10 * second))));
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const minutes: [number, string][] = [];
  for (let at = Math.floor(first / minute); (at + 1) * minute <= last - 2 * second; at++) {
    const isProven =
      symbol === 'BBB'
        ? at * minute >= first - (first % (10 * second))
        : [0, 1, 2, 3, 4, 5].every((cell) => cells.has(at * 6 + cell));
    if (trades.has(at)) minutes.push([at * minute, 'traded']);
    else if (isOpen(symbol, at * minute)) {
      minutes.push([at * minute, isProven ? 'no_trades' : 'no_data']);
    }
  }
  return minutes;
}

function oracle(signs: readonly Sign[]): Map<string, string> {
  const states = new Map<string, string>();
  for (const [symbol, own] of Map.groupBy(signs, (sign) => sign.symbol)) {
    const watermark = Math.max(...own.map(({ time }) => time)) - 2 * second;
    // A series begins with a trade; what came before is nobody's.
    for (const interval of intervals.slice(1)) {
      const length = intervalLength(interval);
      const offset = interval === '1d' && symbol === 'AAA' ? 4 * hour : 0;
      for (const [start, state] of minutesOf(symbol, own)) {
        const bucket = Math.floor((start - offset) / length) * length + offset;
        if (bucket + length > watermark) continue;
        const key = `${symbol} ${interval} ${formatTime(bucket)}`;
        const known = states.get(key) ?? 'no_trades';
        const order = ['no_trades', 'no_data', 'traded'];
        states.set(key, order.indexOf(state) > order.indexOf(known) ? state : known);
      }
    }
  }
  return states;
}

const anyRun = fc.record({
  symbol: fc.constantFrom('AAA', 'BBB'),
  start: fc
    .oneof(
      fc.integer({ min: 0, max: 4 * 60 }),
      fc.integer({ min: 58 * 60, max: 64 * 60 }),
      fc.integer({ min: 0, max: 74 * 60 }),
    )
    .map((minutes) => friday + minutes * minute),
  count: fc.integer({ min: 1, max: 60 }),
  everySeconds: fc.integer({ min: 1, max: 15 }),
  isTrade: fc.boolean(),
});

suite('end-of-interval marks', () => {
  test('tell of every minute what is known, in any order on time and in any batches', () => {
    const cases = fc.record({
      runs: fc.array(anyRun, { minLength: 1, maxLength: 12 }),
      delays: fc.array(fc.integer({ min: 0, max: 2 * second }), { minLength: 7, maxLength: 7 }),
      cuts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      restarts: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(cases, ({ runs, delays, cuts, restarts }) => {
        const first = ['AAA', 'BBB'].map((symbol) => ({ symbol, time: friday, isTrade: true }));
        const signs: Sign[] = runs.flatMap(({ symbol, start, count, everySeconds, isTrade }) =>
          Array.from({ length: count }, (_, index) => {
            return { symbol, time: start + index * everySeconds * second, isTrade };
          }),
        );
        const arrived = signs
          .map((sign, index) => ({
            sign,
            at: sign.time + (delays[index % delays.length] as number),
          }))
          .sort((a, b) => a.at - b.at)
          .map(({ sign }) => sign);
        const told = new Told();
        const series = new Map<string, StoredSeries>();
        const marks = new Map<string, StoredMarks>();
        let operator = new CandleOperator(options);
        apply(operator, first);
        for (let from = 0, n = 0; from < arrived.length; n++) {
          const to = from + (cuts[n % cuts.length] as number);
          applyBatches(operator, arrived.slice(from, to));
          operator.publish(n);
          told.take(operator.publishMarks(n));
          if (restarts[n % restarts.length]) {
            const snapshot = operator.snapshot();
            for (const one of snapshot.series) series.set(`${one.symbol} ${one.price}`, one);
            for (const one of snapshot.marks) marks.set(`${one.symbol} ${one.price}`, one);
            const kept = { series: [...series.values()], marks: [...marks.values()] };
            operator.evict();
            operator = CandleOperator.fromSnapshot({ ...snapshot, ...kept }, options);
          }
          from = to;
        }
        assert.deepEqual(differences(told.states, oracle([...first, ...signs])), []);
      }),
      { seed, numRuns: 100 },
    );
  });

  test('of a long silence are one for each session and interval, and of its last month', () => {
    const year = 365 * 24 * hour;
    for (const [symbol, sessions] of [
      ['AAA', 24],
      ['BBB', 1],
    ] as const) {
      const operator = new CandleOperator(options);
      apply(operator, [{ symbol, time: friday - year, isTrade: true }]);
      apply(operator, [{ symbol, time: friday, isTrade: true }]);
      const batch = operator.publishMarks(0) as MarkBatch;
      const ofMinutes = Array.from(batch.interval, (_, row) => row).filter(
        (row) => intervals[batch.interval[row]] === '1m',
      );
      const [first, ...silence] = ofMinutes.map((row) => [batch.start[row], batch.end[row]]);
      assert.equal(first[0], friday - year);
      // From Tuesday the 2nd of April, after hours, to Friday the 3rd of May.
      assert.equal(silence.length, sessions);
      assert.ok(silence[0][0] >= friday - minute - 31 * 24 * hour);
      assert.equal(silence.at(-1)?.[1], friday - minute);
      assert.ok(batch.count < 8 * (sessions + 2), `${batch.count} marks`);
    }
  });
});
