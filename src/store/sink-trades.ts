// Stores trades for good: binary COPY of fixed integers straight into the partition of their month,
// beside their tags, the ids that are text, and the hours in which to look for a symbol's trades.

import type { Client } from 'pg';
import { sequencesOf } from '../contracts/event-columns.ts';
import { frameKind } from '../contracts/frame.ts';
import { formatTime } from '../contracts/time.ts';
import { decodeTrades, type TradeBatch } from '../contracts/trade.ts';
import { cancel } from '../contracts/verdict.ts';
import { copyIn } from './copy.ts';
import { CopyWriter, storable } from './copy-binary.ts';
import { knownInstruments } from './known-ids.ts';
import { type Month, monthsOf, Partitions } from './partitions.ts';
import type { Sink, SinkBatch } from './sink.ts';
import {
  type Offsets,
  PostgresSink,
  rowsWithin,
  type SinkOptions,
  type TopicRows,
} from './sink-postgres.ts';
import { TradeHours } from './trade-hours.ts';
import { type BatchTags, TradeTags } from './trade-tags.ts';

/** Heartbeats, which are in the same topic, are passed over. */
export function openTradesSink(options: SinkOptions): Sink {
  return new PostgresSink(new TradeRows(options), options);
}

interface Part {
  readonly offset: number;
  readonly count: number;
  readonly batch: TradeBatch;
  readonly tags: BatchTags;
  readonly months: readonly Month[];
}

/** A part with the ids of what its rows refer to; the rows [first, end) are to be stored. */
interface ReadyPart extends Part {
  readonly first: number;
  readonly end: number;
  /** By the batch's index of instruments. */
  readonly instrumentIds: readonly number[];
  /** By slot; see BatchTags. */
  readonly tagIds: Int32Array;
}

const rowsAtOnce = 256;
const copiedColumns =
  'event_time, delay, instrument_id, tag_id, price, size, trade_id, log_offset, sequence';

class TradeRows implements TopicRows {
  readonly topic = 'market.trades';
  readonly #instruments = knownInstruments();
  readonly #tags: TradeTags;
  // Autovacuum summarizes the BRIN index, and would otherwise wait for a fifth of the table.
  readonly #partitions = new Partitions(
    'trade_rows',
    'autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 250000',
  );

  constructor({ epoch, partition }: SinkOptions) {
    this.#tags = new TradeTags(epoch, partition);
  }

  async prepare(client: Client, batches: readonly SinkBatch[]) {
    this.#instruments.trim();
    this.#tags.trim();
    const parts = batches.filter(({ bytes }) => frameKind(bytes) === 'trades').map(this.#read);
    const months = distinct(parts.flatMap((part) => part.months));
    await this.#instruments.learn(client);
    await this.#tags.learn(client);
    await this.#partitions.ensure(client, months);
    return async (offsets: Offsets): Promise<void> => {
      const ready = parts
        .map((part) => this.#ready(part, offsets))
        .filter(({ first, end }) => first < end);
      for (const month of months) {
        const target = `${this.#partitions.tableOf(month)} (${copiedColumns})`;
        await copyIn(client, target, rowsOf(ready, month));
      }
      const withTexts = ready.filter(({ batch }) => batch.textIds !== null);
      if (withTexts.length > 0) await copyIn(client, 'trade_texts', textsOf(withTexts));
      const hours = new TradeHours();
      for (const part of ready) hours.count(part.batch, part.instrumentIds, part.first, part.end);
      await hours.store(client);
      for (const part of ready) await flagCancelled(client, part);
    };
  }

  forget(): void {
    this.#instruments.forget();
    this.#tags.forget();
    this.#partitions.forget();
  }

  readonly #read = ({ offset, count, bytes }: SinkBatch): Part => {
    const batch = decodeTrades(bytes);
    for (const { symbol } of batch.instruments) this.#instruments.want(symbol, { name: symbol });
    const tags = this.#tags.read(batch);
    return { offset, count, batch, tags, months: monthsOf(batch.eventTime) };
  };

  #ready(part: Part, offsets: Offsets): ReadyPart {
    return {
      ...part,
      ...rowsWithin(part, offsets),
      instrumentIds: part.batch.instruments.map(({ symbol }) => this.#instruments.idOf(symbol)),
      tagIds: this.#tags.idsOf(part.tags),
    };
  }
}

