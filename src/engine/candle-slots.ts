// The working memory of the candle operator: one flat Float64Array with a slot per candle, so that
// folding a trade touches one or two cache lines and allocates nothing. A slot's first fields are
// the candle columns of the log in their order. A fold is over a set: any order gives the same
// slot.

import { strict as assert } from 'node:assert/strict';
import { candleColumns } from '../contracts/candle.ts';
import { powerOfTen } from '../contracts/decimal.ts';
import { limb, productError, wideFromBigInt, wideToBigInt } from '../contracts/wide.ts';
import { everything, highLow, openClose, volume } from './tape-rules.ts';

// Literals, because the fold reads them for every trade.
export const START = 0;
export const OPEN = 1;
export const HIGH = 2;
export const LOW = 3;
export const CLOSE = 4;
export const OPEN_TIME = 5;
export const OPEN_ID = 6;
export const CLOSE_TIME = 7;
export const CLOSE_ID = 8;
export const VOLUME_HIGH = 9;
export const VOLUME_LOW = 10;
export const NOTIONAL_HIGH = 11;
export const NOTIONAL_LOW = 12;
export const TRADES = 13;
export const PRICED = 14;
export const RANGED = 15;
export const REVISION = 16;
export const PRICE_SCALE = 17;
export const SIZE_SCALE = 18;
/** Log offsets of the first and the last batch with trades of this candle. */
export const FIRST_BATCH = 19;
export const LAST_BATCH = 20;
/** Sum of the two that follow. */
export const FLAGS = 21;
/** A day whose trades were not all folded by the rules of shorter candles. */
export const ownRules = 1;
/** A candle that was made after the mark of its interval, which stays true without it. */
export const afterMark = 2;
/** The fields that are kept when a closed candle leaves memory. */
export const storedFields = 22;
// The rest is bookkeeping of the operator, meaningless outside it.
export const END = 22;
export const SERIES = 23;
export const INTERVAL = 24;
/** 0 while open, 1 once closed. */
export const CLOSED = 25;
/** 1 when it changed since it was last published. */
export const DIRTY = 26;
/** 1 when it is closed and changed since the last checkpoint. */
export const UNSAVED = 27;
const stride = 28;

assert.deepEqual(
  [candleColumns.indexOf('start'), candleColumns.indexOf('trades'), candleColumns.length],
  [START, TRADES, PRICE_SCALE],
  'slot fields are the candle columns, in order',
);

/** The rows that one pass folds, and where the runs of each of their instruments are. */
export interface FoldInput {
  readonly count: number;
  readonly instrument: Uint16Array;
  readonly eventTime: Float64Array;
  readonly id: Float64Array;
  /** A price of 0 is none: the row is passed over. */
  readonly price: Float64Array;
  /** Absent for quotes, which have no volume. */
  readonly size: Float64Array | null;
  /** Per instrument: what brings a price and a size to the scales of its slots. */
  readonly priceFactor: Float64Array;
  readonly sizeFactor: Float64Array;
  readonly tag: Uint16Array;
  /** By tag, what its trades may move (tape-rules.ts); null when everything. */
  readonly moves: Uint8Array | null;
  /** Per instrument: the slot that takes the current run. */
  readonly run: Int32Array;
}

/** One bar in the scales of its slot; times in microseconds. */
export interface SlotBar {
  readonly start: number;
  /** Its last microsecond. */
  readonly time: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly id: number;
}

export class CandleSlots {
  data = new Float64Array(stride * 256);
  #used = 0;
  readonly #free: number[] = [];

  /** Slots in use. */
  get count(): number {
    return this.#used - this.#free.length;
  }

