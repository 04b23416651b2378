// The candle fold alone, all seven intervals, on one thread: recorded trades, then made ones.
// `./tapeline bench engine`. Goal: 20 M trades/s.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { microsPerSecond, systemClock } from '../src/base/clock.ts';
import { prng } from '../src/base/prng.ts';
import {
  decodeTrades,
  encodeTrades,
  type TradeBatch,
  TradeColumns,
} from '../src/contracts/trade.ts';
import { CandleOperator } from '../src/engine/candles.ts';
import { Intake } from '../src/feeds/feed.ts';
import { replayFeed } from '../src/feeds/replay/replay.ts';

const options = { allowedLateness: 2_000_000, openEvery: 250_000 };
const heldMax = 16_384;
const rounds = 12;
const rowsEach = 16_384;

const recorded = fileURLToPath(new URL('../../shared/data/us-equity/tick/', import.meta.url));
const days = ['bac/20131007', 'bac/20131008', 'spy/20131007', 'spy/20131008'];

if (existsSync(recorded)) {
  const files = days.map((day) => `${recorded}${day}_trade.zip`);
  report('BAC and SPY, 2013-10-07/08', await replayed(files));
} else {
  process.stdout.write('no recorded data beside the project: only made trades\n');
}
report('made: 10 symbols, 1,000 trades/s', made(10, 1_000));
report('made: 1,000 symbols, 100,000 trades/s', made(1_000, 100_000));

/** The best and the median of several rounds, since the first ones compile. */
function report(what: string, batches: readonly TradeBatch[]): void {
  const trades = batches.reduce((sum, { count }) => sum + count, 0);
  const fold = rates(trades, () => foldAll(batches, false));
  const all = rates(trades, () => foldAll(batches, true));
  process.stdout.write(
    `${what.padEnd(40)} ${trades} trades\n` +
      `  fold                      ${fold}\n` +
      `  with candles published    ${all}\n`,
  );
}

function rates(trades: number, work: () => void): string {
  const seconds = Array.from({ length: rounds }, () => {
    const start = systemClock.now();
    work();
    return (systemClock.now() - start) / 1e6;
  }).sort((a, b) => a - b);
  const rate = (of: number | undefined): string => (trades / (of as number) / 1e6).toFixed(1);
  return `median ${rate(seconds[rounds / 2])} M trades/s, best ${rate(seconds[0])}`;
}

function foldAll(batches: readonly TradeBatch[], publish: boolean): void {
  const operator = new CandleOperator(options);
  for (const batch of batches) {
    operator.applyTrades(batch);
    if (publish) operator.publish(batch.receiveTime[batch.count - 1] as number);
    if (operator.held <= heldMax) continue;
    if (publish) operator.unsaved();
    operator.evict();
  }
}

async function replayed(files: readonly string[]): Promise<TradeBatch[]> {
  const intake = new Intake('replay', 'replay', rowsEach);
  const feed = replayFeed({ files, speed: 'max', clock: systemClock });
  const running = feed.run(intake, new AbortController().signal).finally(() => intake.end());
  const batches: TradeBatch[] = [];
  for await (const { trades } of intake) batches.push(decodeTrades(encodeTrades(trades)));
  await running;
  return batches;
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