/**
 * Flags the trades that cancels name, but not those too late to change a candle; by their times,
 * since that is what the index knows, and all at once, since it may know little of what is new.
 */
async function flagCancelled(client: Client, part: ReadyPart): Promise<void> {
  const { batch, instrumentIds, first, end } = part;
  if (!batch.verdict.includes(cancel)) return;
  const rows = Array.from({ length: end - first }, (_, at) => first + at).filter(
    (row) => batch.verdict[row] === cancel,
  );
  if (rows.length === 0) return;
  const times = rows.map((row) => batch.eventTime[row]).sort((a, b) => a - b);
  await client.query(
    `update trade_rows set cancelled = true
     from unnest($1::timestamptz[], $2::int[], $3::bigint[])
       as named (event_time, instrument_id, trade_id), trade_tags
     where trade_rows.event_time between $4 and $5
       and trade_rows.event_time = named.event_time
       and trade_rows.instrument_id = named.instrument_id
       and trade_rows.trade_id = named.trade_id
       and trade_tags.tag_id = trade_rows.tag_id and scope = $6
       and verdict not in ('cancel', 'cancel too late', 'cancelled')`,
    [
      rows.map((row) => formatTime(batch.eventTime[row])),
      rows.map((row) => instrumentIds[batch.instrument[row]]),
      rows.map((row) => batch.id[row]),
      formatTime(times[0]),
      formatTime(times.at(-1) ?? times[0]),
      storable(batch.scope),
    ],
  );
}

function distinct(months: readonly Month[]): Month[] {
  return [...new Map(months.map((month) => [month.from, month])).values()];
}

function* rowsOf(parts: readonly ReadyPart[], month: Month): Generator<Uint8Array> {
  const writer = new CopyWriter();
  for (const part of parts) {
    if (!part.months.some(({ from }) => from === month.from)) continue;
    const sequences = sequencesOf(part.batch);
    for (let row = part.first; row < part.end; row += rowsAtOnce) {
      writeRows(writer, part, sequences, month, row, Math.min(part.end, row + rowsAtOnce));
      if (writer.isFull) yield writer.take();
    }
  }
  yield writer.end();
}

/** Writes the rows [from, to) that are of this month. */
function writeRows(
  writer: CopyWriter,
  { offset, batch, tags, tagIds, instrumentIds }: ReadyPart,
  sequences: Float64Array,
  month: Month,
  from: number,
  to: number,
): void {
  for (let row = from; row < to; row++) {
    const time = batch.eventTime[row];
    if (time < month.from || time >= month.to) continue;
    const delay = batch.receiveTime[row] - time;
    const id = batch.id[row];
    writer.row(9);
    writer.time(time);
    if (delay === 0) writer.nil();
    else writer.int8(delay);
    writer.int4(instrumentIds[batch.instrument[row]]);
    writer.int4(tagIds[tags.slots[row]]);
    writer.int8(batch.price[row]);
    writer.int8(batch.size[row]);
    if (Number.isNaN(id)) writer.nil();
    else writer.int8(id);
    writer.int8(offset + row);
    writer.int8(sequences[row]);
  }
}

function* textsOf(parts: readonly ReadyPart[]): Generator<Uint8Array> {
  const writer = new CopyWriter();
  for (const { offset, batch, tags, tagIds, first, end } of parts) {
    for (let row = first; row < end; row++) {
      const text = batch.textIds?.[row];
      if (typeof text !== 'string') continue;
      writer.row(3);
      writer.int4(tagIds[tags.slots[row]]);
      writer.int8(offset + row);
      writer.text(storable(text));
      if (writer.isFull) yield writer.take();
    }
  }
  yield writer.end();
}