  /** An empty slot, as the position of its first field in `data`. It holds no trade yet. */
  take(start: number, end: number, series: number, interval: number): number {
    const slot = this.#free.pop() ?? this.#extend();
    const data = this.data;
    data[slot + START] = start;
    data[slot + END] = end;
    data[slot + SERIES] = series;
    data[slot + INTERVAL] = interval;
    clear(data, slot);
    data[slot + FIRST_BATCH] = Number.MAX_SAFE_INTEGER;
    data[slot + LAST_BATCH] = -1;
    data[slot + FLAGS] = 0;
    data[slot + REVISION] = 0;
    data[slot + CLOSED] = 0;
    data[slot + DIRTY] = 0;
    data[slot + UNSAVED] = 0;
    return slot;
  }

  /** Fills a slot with the stored fields of a candle. */
  load(slot: number, fields: ArrayLike<number>): void {
    this.data.set(fields, slot);
  }

  release(slot: number): void {
    this.#free.push(slot);
  }

  #extend(): number {
    const slot = stride * this.#used++;
    if (slot + stride > this.data.length) {
      const grown = new Float64Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    return slot;
  }

  /**
   * Folds rows into the run of their instrument: consecutive rows within one `length` of time.
   * `endRun` is called before a run begins anew, with what it held still in its slot.
   */
  foldRuns(input: FoldInput, length: number, endRun: (instrument: number) => void): void {
    const { count, instrument, eventTime, run } = input;
    for (let row = 0; row < count; ) {
      const index = instrument[row] as number;
      const slot = run[index] as number;
      const time = eventTime[row] as number;
      if (time < (this.data[slot + START] as number) || time >= (this.data[slot + END] as number)) {
        if (!this.isEmpty(slot)) endRun(index);
        this.begin(slot, time, length);
      }
      const next = foldStretch(this.data, slot, input, row, index);
      row = next > row ? next : foldMixed(this.data, slot, input, row, index);
    }
  }

  /** Makes a slot the empty run of the `length` of time that `time` falls in. */
  begin(slot: number, time: number, length: number): void {
    const start = Math.floor(time / length) * length;
    this.cover(slot, start, start + length);
  }

  /** Makes a slot an empty run of this time. */
  cover(slot: number, start: number, end: number): void {
    this.data[slot + START] = start;
    this.data[slot + END] = end;
    clear(this.data, slot);
  }

  /** Makes a slot hold a bar alone. It may set all prices; its notional nobody knows. */
  setBar(slot: number, { start, time, open, high, low, close, volume, id }: SlotBar): void {
    const data = this.data;
    clear(data, slot);
    data[slot + OPEN] = open;
    data[slot + HIGH] = high;
    data[slot + LOW] = low;
    data[slot + CLOSE] = close;
    data[slot + OPEN_TIME] = start;
    data[slot + CLOSE_TIME] = time;
    data[slot + OPEN_ID] = data[slot + CLOSE_ID] = orderOf(id);
    data[slot + PRICED] = data[slot + RANGED] = 1;
    data[slot + VOLUME_HIGH] = Math.floor(volume / limb);
    data[slot + VOLUME_LOW] = volume % limb;
    if (volume > 0) data[slot + NOTIONAL_HIGH] = data[slot + NOTIONAL_LOW] = Number.NaN;
  }

  /** Whether bars with a volume are among what it holds. */
  holdsBars(slot: number): boolean {
    return Number.isNaN(this.data[slot + NOTIONAL_HIGH]);
  }

  hasFlag(slot: number, flag: number): boolean {
    return ((this.data[slot + FLAGS] as number) & flag) !== 0;
  }

  flag(slot: number, flag: number): void {
    this.data[slot + FLAGS] = (this.data[slot + FLAGS] as number) | flag;
  }

  /** Takes all trades out of a candle, which stays what it is otherwise. */
  empty(slot: number): void {
    clear(this.data, slot);
    this.data[slot + DIRTY] = 1;
  }

  /** Leaves a run empty, and covering no time. */
  end(slot: number): void {
    this.data[slot + CLOSE_TIME] = Number.NEGATIVE_INFINITY;
    this.data[slot + END] = Number.NEGATIVE_INFINITY;
  }

  /** Whether nothing has been folded into it. */
  isEmpty(slot: number): boolean {
    return this.data[slot + CLOSE_TIME] === Number.NEGATIVE_INFINITY;
  }

