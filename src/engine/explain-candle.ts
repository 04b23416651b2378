// What a candle is made of: each of its trades with what the rules of its tape let it move, the
// trades that made its prices, and the candle computed anew from exactly these. Trades stream
// through; only a page of them is kept.

import { formatDecimal } from '../contracts/decimal.ts';
import type { ExplainedTrade, MadeName, RecomputedCandle } from '../contracts/explanation.ts';
import { type Interval, intervals } from '../contracts/interval.ts';
import {
  idAt,
  type PlacedTag,
  type PlacedTrades,
  tagAt,
  verdictAt,
} from '../contracts/placed-trades.ts';
import { formatTime } from '../contracts/time.ts';
import { counts, type Verdict, verdicts } from '../contracts/verdict.ts';
import { candleAt } from '../contracts/wire-objects.ts';
import { Recomputed } from './recomputed.ts';
import { highLow, movesOf, openClose, rulesOf, volume } from './tape-rules.ts';

/** The last trade of a page. */
export interface ExplainedPlace {
  readonly time: number;
  readonly offset: number;
  readonly tagId: number;
}

export interface CandleParts {
  readonly recomputed: RecomputedCandle | null;
  readonly made: Record<MadeName, ExplainedTrade | null>;
  readonly counts: Counts;
  readonly epochs: number;
  readonly trades: ExplainedTrade[];
  readonly next: ExplainedPlace | null;
}

interface Counts {
  trades: number;
  late: number;
  repeats: number;
  openClose: number;
  highLow: number;
  volume: number;
}

/** A trade as it is stored. */
interface Row extends ExplainedPlace {
  readonly tag: PlacedTag;
  readonly receiveTime: number;
  readonly price: number;
  readonly size: number;
  readonly id: number;
  readonly idText: string | null;
  readonly verdict: Verdict;
  readonly may: number;
  readonly isRepeat: boolean;
}

export class CandleExplainer {
  readonly #interval: Interval;
  readonly #limit: number;
  readonly #after: ExplainedPlace | null;
  readonly #recomputed = new Recomputed();
  readonly #movesByTag = new Map<number, number>();
  readonly #makers = {
    open: new Maker(openClose, precedes),
    high: new Maker(highLow, isHigher),
    low: new Maker(highLow, isLower),
    close: new Maker(openClose, (a, b) => precedes(b, a)),
  };
  readonly #counts: Counts = {
    trades: 0,
    late: 0,
    repeats: 0,
    openClose: 0,
    highLow: 0,
    volume: 0,
  };
  readonly #epochs = new Set<string>();
  readonly #page: Row[] = [];
  #hasMore = false;

  /** Of the trades after `after` it lists the first `limit`. */
  constructor(interval: Interval, limit: number, after: ExplainedPlace | null) {
    this.#interval = interval;
    this.#limit = limit;
    this.#after = after;
  }

  /** Takes the trades that follow; all of them must be the candle's. */
  add(trades: PlacedTrades): void {
    const isNew = this.#recomputed.add(trades);
    for (let index = 0; index < trades.count; index++) {
      const row = this.#rowAt(trades, index, isNew[index] === 0);
      this.#count(row);
      this.#list(row);
      if (row.isRepeat) continue;
      for (const maker of Object.values(this.#makers)) maker.offer(row);
    }
  }

  end(): CandleParts {
    const batch = this.#recomputed.candles();
    const interval = intervals.indexOf(this.#interval);
    const at = batch ? batch.interval.indexOf(interval) : -1;
    const { open, high, low, close } = this.#makers;
    const made = { open: open.best, high: high.best, low: low.best, close: close.best };
    const explain = (row: Row): ExplainedTrade => this.#explain(row, made);
    const last = this.#page.at(-1);
    return {
      recomputed: batch && at >= 0 ? figuresOf(candleAt(batch, at)) : null,
      made: {
        open: made.open && explain(made.open),
        high: made.high && explain(made.high),
        low: made.low && explain(made.low),
        close: made.close && explain(made.close),
      },
      counts: this.#counts,
      epochs: this.#epochs.size,
      trades: this.#page.map(explain),
      next: this.#hasMore && last ? last : null,
    };
  }

  #rowAt(trades: PlacedTrades, row: number, isRepeat: boolean): Row {
    const tag = tagAt(trades, row);
    const tagId = trades.tagId[row];
    const verdict = verdictAt(trades, row);
    const may = this.#movesByTag.getOrInsertComputed(tagId, () => {
      const { day, within } = movesOf(tag.tape, tag.conditions);
      return this.#interval === '1d' ? day : within;
    });
    return {
      time: trades.eventTime[row],
      offset: trades.offset[row],
      tagId,
      tag,
      receiveTime: trades.receiveTime[row],
      price: trades.price[row],
      size: trades.size[row],
      id: trades.id[row],
      idText: idAt(trades, row),
      verdict,
      // What was cancelled, and the cancel itself, move nothing.
      may: counts(verdicts.indexOf(verdict)) ? may : 0,
      isRepeat,
    };
  }

  #count({ tag, verdict, may, isRepeat }: Row): void {
    const told = this.#counts;
    this.#epochs.add(tag.epoch);
    told.trades++;
    if (verdict === 'late') told.late++;
    if (isRepeat) {
      told.repeats++;
      return;
    }
    if ((may & openClose) !== 0) told.openClose++;
    if ((may & highLow) !== 0) told.highLow++;
    if ((may & volume) !== 0) told.volume++;
  }

  #list(row: Row): void {
    if (this.#after && !isBehind(row, this.#after)) return;
    if (this.#page.length < this.#limit) this.#page.push(row);
    else this.#hasMore = true;
  }

  #explain(row: Row, makers: Record<MadeName, Row | null>): ExplainedTrade {
    const { tag, may, verdict } = row;
    const { epoch, partition, tape, conditions, venue, source } = tag;
    const names = Object.keys(makers) as MadeName[];
    return {
      position: { epoch, partition, offset: row.offset },
      time: formatTime(row.time),
      delayMicros: row.receiveTime - row.time,
      price: formatDecimal(row.price, tag.priceScale),
      size: formatDecimal(row.size, tag.sizeScale),
      id: row.idText,
      venue,
      source,
      verdict,
      tape,
      conditions,
      moves: {
        openClose: (may & openClose) !== 0,
        highLow: (may & highLow) !== 0,
        volume: (may & volume) !== 0,
      },
      rules: rulesOf(tape, conditions).map(({ code, meaning }) => ({ code, meaning })),
      made: names.filter((name) => makers[name] !== null && isSame(makers[name], row)),
      isRepeat: row.isRepeat,
    };
  }
}

