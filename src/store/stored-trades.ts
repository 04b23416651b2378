// Trades streamed out of the store, in order. PostgreSQL sends integers, sorted some hours at a
// time so that a sort stays in memory; what they stand for is looked up beside, which is three
// times as fast as having PostgreSQL write the text.

import { strict as assert } from 'node:assert/strict';
import type { ClientBase } from 'pg';
import { type Micros, micros } from '../base/clock.ts';
import type { PlacedInstrument, PlacedTag, PlacedTrades } from '../contracts/placed-trades.ts';
import { copyOut } from './copy.ts';
import type { CopyReader } from './copy-binary.ts';
import { type ExportScope, ofInstruments, within } from './export-scope.ts';
import type { Span } from './history.ts';
import { hourMicros } from './trade-hours.ts';
import type { Ask } from './trade-pages.ts';

/** So many trades are sorted at once, if hours allow. */
const sortedMax = 250_000;
/** So many rows are looked up and yielded at once. */
const rowsAtOnce = 4_096;
const tagsMax = 100_000;

/**
 * What is yielded is good until more is asked for. `ask` is answered over another connection than
 * `reader`, which streams the rows meanwhile.
 */
export async function* storedTrades(
  reader: ClientBase,
  ask: Ask,
  scope: ExportScope,
): AsyncGenerator<PlacedTrades> {
  const trades = new StoredTrades(ask, scope);
  for (const span of await spansOf(reader, scope)) {
    const query = `
      select event_time, delay, instrument_id, tag_id, price, size, trade_id, log_offset,
        cancelled::int
      from trade_rows
      where ${within('event_time', span)} and ${ofInstruments(scope)}
      order by event_time, log_offset, tag_id`;
    for await (const count of copyOut(reader, query, rowsAtOnce, trades.take)) {
      await trades.lookUp(count);
      yield trades;
    }
  }
}

/** The span cut between hours, so that no piece has many more trades than can be sorted well. */
async function spansOf(client: ClientBase, scope: ExportScope): Promise<readonly Span[]> {
  const { rows } = await client.query<{
    hour: string;
    first: string;
    last: string;
    trades: string;
  }>(
    `select
       micros(hour) as hour, micros(min(first_time)) as first, micros(max(last_time)) as last,
       sum(trades) as trades
     from trade_hours
     where ${ofInstruments(scope)}
       and ${within('last_time', { from: scope.from })}
       and ${within('first_time', { to: scope.to })}
     group by trade_hours.hour
     order by trade_hours.hour`,
  );
  const { from = 0, to = Number.POSITIVE_INFINITY } = scope;
  const spans: { from: Micros; to: Micros }[] = [];
  let [nextHour, trades] = [0, 0];
  for (const row of rows) {
    const end = micros(Math.min(to, Number(row.last) + 1));
    trades += Number(row.trades);
    const span = spans.at(-1);
    if (span && Number(row.hour) === nextHour && trades <= sortedMax) {
      span.to = end;
    } else {
      spans.push({ from: micros(Math.max(from, Number(row.first))), to: end });
      trades = Number(row.trades);
    }
    nextHour = Number(row.hour) + hourMicros;
  }
  return spans;
}

class StoredTrades implements PlacedTrades {
  count = 0;
  readonly eventTime = new Float64Array(rowsAtOnce);
  readonly receiveTime = new Float64Array(rowsAtOnce);
  readonly instrumentId = new Int32Array(rowsAtOnce);
  readonly tagId = new Int32Array(rowsAtOnce);
  readonly price = new Float64Array(rowsAtOnce);
  readonly size = new Float64Array(rowsAtOnce);
  readonly id = new Float64Array(rowsAtOnce);
  readonly offset = new Float64Array(rowsAtOnce);
  readonly cancelled = new Uint8Array(rowsAtOnce);
  readonly instruments: ReadonlyMap<number, PlacedInstrument>;
  readonly tags = new Map<number, Tag>();
  readonly textIds = new Map<number, string | null>();
  readonly #ask: Ask;

  constructor(ask: Ask, { instruments }: ExportScope) {
    this.#ask = ask;
    this.instruments = new Map(instruments.map((instrument) => [instrument.id, instrument]));
  }

  readonly take = (reader: CopyReader, row: number): void => {
    const time = reader.time();
    this.eventTime[row] = time;
    this.receiveTime[row] = reader.isNil() ? time : time + reader.int8();
    this.instrumentId[row] = reader.int4();
    this.tagId[row] = reader.int4();
    this.price[row] = reader.int8();
    this.size[row] = reader.int8();
    this.id[row] = reader.isNil() ? Number.NaN : reader.int8();
    this.offset[row] = reader.int8();
    this.cancelled[row] = reader.isNil() ? 0 : reader.int4();
  };

  /** Learns what the rows taken refer to. */
  async lookUp(count: number): Promise<void> {
    this.count = count;
    this.textIds.clear();
    await this.#learnTags();
    const named: number[] = [];
    for (let row = 0; row < count; row++) {
      const tag = this.tags.get(this.tagId[row]);
      assert(tag, 'no tag is ever deleted');
      if (tag.hasTextIds) named.push(row);
    }
    if (named.length > 0) await this.#learnTextIds(named);
  }

  async #learnTags(): Promise<void> {
    if (this.tags.size > tagsMax) this.tags.clear();
    const unknown = new Set<number>();
    for (const id of this.tagId.subarray(0, this.count)) if (!this.tags.has(id)) unknown.add(id);
    if (unknown.size === 0) return;
    const found = await this.#ask<Tag & { readonly id: number }>(
      `select
         tag_id as id, epoch, partition, source, scope, tape, venue, conditions, side, verdict,
         scale(price_unit) as "priceScale", scale(size_unit) as "sizeScale",
         has_text_ids as "hasTextIds"
       from trade_tags
       where tag_id = any($1)`,
      [[...unknown]],
    );
    for (const { id, ...tag } of found) this.tags.set(id, tag);
  }

  /** The ids of these rows as their source writes them; null where it gave none. */
  async #learnTextIds(named: readonly number[]): Promise<void> {
    const found = await this.#ask<{ id: string | null }>(
      `select trade_texts.id
       from unnest($1::int[], $2::bigint[])
         with ordinality as named (tag_id, log_offset, position)
       left join trade_texts using (tag_id, log_offset)
       order by position`,
      [named.map((row) => this.tagId[row]), named.map((row) => this.offset[row])],
    );
    for (const [index, { id }] of found.entries()) this.textIds.set(named[index], id);
  }
}

interface Tag extends PlacedTag {
  readonly hasTextIds: boolean;
}