  /** Folds all that `from` holds into `to`; both must be in the same scales. */
  merge(from: number, to: number): void {
    const data = this.data;
    data[to + DIRTY] = 1;
    if (this.isEmpty(to)) {
      for (let at = OPEN; at <= RANGED; at++) data[to + at] = data[from + at] as number;
      return;
    }
    mergeRange(data, from, to);
    mergeOpenClose(data, from, to);
    data[to + TRADES] = (data[to + TRADES] as number) + (data[from + TRADES] as number);
    const volumeHigh = data[from + VOLUME_HIGH] as number;
    addWide(data, to + VOLUME_HIGH, volumeHigh, data[from + VOLUME_LOW] as number);
    const notionalHigh = data[from + NOTIONAL_HIGH] as number;
    addWide(data, to + NOTIONAL_HIGH, notionalHigh, data[from + NOTIONAL_LOW] as number);
  }

  /** Brings a slot to finer scales, exactly. */
  rescale(slot: number, priceScale: number, sizeScale: number): void {
    const data = this.data;
    const priceDigits = priceScale - (data[slot + PRICE_SCALE] as number);
    const sizeDigits = sizeScale - (data[slot + SIZE_SCALE] as number);
    if (priceDigits === 0 && sizeDigits === 0) return;
    const factor = powerOfTen(priceDigits);
    for (let at = OPEN; at <= CLOSE; at++) data[slot + at] = (data[slot + at] as number) * factor;
    rescaleWide(data, slot + VOLUME_HIGH, sizeDigits);
    rescaleWide(data, slot + NOTIONAL_HIGH, priceDigits + sizeDigits);
    data[slot + PRICE_SCALE] = priceScale;
    data[slot + SIZE_SCALE] = sizeScale;
  }
}

/** A slot that holds no trade, so that the first one folded sets all of it. */
function clear(data: Float64Array, slot: number): void {
  data[slot + TRADES] = data[slot + PRICED] = data[slot + RANGED] = 0;
  data[slot + HIGH] = Number.NEGATIVE_INFINITY;
  data[slot + LOW] = Number.POSITIVE_INFINITY;
  data[slot + OPEN_TIME] = Number.POSITIVE_INFINITY;
  data[slot + CLOSE_TIME] = Number.NEGATIVE_INFINITY;
  data[slot + VOLUME_HIGH] = data[slot + VOLUME_LOW] = 0;
  data[slot + NOTIONAL_HIGH] = data[slot + NOTIONAL_LOW] = 0;
}

/**
 * Folds the stretch of rows from `from` on that belong to one run, with the slot's fields in local
 * variables, which is what makes a fold cheap. Returns the row after the stretch; `from` itself
 * where `foldMixed` has to take the row.
 */