/**
 * The trade that makes one price: the best of those that may; where none may, of those that may
 * move anything.
 */
class Maker {
  readonly #bit: number;
  readonly #isBetter: (row: Row, than: Row) => boolean;
  #best: Row | null = null;
  #standIn: Row | null = null;

  constructor(bit: number, isBetter: (row: Row, than: Row) => boolean) {
    this.#bit = bit;
    this.#isBetter = isBetter;
  }

  get best(): Row | null {
    return this.#best ?? this.#standIn;
  }

  offer(row: Row): void {
    if ((row.may & this.#bit) !== 0) {
      if (!this.#best || this.#isBetter(row, this.#best)) this.#best = row;
    } else if (row.may !== 0 && (!this.#standIn || this.#isBetter(row, this.#standIn))) {
      this.#standIn = row;
    }
  }
}

/** The order of the fold: event time, id (none counts as 0), price. */
function precedes(a: Row, b: Row): boolean {
  if (a.time !== b.time) return a.time < b.time;
  const [idA, idB] = [orderOf(a), orderOf(b)];
  return idA === idB ? comparePrices(a, b) < 0 : idA < idB;
}

function orderOf({ id }: Row): number {
  return Number.isNaN(id) ? 0 : id;
}

/** Of equal prices the first is told. */
function isHigher(a: Row, b: Row): boolean {
  const order = comparePrices(a, b);
  return order === 0 ? precedes(a, b) : order > 0;
}

function isLower(a: Row, b: Row): boolean {
  const order = comparePrices(a, b);
  return order === 0 ? precedes(a, b) : order < 0;
}

function comparePrices(a: Row, b: Row): number {
  const digits = b.tag.priceScale - a.tag.priceScale;
  if (digits === 0) return a.price - b.price;
  const scaled = (row: Row, by: number) => BigInt(row.price) * 10n ** BigInt(Math.max(0, by));
  return Number(scaled(a, digits) - scaled(b, -digits));
}

function isBehind(row: ExplainedPlace, other: ExplainedPlace): boolean {
  if (row.time !== other.time) return row.time > other.time;
  return row.offset === other.offset ? row.tagId > other.tagId : row.offset > other.offset;
}

function isSame(a: ExplainedPlace, b: ExplainedPlace): boolean {
  return a.time === b.time && a.offset === b.offset && a.tagId === b.tagId;
}

function figuresOf(candle: RecomputedCandle): RecomputedCandle {
  const { open, high, low, close, volume: total, notional, vwap, trades, priced } = candle;
  return { open, high, low, close, volume: total, notional, vwap, trades, priced };
}
