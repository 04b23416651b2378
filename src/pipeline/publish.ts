// Publish: joins the trades of the log to a topic of rows that people and Flink can read. What SQL
// cannot know travels in the row: what its tape lets a trade move, where its day starts by the
// exchange's calendar, price x size without rounding.
//
// A row's key is what the trade is known by, so a cancel takes it back without anybody looking for
// it, and rows that are sent twice after a crash change nothing.
//
// A trade that has no row is counted and told, and no dead letter: those keep what would be lost,
// and such a trade is in the log and in the store. So whoever publishes writes nothing to the log.

import type { Clock } from '../base/clock.ts';
import { formatBigDecimal, formatDecimal } from '../contracts/decimal.ts';
import { frameKind } from '../contracts/frame.ts';
import { idSpace } from '../contracts/identity.ts';
import type { BatchInstrument } from '../contracts/instrument.ts';
import { formatTime } from '../contracts/time.ts';
import { decodeTrades, type TradeBatch, type TradeTag } from '../contracts/trade.ts';
import { notionalDigits, type TradeRow } from '../contracts/trade-row.ts';
import { cancel, counts, verdictName } from '../contracts/verdict.ts';
import { day, startOf } from '../engine/buckets.ts';
import { sessionAt } from '../engine/signals/sessions.ts';
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
  readonly logger: { warn(fields: object, message: string): void };
}

export function publishTrades(
  log: Log,
  options: PublishOptions,
  clock: Clock,
  meters: Meters,
): Follower {
  const published = new PublishedTrades(options, log.epoch, clock, meters);
  const name = `publish to ${options.topic}`;
  return new Follower(log, 'market.trades', name, published, clock, meters);
}

class PublishedTrades implements Operated {
  readonly isFull = false;
  /** Each commit is one: what was sent is not sent again. */
  readonly checkpointEvery = 0;
  readonly #options: PublishOptions;
  readonly #epoch: string;
  readonly #clock: Clock;
  readonly #meters: Meters;

  constructor(options: PublishOptions, epoch: string, clock: Clock, meters: Meters) {
    this.#options = options;
    this.#epoch = epoch;
    this.#clock = clock;
    this.#meters = meters;
  }

  async apply({ bytes, offset }: StoredBatch): Promise<readonly Append[]> {
    if (frameKind(bytes) !== 'trades') return [];
    const { rows, topic, keepTrying, signal, logger } = this.#options;
    const batch = decodeTrades(bytes);
    const { sent, refused } = tradeRows(batch, this.#epoch, offset);
    await untilDone(async () => await rows.send(topic, sent), this.#clock, keepTrying, signal);
    this.#meters.published.inc({ topic }, sent.length);
    if (refused.length > 0) {
      const { source } = batch;
      this.#meters.unpublished.inc({ source, reason: 'too-wide' }, refused.length);
      logger.warn(
        { source, trades: refused },
        `${refused.length} trades are not published: price x size has more digits than rows hold`,
      );
    }
    return [];
  }

  async checkpoint() {
    return { snapshot: null, kept: [] };
  }

  saved(): void {}

  async restore(): Promise<void> {}
}

/**
 * The rows of the trades that count, and of the cancels; and the keys of those that have none, as
 * sums over them would be wrong without a word. Epoch and offset are the batch's in the log.
 */
function tradeRows(batch: TradeBatch, epoch: string, offset: number) {
  const sent: Row[] = [];
  const refused: string[] = [];
  for (let row = 0; row < batch.count; row++) {
    const verdict = batch.verdict[row] as number;
    if (!counts(verdict) && verdict !== cancel) continue;
    const { symbol } = batch.instruments[batch.instrument[row] as number] as BatchInstrument;
    const key = keyOf(batch, row, symbol, `${epoch} ${offset + row}`);
    if (verdict === cancel) {
      sent.push({ key, value: null, group: symbol });
      continue;
    }
    const value = tradeRow(batch, row);
    if (hasRoom(value.notional)) sent.push({ key, value, group: symbol });
    else refused.push(key);
  }
  return { sent, refused };
}

function hasRoom(notional: string): boolean {
  const { precision, scale } = notionalDigits;
  const [whole = '', fraction = ''] = notional.split('.');
  return whole.length <= precision - scale && fraction.length <= scale;
}

/**
 * A cancel that names another time than its trade's finds no trade, here as everywhere. What has no
 * id is known by its place in the log.
 */
function keyOf(batch: TradeBatch, row: number, symbol: string, place: string): string {
  const id = batch.id[row] as number;
  const space = idSpace(batch.scope, symbol);
  return Number.isNaN(id) ? `${space} at ${place}` : `${space} ${id} ${batch.eventTime[row]}`;
}

function tradeRow(batch: TradeBatch, row: number): TradeRow {
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
    session: sessionAt(calendar, time)?.open ?? null,
    sizeDigits: sizeScale,
  };
}

/** As the tape writes its rules: open and close, high and low, volume. */
function letters(moves: number): string {
  return [openClose, highLow, volume].map((bit) => ((moves & bit) === 0 ? 'N' : 'Y')).join('');
}