function foldStretch(
  data: Float64Array,
  slot: number,
  input: FoldInput,
  from: number,
  index: number,
): number {
  const { count, instrument, eventTime, id, price, size, tag, moves } = input;
  const [priceFactor, sizeFactor] = [input.priceFactor[index]!, input.sizeFactor[index]!];
  const [start, end] = [data[slot + START]!, data[slot + END]!];
  let trades = data[slot + TRADES] as number;
  let priced = data[slot + PRICED] as number;
  const rangedOnly = (data[slot + RANGED] as number) - priced;
  let high = data[slot + HIGH] as number;
  let low = data[slot + LOW] as number;
  let closeTime = data[slot + CLOSE_TIME] as number;
  let close = data[slot + CLOSE] as number;
  let closeId = data[slot + CLOSE_ID] as number;
  let total = data[slot + VOLUME_LOW] as number;
  let notional = data[slot + NOTIONAL_LOW] as number;
  const hasStandIn =
    closeTime !== Number.NEGATIVE_INFINITY && (priced === 0 || data[slot + RANGED] === 0);
  let row = from;
  for (; row < count && instrument[row] === index; row++) {
    const time = eventTime[row] as number;
    if (time < start || time >= end) break;
    const value = (price[row] as number) * priceFactor;
    if (value === 0) continue;
    const may = moves === null ? everything : (moves[tag[row] as number] as number);
    if (may === everything ? hasStandIn : may !== volume || priced === 0) break;
    if (may === everything) {
      priced++;
      if (value > high) high = value;
      if (value < low) low = value;
      const order = orderOf(id[row] as number);
      if (time > closeTime || (time === closeTime && follows(order, value, closeId, close))) {
        closeTime = time;
        close = value;
        closeId = order;
      }
      // Only the first of a run and what comes out of order can move the open.
      if (time <= (data[slot + OPEN_TIME] as number)) offerOpen(data, slot, time, order, value);
    }
    trades++;
    if (size === null) continue;
    const amount = (size[row] as number) * sizeFactor;
    const product = value * amount;
    if (total + amount < limb && notional + product < limb) {
      total += amount;
      notional += product;
      continue;
    }
    data[slot + VOLUME_LOW] = total;
    data[slot + NOTIONAL_LOW] = notional;
    foldLargeSize(data, slot, value, amount, product);
    total = data[slot + VOLUME_LOW] as number;
    notional = data[slot + NOTIONAL_LOW] as number;
  }
  data[slot + TRADES] = trades;
  data[slot + PRICED] = priced;
  data[slot + RANGED] = rangedOnly + priced;
  data[slot + HIGH] = high;
  data[slot + LOW] = low;
  data[slot + CLOSE_TIME] = closeTime;
  data[slot + CLOSE] = close;
  data[slot + CLOSE_ID] = closeId;
  data[slot + VOLUME_LOW] = total;
  data[slot + NOTIONAL_LOW] = notional;
  return row;
}

/**
 * Folds a row that may move some things and others not, or that puts out what only stood in for
 * prices until now. Returns the row after it.
 */
function foldMixed(
  data: Float64Array,
  slot: number,
  { eventTime, id, price, size, tag, moves, priceFactor, sizeFactor }: FoldInput,
  row: number,
  index: number,
): number {
  const may = moves === null ? everything : (moves[tag[row] as number] as number);
  if (may === 0) return row + 1;
  const time = eventTime[row] as number;
  const value = (price[row] as number) * (priceFactor[index] as number);
  const ranged = data[slot + RANGED] as number;
  const priced = data[slot + PRICED] as number;
  const mayRange = (may & highLow) !== 0;
  const mayPrice = (may & openClose) !== 0;
  if (mayRange || ranged === 0) {
    const isFirst = mayRange && ranged === 0;
    if (isFirst || value > (data[slot + HIGH] as number)) data[slot + HIGH] = value;
    if (isFirst || value < (data[slot + LOW] as number)) data[slot + LOW] = value;
  }
  if (mayPrice && priced === 0) {
    data[slot + OPEN_TIME] = Number.POSITIVE_INFINITY;
    data[slot + CLOSE_TIME] = Number.NEGATIVE_INFINITY;
  }
  if (mayPrice || priced === 0) {
    const order = orderOf(id[row] as number);
    offerOpen(data, slot, time, order, value);
    offerClose(data, slot, time, order, value);
  }
  if (mayRange) data[slot + RANGED] = ranged + 1;
  if (mayPrice) data[slot + PRICED] = priced + 1;
  if ((may & volume) === 0) return row + 1;
  data[slot + TRADES] = (data[slot + TRADES] as number) + 1;
  if (size === null) return row + 1;
  const amount = (size[row] as number) * (sizeFactor[index] as number);
  foldLargeSize(data, slot, value, amount, value * amount);
  return row + 1;
}

/** High and low of those that may set them, if any on either side; else of all. */
function mergeRange(data: Float64Array, from: number, to: number): void {
  const ranged = data[from + RANGED] as number;
  const before = data[to + RANGED] as number;
  data[to + RANGED] = before + ranged;
  if (ranged === 0 && before > 0) return;
  const high = data[from + HIGH] as number;
  const low = data[from + LOW] as number;
  const isFirst = ranged > 0 && before === 0;
  if (isFirst || high > (data[to + HIGH] as number)) data[to + HIGH] = high;
  if (isFirst || low < (data[to + LOW] as number)) data[to + LOW] = low;
}

