// What the store takes: the trades sink beside a bare binary COPY of the same rows in the same run,
// candles new and again, and the way out as CSV. On a PostgreSQL of its own, in about 15 s:
//   ./tapeline node bench/store.ts
// Rounds alternate and the best of each counts, because the machine is rarely ours alone.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { type CandleBatch, candleColumns, encodeCandles } from '../src/contracts/candle.ts';
import { encodeTrades, TradeColumns } from '../src/contracts/trade.ts';
import { copyIn } from '../src/store/copy.ts';
import { CopyWriter } from '../src/store/copy-binary.ts';
import { connect } from '../src/store/database.ts';
import { startPostgres } from '../src/store/embedded-postgres.ts';
import { exportTrades } from '../src/store/export.ts';
import { migrate } from '../src/store/migrate.ts';
import type { Sink, SinkBatch } from '../src/store/sink.ts';
import { openCandlesSink } from '../src/store/sink-candles.ts';
import { openTradesSink } from '../src/store/sink-trades.ts';

const tradeCount = 916_000;
const candleCount = 75_000;
const rowsPerBatch = 1_024;
const rowsPerWrite = 100_000;
const rounds = 3;
const second = 1_000_000;
const opening = Date.UTC(2013, 9, 7, 8) * 1000;
/** Two days of 16 hours, as the recorded BAC and SPY have. */
const spacing = (2 * 16 * 3_600 * second) / tradeCount;

const quiet = { info: () => undefined, warn: () => undefined };

