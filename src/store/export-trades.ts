// The trades of an export, by time and place in the log. PostgreSQL streams integers, sorted some
// hours at a time so that a sort stays in memory; what they stand for is looked up beside and put
// together here, which is three times as fast as having PostgreSQL write the text.

import { strict as assert } from 'node:assert/strict';
import type { Client } from 'pg';
import { type Micros, micros } from '../base/clock.ts';
import { formatDecimal } from '../contracts/decimal.ts';
import { copyOut } from './copy.ts';
import type { CopyReader } from './copy-binary.ts';
import type { Cells, ExportColumn, RowBatch } from './export-formats.ts';
import { type ExportScope, within } from './export-scope.ts';
import type { Span } from './history.ts';
import { hourMicros } from './trade-hours.ts';

/** What our own CSV replay reads back. */
export const tradeExportColumns: readonly ExportColumn[] = [
  { name: 'symbol', kind: 'text' },
  { name: 'time', kind: 'time' },
  { name: 'price', kind: 'decimal' },
  { name: 'size', kind: 'decimal' },
  { name: 'id', kind: 'text' },
  { name: 'conditions', kind: 'text' },
  { name: 'venue', kind: 'text' },
  { name: 'side', kind: 'text' },
  { name: 'source', kind: 'text' },
  { name: 'received', kind: 'time' },
  { name: 'verdict', kind: 'text' },
];

/** So many trades are sorted at once, if hours allow. */
const sortedMax = 250_000;
/** So many rows are looked up and yielded at once. */
const rowsAtOnce = 4_096;
const tagsMax = 100_000;

/** `asker` is a second connection, for what the rows that `reader` streams refer to. */
export async function* readTrades(
  reader: Client,
  asker: Client,
  scope: ExportScope,
): AsyncGenerator<RowBatch> {
  const trades = new StoredTrades();
  const cells = new TradeCells(asker, scope);
  for (const span of await spansOf(reader, scope)) {
    const query = `
      select event_time, delay, instrument_id, tag_id, price, size, trade_id, log_offset
      from trade_rows
      where ${within('event_time', span)}
        and ${scope.only === null ? 'true' : `instrument_id = ${scope.only}`}
      order by event_time, log_offset, tag_id`;
    for await (const count of copyOut(reader, query, rowsAtOnce, trades.take)) {
      yield { count, cells: await cells.of(trades, count) };
    }
  }
}

/** The span cut between hours, so that no piece has many more trades than can be sorted well. */
async function spansOf(client: Client, scope: ExportScope): Promise<readonly Span[]> {
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
     where ${scope.only === null ? 'true' : `instrument_id = ${scope.only}`}
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

/** Some trades as they are stored, in columns. */
class StoredTrades {
  readonly time = new Float64Array(rowsAtOnce);
  readonly received = new Float64Array(rowsAtOnce);
  readonly instrumentId = new Int32Array(rowsAtOnce);
  readonly tagId = new Int32Array(rowsAtOnce);
  readonly price = new Float64Array(rowsAtOnce);
  readonly size = new Float64Array(rowsAtOnce);
  /** NaN where there is none. */
  readonly id = new Float64Array(rowsAtOnce);
  readonly offset = new Float64Array(rowsAtOnce);

  readonly take = (reader: CopyReader, row: number): void => {
    const time = reader.time();
    this.time[row] = time;
    this.received[row] = reader.isNil() ? time : time + reader.int8();
    this.instrumentId[row] = reader.int4();
    this.tagId[row] = reader.int4();
    this.price[row] = reader.int8();
    this.size[row] = reader.int8();
    this.id[row] = reader.isNil() ? Number.NaN : reader.int8();
    this.offset[row] = reader.int8();
  };
}

interface Tag {
  readonly tag_id: number;
  readonly venue: string;
  readonly conditions: string;
  readonly side: string;
  readonly source: string;
  readonly verdict: string;
  readonly price_scale: number;
  readonly size_scale: number;
  readonly has_text_ids: boolean;
}

/** The cells of some trades, with what they refer to looked up. */
class TradeCells {
  readonly #client: Client;
  readonly #symbols: ReadonlyMap<number, string>;
  readonly #tags = new Map<number, Tag>();
  readonly #columns = {
    symbol: textCells(),
    time: new Float64Array(rowsAtOnce),
    price: textCells(),
    size: textCells(),
    id: textCells(),
    conditions: textCells(),
    venue: textCells(),
    side: textCells(),
    source: textCells(),
    received: new Float64Array(rowsAtOnce),
    verdict: textCells(),
  };

  constructor(client: Client, { instruments }: ExportScope) {
    this.#client = client;
    this.#symbols = new Map(instruments.map(({ id, symbol }) => [id, symbol]));
  }

  async of(trades: StoredTrades, count: number): Promise<readonly Cells[]> {
    await this.#learnTags(trades.tagId.subarray(0, count));
    const columns = this.#columns;
    const named: number[] = [];
    for (let row = 0; row < count; row++) {
      const tag = this.#tags.get(trades.tagId[row]);
      assert(tag, 'no tag is ever deleted');
      columns.symbol[row] = this.#symbols.get(trades.instrumentId[row]) ?? null;
      columns.time[row] = trades.time[row];
      columns.price[row] = formatDecimal(trades.price[row], tag.price_scale);
      columns.size[row] = formatDecimal(trades.size[row], tag.size_scale);
      columns.id[row] = Number.isNaN(trades.id[row]) ? null : String(trades.id[row]);
      columns.conditions[row] = tag.conditions;
      columns.venue[row] = tag.venue;
      columns.side[row] = tag.side;
      columns.source[row] = tag.source;
      columns.received[row] = trades.received[row];
      columns.verdict[row] = tag.verdict;
      if (tag.has_text_ids) named.push(row);
    }
    if (named.length > 0) await this.#fillTextIds(trades, named);
    return Object.values(columns);
  }

  async #learnTags(ids: Int32Array): Promise<void> {
    if (this.#tags.size > tagsMax) this.#tags.clear();
    const unknown = new Set<number>();
    for (const id of ids) if (!this.#tags.has(id)) unknown.add(id);
    if (unknown.size === 0) return;
    const { rows } = await this.#client.query<Tag>(
      `select
         tag_id, venue, conditions, side, source, verdict,
         scale(price_unit) as price_scale, scale(size_unit) as size_scale, has_text_ids
       from trade_tags
       where tag_id = any($1)`,
      [[...unknown]],
    );
    for (const tag of rows) this.#tags.set(tag.tag_id, tag);
  }

  /** The ids of these rows as their source writes them; null where it gave none. */
  async #fillTextIds(trades: StoredTrades, named: readonly number[]): Promise<void> {
    const { rows } = await this.#client.query<{ id: string | null }>(
      `select trade_texts.id
       from unnest($1::int[], $2::bigint[])
         with ordinality as named (tag_id, log_offset, position)
       left join trade_texts using (tag_id, log_offset)
       order by position`,
      [named.map((row) => trades.tagId[row]), named.map((row) => trades.offset[row])],
    );
    for (const [index, { id }] of rows.entries()) this.#columns.id[named[index]] = id;
  }
}

function textCells(): (string | null)[] {
  return [];
}
