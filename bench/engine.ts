// The operators on one thread: candles of all seven intervals alone, then with all that follows.
// `./tapeline bench engine`, on recorded trades and on made ones. Goals: the fold alone 20 M
// trades/s, all operators together 5 M.

import { microsPerSecond } from '../src/base/clock.ts';
import { prng } from '../src/base/prng.ts';
import { type CandleBatch, candleStates } from '../src/contracts/candle.ts';
import { intervals } from '../src/contracts/interval.ts';
import { type TradeBatch, TradeColumns } from '../src/contracts/trade.ts';
import { limb } from '../src/contracts/wide.ts';
import { CandleOperator } from '../src/engine/candles.ts';
import type { CandleNumbers, Indicator } from '../src/engine/indicators/indicator.ts';
import { createIndicator, parseIndicator } from '../src/engine/indicators/indicators.ts';
import { SignalOperator } from '../src/engine/signals/signals.ts';
import { ClosedCandles } from '../src/pipeline/closed-candles.ts';
import { rates } from './lib/rate.ts';
import { recordedTrades } from './lib/recorded.ts';

const options = { allowedLateness: 2_000_000, openEvery: 250_000 };
const closedMax = 16_384;
const rounds = 12;
const rowsEach = 16_384;
const finalState = candleStates.indexOf('final');
const usual = [
  'sma:20',
  'ema:20',
  'rsi:14',
  'macd:12,26,9',
  'bollinger:20,2',
  'atr:14',
  'vwap',
  'volatility:20',
  'change',
];

const recorded = await recordedTrades(['bac', 'spy'], rowsEach);
if (recorded) await report('BAC and SPY, 2013-10-07/08', recorded);
else process.stdout.write('no recorded data beside the project: only made trades\n');
await report('made: 10 symbols, 1,000 trades/s', made(10, 1_000));
await report('made: 1,000 symbols, 100,000 trades/s', made(1_000, 100_000));

async function report(what: string, batches: readonly TradeBatch[]): Promise<void> {
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const told = ['fold', 'with candles published', 'with signals and indicators'];
  const measured = await rates(rounds, [
    { count, run: () => foldAll(batches) },
    { count, run: () => publishAll(batches, () => undefined) },
    { count, run: () => operateAll(batches) },
  ]);
  process.stdout.write(`${what.padEnd(40)} ${count} trades\n`);
  for (const [index, { median, best }] of measured.entries()) {
    const figures = `median ${median.toFixed(1)} M trades/s, best ${best.toFixed(1)}`;
    process.stdout.write(`  ${(told[index] as string).padEnd(28)} ${figures}\n`);
  }
}

function foldAll(batches: readonly TradeBatch[]): void {
  const operator = new CandleOperator(options);
  for (const batch of batches) {
    operator.applyTrades(batch, 0);
    if (operator.closed > closedMax) operator.evict();
  }
}

function publishAll(batches: readonly TradeBatch[], take: (candles: CandleBatch) => void): void {
  const operator = new CandleOperator(options);
  for (const batch of batches) {
    operator.applyTrades(batch, 0);
    const candles = operator.publish(batch.receiveTime[batch.count - 1] as number);
    if (candles) take(candles);
    if (operator.closed <= closedMax) continue;
    operator.eachUnsaved(new ClosedCandles().take);
    operator.evict();
  }
}

/** Signals, and every indicator with its usual parameters on every interval, of closed candles. */
function operateAll(batches: readonly TradeBatch[]): void {
  const signals = new SignalOperator();
  const series = new Map<number, Indicator[]>();
  publishAll(batches, (candles) => {
    signals.apply(candles);
    for (let row = 0; row < candles.count; row++) {
      if (candles.state[row] !== finalState) continue;
      const key = (candles.symbol[row] as number) * intervals.length + candles.interval[row];
      let indicators = series.get(key);
      if (!indicators) {
        indicators = usual.map((text) => createIndicator(parseIndicator(text)));
        series.set(key, indicators);
      }
      const numbers = numbersOf(candles, row);
      for (const indicator of indicators) indicator.add(numbers);
    }
  });
}

function numbersOf(candles: CandleBatch, row: number): CandleNumbers {
  return {
    high: candles.high[row] as number,
    low: candles.low[row] as number,
    close: candles.close[row] as number,
    volume: candles.volumeHigh[row] * limb + candles.volumeLow[row],
    notional: candles.notionalHigh[row] * limb + candles.notionalLow[row],
  };
}

function made(symbols: number, perSecond: number): TradeColumns[] {
  const random = prng(1);
  let time = 1_700_000_000_000_000;
  return Array.from({ length: 64 }, (_, batch) => {
    const columns = new TradeColumns();
    for (let symbol = 0; symbol < symbols; symbol++) columns.instrumentOf(`S${symbol}`, 4, 0);
    const tag = columns.tagOf('', '', '');
    for (let row = 0; row < rowsEach; row++) {
      time += Math.ceil(microsPerSecond / perSecond);
      const price = 1_394_000 + random.integer(500);
      const id = batch * rowsEach + row;
      columns.push(random.integer(symbols), tag, time, time, price, 1 + random.integer(900), id);
    }
    return columns;
  });
}