const folder = await mkdtemp(join(tmpdir(), 'tapeline-bench-'));
const server = await startPostgres({ folder, logger: quiet });
try {
  const database = server.connection;
  await migrate(database);
  const admin = await connect(database, { application: 'bench', statementSeconds: 60 });
  await run(admin);
  await admin.end();
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

async function run(admin: Client): Promise<void> {
  const database = server.connection;
  const trades = tradeBatches();
  const bare = bareRows();
  const candles = candleBatches();
  const times = new Map<string, number[]>();
  const measure = async (name: string, work: () => Promise<void>): Promise<void> => {
    await admin.query('checkpoint');
    const start = performance.now();
    await work();
    times.set(name, [...(times.get(name) ?? []), performance.now() - start]);
  };
  for (let round = 0; round < rounds; round++) {
    await admin.query(`
      truncate trade_rows, trade_hours, candle_rows;
      drop table if exists bare_rows;
      create table bare_rows (like trade_rows including all);
      alter table bare_rows drop column cancelled`);
    await measure('bare', async () => await copyIn(admin, 'bare_rows', bare));
    const options = { database, epoch: `round ${round}`, partition: 0 };
    const tradesSink = openTradesSink(options);
    await tradesSink.position();
    await measure('trades', async () => await writeAll(tradesSink, trades));
    await tradesSink.close();
    const candlesSink = openCandlesSink(options);
    await candlesSink.position();
    await measure('candles', async () => await writeAll(candlesSink, candles));
    const again = candles.map((batch) => ({ ...batch, offset: batch.offset + candleCount }));
    await measure('candles again', async () => await writeAll(candlesSink, again));
    await candlesSink.close();
  }
  await measure('export', async () => {
    for await (const _ of exportTrades(database, { format: 'csv' }));
  });
  const best = (name: string): number => Math.min(...(times.get(name) ?? []));
  const rate = (name: string, count: number): string =>
    `${(count / best(name) / 1000).toFixed(2)} M/s (${best(name).toFixed(0)} ms)`;
  console.log(`bare COPY of ${tradeCount} trades   ${rate('bare', tradeCount)}`);
  console.log(`trades sink                  ${rate('trades', tradeCount)}`);
  console.log(`  of the bare COPY           ${(best('bare') / best('trades')).toFixed(2)}`);
  console.log(`${candleCount} new candles            ${rate('candles', candleCount)}`);
  console.log(`the same candles again       ${rate('candles again', candleCount)}`);
  console.log(`trades out as CSV            ${rate('export', tradeCount)}`);
}

async function writeAll(sink: Sink, batches: readonly SinkBatch[]): Promise<void> {
  let group: SinkBatch[] = [];
  let count = 0;
  for (const batch of batches) {
    group.push(batch);
    count += batch.count;
    if (count < rowsPerWrite && batch !== batches.at(-1)) continue;
    await sink.write(group, batch.offset + batch.count);
    group = [];
    count = 0;
  }
}

function tradeBatches(): SinkBatch[] {
  const batches: SinkBatch[] = [];
  const sequences = [0, 0];
  for (let offset = 0; offset < tradeCount; offset += rowsPerBatch) {
    const columns = new TradeColumns();
    columns.source = 'lean';
    columns.scope = 'bench';
    const instruments = [columns.instrumentOf('BAC', 4, 0), columns.instrumentOf('SPY', 4, 0)];
    for (const [index, entry] of columns.instruments.entries()) entry.sequence = sequences[index];
    const count = Math.min(rowsPerBatch, tradeCount - offset);
    for (let row = 0; row < count; row++) {
      const { instrument, time, received, price, size, id } = tradeOf(offset + row);
      const tag = columns.tagOf(`V${id % 12}`, `@${id % 4}`, '');
      columns.push(instruments[instrument], tag, time, received, price, size, id);
      sequences[instrument]++;
    }
    batches.push({ offset, count, bytes: encodeTrades(columns) });
  }
  return batches;
}

function tradeOf(index: number) {
  const time = opening + Math.floor(index * spacing);
  const received = time + 5 * second;
  const price = 1_394_000 + (index % 977);
  return { instrument: index & 1, time, received, price, size: 100, id: index };
}

/** The same rows, encoded beforehand. */
function bareRows(): Uint8Array[] {
  const writer = new CopyWriter();
  const chunks: Uint8Array[] = [];
  for (let index = 0; index < tradeCount; index++) {
    const { instrument, time, received, price, size, id } = tradeOf(index);
    writer.row(9);
    writer.time(time);
    writer.time(received);
    writer.int4(instrument + 1);
    writer.int4((index % 12) + 1);
    writer.int8(price);
    writer.int8(size);
    writer.int8(id);
    writer.int8(index);
    writer.int8(index >> 1);
    if (writer.isFull) chunks.push(writer.take().slice());
  }
  return [...chunks, writer.end()];
}

function candleBatches(): SinkBatch[] {
  const batches: SinkBatch[] = [];
  for (let offset = 0; offset < candleCount; offset += rowsPerBatch) {
    const count = Math.min(rowsPerBatch, candleCount - offset);
    batches.push({ offset, count, bytes: encodeCandles(candleBatch(offset, count)) });
  }
  return batches;
}

function candleBatch(offset: number, count: number): CandleBatch {
  const column = (value: (index: number) => number): Float64Array =>
    Float64Array.from({ length: count }, (_, row) => value(offset + row));
  const zeros = Object.fromEntries(candleColumns.map((name) => [name, column(() => 0)]));
  return {
    ...(zeros as Pick<CandleBatch, (typeof candleColumns)[number]>),
    count,
    symbols: ['BAC', 'SPY'].map((symbol) => ({
      symbol,
      priceScale: 4,
      sizeScale: 0,
      calendar: 'XNYS',
    })),
    receiveTime: opening,
    start: column((index) => opening + Math.floor(index / 2) * second),
    open: column((index) => 1_394_000 + (index % 977)),
    high: column((index) => 1_395_000 + (index % 977)),
    low: column((index) => 1_393_000 + (index % 977)),
    close: column((index) => 1_394_100 + (index % 977)),
    volumeLow: column((index) => 12_345 + index),
    notionalLow: column((index) => (12_345 + index) * 1_394_000),
    trades: column((index) => 12 + (index % 9)),
    symbol: Uint16Array.from({ length: count }, (_, row) => (offset + row) & 1),
    price: new Uint8Array(count),
    interval: new Uint8Array(count),
    state: new Uint8Array(count).fill(1),
  };
}
