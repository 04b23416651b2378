// Trades as the store gives them back: rows in the order of event time, each with its place in the
// log. What few of them differ in is kept once, under the number that the store knows it by.

import { type Tape, TradeColumns, type TradeTag } from './trade.ts';
import { type Verdict, verdicts } from './verdict.ts';

/** With its offset, where a trade stands in the log; and what it shares with others. */
export interface PlacedTag extends TradeTag {
  readonly epoch: string;
  readonly partition: number;
  readonly source: string;
  readonly scope: string;
  readonly tape: Tape;
  readonly verdict: Verdict;
  readonly priceScale: number;
  readonly sizeScale: number;
}

export interface PlacedInstrument {
  readonly symbol: string;
  readonly calendar: string;
}

/** Rows 0 to count - 1, by (event time, offset, tag). Times in microseconds. */
export interface PlacedTrades {
  readonly count: number;
  readonly eventTime: Float64Array;
  readonly receiveTime: Float64Array;
  /** NaN where there is none. */
  readonly id: Float64Array;
  /** Integer counts in the scales of the row's tag. */
  readonly price: Float64Array;
  readonly size: Float64Array;
  readonly offset: Float64Array;
  readonly instrumentId: Int32Array;
  readonly tagId: Int32Array;
  /** 1 where a cancel was stored after the trade. */
  readonly cancelled: Uint8Array;
  readonly instruments: ReadonlyMap<number, PlacedInstrument>;
  readonly tags: ReadonlyMap<number, PlacedTag>;
  /** By row, the ids that are text. */
  readonly textIds: ReadonlyMap<number, string | null>;
}

export function tagAt({ tags, tagId }: PlacedTrades, row: number): PlacedTag {
  return tags.get(tagId[row]) as PlacedTag;
}

/** What became of it: the verdict of ingest, or that it was cancelled since. */
export function verdictAt(trades: PlacedTrades, row: number): Verdict {
  return trades.cancelled[row] === 1 ? 'cancelled' : tagAt(trades, row).verdict;
}

/** The id as the source wrote it; null where it gave none. */
export function idAt({ id, textIds }: PlacedTrades, row: number): string | null {
  const text = textIds.get(row);
  if (text !== undefined) return text;
  return Number.isNaN(id[row]) ? null : String(id[row]);
}

/**
 * The rows for which `keep` holds 1 as batches of the log, each of one source, id scope, tape and
 * pair of scales. The order among the rows of different batches is lost.
 */
export function batchesOf(trades: PlacedTrades, keep: Uint8Array): readonly TradeColumns[] {
  const { count, eventTime, receiveTime, id, price, size, instrumentId } = trades;
  const batches = new Map<string, TradeColumns>();
  const places = new Map<number, TagPlace>();
  for (let row = 0; row < count; row++) {
    if (keep[row] !== 1) continue;
    const place = places.getOrInsertComputed(trades.tagId[row], () =>
      placeOf(tagAt(trades, row), batches),
    );
    const { columns, priceScale, sizeScale } = place;
    const instrument = trades.instruments.get(instrumentId[row]) as PlacedInstrument;
    const index = columns.instrumentOf(instrument.symbol, priceScale, sizeScale);
    columns.instruments[index].calendar = instrument.calendar;
    const { tag } = place;
    columns.push(index, tag, eventTime[row], receiveTime[row], price[row], size[row], id[row]);
    columns.verdict[columns.count - 1] = verdicts.indexOf(verdictAt(trades, row));
  }
  return [...batches.values()];
}

/** Where the rows of a tag go. */
interface TagPlace {
  readonly columns: TradeColumns;
  readonly tag: number;
  readonly priceScale: number;
  readonly sizeScale: number;
}

function placeOf(tag: PlacedTag, batches: Map<string, TradeColumns>): TagPlace {
  const { source, scope, tape, priceScale, sizeScale } = tag;
  const key = [source, scope, tape, priceScale, sizeScale].join('\0');
  const columns = batches.getOrInsertComputed(key, () =>
    Object.assign(new TradeColumns(), { source, scope, tape }),
  );
  return {
    columns,
    tag: columns.tagOf(tag.venue, tag.conditions, tag.side),
    priceScale,
    sizeScale,
  };
}
