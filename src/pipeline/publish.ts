// Publish: joins the trades of the log to a topic of rows that people and Flink can read. What SQL
// cannot know travels in the row: what its tape lets a trade move, where its day starts by the
// exchange's calendar, price x size without rounding.
//
// A row's key is what the trade is known by, so a cancel takes it back without anybody looking for
// it, and rows that are sent twice after a crash change nothing.

import type { Clock } from '../base/clock.ts';
import { formatBigDecimal, formatDecimal } from '../contracts/decimal.ts';
import { frameKind } from '../contracts/frame.ts';
import { idSpace } from '../contracts/identity.ts';
import type { BatchInstrument } from '../contracts/instrument.ts';
import { formatTime } from '../contracts/time.ts';
import { decodeTrades, type TradeBatch, type TradeTag } from '../contracts/trade.ts';
import { cancel, counts, verdictName } from '../contracts/verdict.ts';
import { day, startOf } from '../engine/buckets.ts';
import { highLow, movesOf, openClose, volume } from '../engine/tape-rules.ts';
import type { Append, Log, StoredBatch } from '../log/log.ts';
import type { Row, Rows } from '../log/rows.ts';
import { untilDone } from './commit.ts';
import { Follower, type Operated } from './follower.ts';
import type { Meters } from './meters.ts';

export interface PublishOptions {
  readonly rows: Rows;
  readonly topic: string;
  /** Waits while rows cannot be sent, until the signal aborts. */
  readonly keepTrying: boolean;
  readonly signal: AbortSignal;
}

export function publishTrades(
  log: Log,
  options: PublishOptions,
  clock: Clock,
  meters: Meters,
): Follower {
  const published = new PublishedTrades(options, clock);
  const name = `publish to ${options.topic}`;
  return new Follower(log, 'market.trades', name, published, clock, meters);
}

class PublishedTrades implements Operated {
  readonly isFull = false;
  /** Each commit is one: what was sent is not sent again. */
  readonly checkpointEvery = 0;
  readonly #options: PublishOptions;
  readonly #clock: Clock;

  constructor(options: PublishOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async apply({ bytes, offset }: StoredBatch): Promise<readonly Append[]> {
    if (frameKind(bytes) !== 'trades') return [];
    const { rows, topic, keepTrying, signal } = this.#options;
    const sent = tradeRows(decodeTrades(bytes), offset);
    await untilDone(async () => await rows.send(topic, sent), this.#clock, keepTrying, signal);
    return [];
  }

  async checkpoint() {
    return { snapshot: null, kept: [] };
  }

  saved(): void {}

  async restore(): Promise<void> {}
}

/** The rows of the trades that count, and of the cancels; `offset` is the batch's in the log. */
function tradeRows(batch: TradeBatch, offset: number): Row[] {
  const rows: Row[] = [];
  for (let row = 0; row < batch.count; row++) {
    const verdict = batch.verdict[row] as number;
    if (!counts(verdict) && verdict !== cancel) continue;
    const { symbol } = batch.instruments[batch.instrument[row] as number] as BatchInstrument;
    const key = keyOf(batch, row, symbol, offset);
    const value = verdict === cancel ? null : JSON.stringify(tradeRow(batch, row));
    rows.push({ key, value, group: symbol });
  }
  return rows;
}

/** A cancel that names another time than its trade's finds no trade, here as everywhere. */
function keyOf(batch: TradeBatch, row: number, symbol: string, offset: number): string {
  const id = batch.id[row] as number;
  const space = idSpace(batch.scope, symbol);
  return Number.isNaN(id)
    ? `${space} at ${offset + row}`
    : `${space} ${id} ${batch.eventTime[row]}`;
}

function tradeRow(batch: TradeBatch, row: number) {
  const instrument = batch.instruments[batch.instrument[row] as number] as BatchInstrument;
  const { symbol, priceScale, sizeScale, calendar } = instrument;
  const { venue, conditions, side } = batch.tags[batch.tag[row] as number] as TradeTag;
  const time = batch.eventTime[row] as number;
  const price = batch.price[row] as number;
  const size = batch.size[row] as number;
  const id = batch.id[row] as number;
  const moves = movesOf(batch.tape, conditions);
  return {
    symbol,
    time: formatTime(time),
    price: formatDecimal(price, priceScale),
    size: formatDecimal(size, sizeScale),
    notional: formatBigDecimal(BigInt(price) * BigInt(size), priceScale + sizeScale),
    side,
    venue,
    conditions,
    source: batch.source,
    verdict: verdictName(batch.verdict[row] as number),
    eventTime: time,
    order: Number.isNaN(id) ? 0 : id,
    moves: letters(moves.within),
    dayMoves: letters(moves.day),
    dayStart: startOf(calendar, day, time),
  };
}

/** As the tape writes its rules: open and close, high and low, volume. */
function letters(moves: number): string {
  return [openClose, highLow, volume].map((bit) => ((moves & bit) === 0 ? 'N' : 'Y')).join('');
}