/** Likewise open and close. */
function mergeOpenClose(data: Float64Array, from: number, to: number): void {
  const priced = data[from + PRICED] as number;
  const before = data[to + PRICED] as number;
  data[to + PRICED] = before + priced;
  if (priced === 0 && before > 0) return;
  if (priced > 0 && before === 0) {
    data[to + OPEN_TIME] = Number.POSITIVE_INFINITY;
    data[to + CLOSE_TIME] = Number.NEGATIVE_INFINITY;
  }
  const close = data[from + CLOSE] as number;
  const closeTime = data[from + CLOSE_TIME] as number;
  offerClose(data, to, closeTime, data[from + CLOSE_ID] as number, close);
  const open = data[from + OPEN] as number;
  const openTime = data[from + OPEN_TIME] as number;
  offerOpen(data, to, openTime, data[from + OPEN_ID] as number, open);
}

// The first trade is the least by (event time, id, price) and the last the greatest: an order that
// the trades themselves carry, so that the order of arrival cannot show.

/** Records without an id are ordered among those of the same microsecond by price alone. */
function orderOf(id: number): number {
  return Number.isNaN(id) ? 0 : id;
}

/** Whether a trade follows another of the same microsecond. */
function follows(id: number, price: number, otherId: number, otherPrice: number): boolean {
  return id > otherId || (id === otherId && price > otherPrice);
}

function offerOpen(
  data: Float64Array,
  slot: number,
  time: number,
  id: number,
  price: number,
): void {
  const openTime = data[slot + OPEN_TIME] as number;
  if (time > openTime) return;
  const openId = data[slot + OPEN_ID] as number;
  const open = data[slot + OPEN] as number;
  if (time === openTime && !follows(openId, open, id, price)) return;
  data[slot + OPEN] = price;
  data[slot + OPEN_TIME] = time;
  data[slot + OPEN_ID] = id;
}

function offerClose(
  data: Float64Array,
  slot: number,
  time: number,
  id: number,
  price: number,
): void {
  const closeTime = data[slot + CLOSE_TIME] as number;
  if (time < closeTime) return;
  const closeId = data[slot + CLOSE_ID] as number;
  const close = data[slot + CLOSE] as number;
  if (time === closeTime && !follows(id, price, closeId, close)) return;
  data[slot + CLOSE] = price;
  data[slot + CLOSE_TIME] = time;
  data[slot + CLOSE_ID] = id;
}

/** The exact sum where a double would round: sizes or products of 2^52 and more. */
function foldLargeSize(
  data: Float64Array,
  slot: number,
  price: number,
  size: number,
  product: number,
): void {
  const sizeHigh = Math.floor(size / limb);
  addWide(data, slot + VOLUME_HIGH, sizeHigh, size - sizeHigh * limb);
  const high = Math.floor(product / limb);
  const low = product - high * limb + productError(price, size, product);
  addWide(data, slot + NOTIONAL_HIGH, high, low);
}

/** Adds to the wide sum whose high part is at `at` and low part behind it; |low| <= 2^52. */
function addWide(data: Float64Array, at: number, high: number, low: number): void {
  let sum = (data[at + 1] as number) + low;
  let carried = high;
  if (sum >= limb) {
    sum -= limb;
    carried++;
  } else if (sum < 0) {
    sum += limb;
    carried--;
  }
  data[at + 1] = sum;
  if (carried !== 0) data[at] = (data[at] as number) + carried;
}

function rescaleWide(data: Float64Array, at: number, digits: number): void {
  if (Number.isNaN(data[at])) return; // a notional that bars do not tell
  const value = wideToBigInt(data[at] as number, data[at + 1] as number) * 10n ** BigInt(digits);
  const { high, low } = wideFromBigInt(value);
  data[at] = high;
  data[at + 1] = low;
}
