// Candles beside those of ccxt and tardis-dev: the same trades, the same run, updates per interval.
// `./tapeline bench against`. The first run fetches the two packages into tmp/against.
//
// Each does what it does best: ccxt builds one interval of one symbol from objects at hand,
// tardis-dev one interval from a stream of normalized messages, and ours all seven intervals from
// batches as the log holds them, tape rules included. What is compared is candle updates a second:
// trades times intervals. Goals: 10 times ccxt, 50 times tardis-dev.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { intervals } from '../src/contracts/interval.ts';
import type { TradeBatch } from '../src/contracts/trade.ts';
import { CandleOperator } from '../src/engine/candles.ts';
import { ClosedCandles } from '../src/pipeline/closed-candles.ts';
import { rates } from './lib/rate.ts';
import { recordedTrades } from './lib/recorded.ts';

const packages = ['ccxt@4.5.84', 'tardis-dev@13.35.3'];
const folder = fileURLToPath(new URL('../tmp/against/', import.meta.url));
const rounds = 11;
const minuteMs = 60_000;

interface Ccxt {
  readonly Exchange: new () => {
    readonly buildOHLCVC: (trades: readonly object[], timeframe: string) => readonly number[][];
  };
}

interface TardisDev {
  readonly computeTradeBars: (options: { kind: 'time'; interval: number }) => unknown;
  readonly compute: (
    messages: AsyncIterable<object>,
    bars: unknown,
  ) => AsyncIterable<{ readonly type: string }>;
}

const batches = await recordedTrades(['bac', 'spy'], 16_384);
if (!batches) throw new Error('This needs the recorded trades in ../shared/data.');
const trades = batches.reduce((sum, { count }) => sum + count, 0);
const load = fetched();
const { Exchange } = load('ccxt') as Ccxt;
const { compute, computeTradeBars } = load('tardis-dev') as TardisDev;
const exchange = new Exchange();
const objects = Map.groupBy(batches.flatMap(ccxtTrades), ({ symbol }) => symbol);
const messages = batches.flatMap(tardisMessages);

const [ours, ccxt, tardis] = await rates(rounds, [
  { count: trades * intervals.length, run: () => fold(batches) },
  {
    count: trades,
    run: () => {
      for (const of of objects.values()) exchange.buildOHLCVC(of, '1m');
    },
  },
  { count: trades, run: async () => await bars(messages) },
]);
if (!ours || !ccxt || !tardis) throw new Error('three works have three rates');
process.stdout.write(
  `${trades} trades of BAC and SPY, 2013-10-07/08; million candle updates a second\n`,
);
for (const [name, rate] of Object.entries({ ours, 'ccxt buildOHLCVC': ccxt, tardis })) {
  const times = `ours is ${(ours.median / rate.median).toFixed(1)} times as fast`;
  const figures = `median ${rate.median.toFixed(1)}, best ${rate.best.toFixed(1)}`;
  process.stdout.write(
    `  ${name.padEnd(20)} ${figures.padEnd(28)} ${rate === ours ? '' : times}\n`,
  );
}

function fold(all: readonly TradeBatch[]): void {
  const operator = new CandleOperator({ allowedLateness: 2_000_000, openEvery: 250_000 });
  for (const batch of all) {
    operator.applyTrades(batch, 0);
    operator.publish(batch.receiveTime[batch.count - 1] as number);
    operator.eachUnsaved(new ClosedCandles().take);
    operator.evict();
  }
}

async function bars(all: readonly object[]): Promise<void> {
  const ofMinutes = computeTradeBars({ kind: 'time', interval: minuteMs });
  let count = 0;
  for await (const { type } of compute(streamed(all), ofMinutes)) if (type === 'trade_bar') count++;
  if (count === 0) throw new Error('no bars');
}

async function* streamed(all: readonly object[]): AsyncGenerator<object> {
  yield* all;
}

function ccxtTrades(batch: TradeBatch) {
  return rowsOf(batch, (symbol, time, price, amount) => ({
    timestamp: time / 1_000,
    price,
    amount,
    symbol,
    side: undefined,
  }));
}

function tardisMessages(batch: TradeBatch) {
  return rowsOf(batch, (symbol, time, price, amount, id) => ({
    type: 'trade',
    symbol,
    exchange: 'recorded',
    id: String(id),
    price,
    amount,
    side: 'unknown',
    timestamp: new Date(time / 1_000),
    localTimestamp: new Date(time / 1_000),
  }));
}

function rowsOf<Row>(
  batch: TradeBatch,
  make: (symbol: string, time: number, price: number, amount: number, id: number) => Row,
): Row[] {
  return Array.from({ length: batch.count }, (_, row) => {
    const { symbol, priceScale } = batch.instruments[batch.instrument[row]];
    const price = batch.price[row] / 10 ** priceScale;
    return make(symbol, batch.eventTime[row], price, batch.size[row], batch.id[row]);
  });
}

/** Requires from a folder of their own: nothing of ours depends on them. */
function fetched(): (name: string) => unknown {
  if (!existsSync(`${folder}node_modules/tardis-dev`)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}package.json`, '{ "private": true }\n');
    const options = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
    execFileSync('npm', [...options, ...packages], { cwd: folder, stdio: 'inherit' });
  }
  return createRequire(`${folder}package.json`);
}
