// Which prices and sizes of a symbol are taken in, row by row. All amounts of a symbol have to fit
// into one scale of safe integers, because candles hold them together; so what is remembered is the
// finest scale and the largest amounts. What is refused is not remembered: one absurd row must not
// keep the good ones out.
//
// Hence also a bound on how far a price may be from the one before. A size has no such bound: real
// ones differ by 10^12 within a symbol, and only their digits are judged.

import { powerOfTen, rescale } from '../contracts/decimal.ts';
import type { EventColumns } from '../contracts/event-columns.ts';
import type { BatchInstrument } from '../contracts/instrument.ts';
import type { AmountColumns, Span } from './survey.ts';

/** What is remembered of a symbol's amounts in one stream. */
export interface Amounts {
  /** Finest scales seen; batches may be coarser. */
  priceScale: number;
  sizeScale: number;
  /** Largest amounts seen, in those scales: a finer scale must still hold them. */
  priceMax: number;
  sizeMax: number;
  /** The last price taken, as a plain number; 0 before the first. */
  price: number;
  /** The last price refused for being far from it, and how many such came since, all alike. */
  stray: number;
  strays: number;
}

export function newAmounts(): Amounts {
  return { priceScale: 0, sizeScale: 0, priceMax: 0, sizeMax: 0, price: 0, stray: 0, strays: 0 };
}

/** No trade of a share, a currency or a coin was ever a million times the one before it. */
export const tradeFactorMax = 1e6;
/** A market maker's stub quotes come near: 0.01 bid for a share of 800,000. */
export const quoteFactorMax = 1e9;
/** So many far prices in a row that agree with one another are no accident. */
const straysMax = 100;

export type AmountRefusal = 'price-too-far' | 'too-many-digits';

/** A stream's amounts, and by what factor two of its prices in a row may differ. */
export interface BoundAmounts extends AmountColumns {
  readonly factorMax: number;
}

/**
 * Judges all rows of a batch; `spans` and `memories` have one for each of its instruments. False
 * when rows were refused or moved to another entry, so that the spans are those of before.
 */
export function judgeAmounts(
  columns: EventColumns,
  amounts: BoundAmounts,
  spans: readonly Span[],
  memories: readonly Amounts[],
  refuse: (row: number, reason: AmountRefusal) => void,
): boolean {
  let areAllPlain = true;
  const entriesOf = Map.groupBy(
    columns.instruments.keys(),
    (index) => (columns.instruments[index] as BatchInstrument).symbol,
  );
  for (const entries of entriesOf.values()) {
    const index = entries[0] as number;
    const entry = columns.instruments[index] as BatchInstrument;
    const memory = memories[index] as Amounts;
    const span = spans[index] as Span;
    const isPlain = entries.length === 1 && isNear(memory, entry, span, amounts.factorMax);
    if (isPlain && widen(memory, entry, span)) {
      if (span.priceLast > 0) memory.price = span.priceLast / powerOfTen(entry.priceScale);
    } else {
      judgeRows(columns, amounts, entries, memory, refuse);
      areAllPlain = false;
    }
  }
  return areAllPlain;
}

/** Whether no price is far from any other, the last one taken included: nearly always. */
function isNear(memory: Amounts, entry: BatchInstrument, span: Span, factorMax: number): boolean {
  if (span.priceMax === 0) return true;
  const unit = powerOfTen(entry.priceScale);
  const known = memory.price > 0;
  const least = known ? Math.min(memory.price, span.priceMin / unit) : span.priceMin / unit;
  return Math.max(memory.price, span.priceMax / unit) <= least * factorMax;
}

/** Whether amounts fit beside all that the symbol has seen; if so they are remembered. */
function widen(
  memory: Amounts,
  { priceScale, sizeScale }: Pick<BatchInstrument, 'priceScale' | 'sizeScale'>,
  { priceMax, sizeMax }: Pick<Span, 'priceMax' | 'sizeMax'>,
): boolean {
  const price = Math.max(memory.priceScale, priceScale);
  const size = Math.max(memory.sizeScale, sizeScale);
  const prices = [
    rescale(priceMax, priceScale, price),
    rescale(memory.priceMax, memory.priceScale, price),
  ];
  const sizes = [
    rescale(sizeMax, sizeScale, size),
    rescale(memory.sizeMax, memory.sizeScale, size),
  ];
  if (prices.includes(null) || sizes.includes(null)) return false;
  memory.priceScale = price;
  memory.sizeScale = size;
  memory.priceMax = Math.max(...(prices as number[]));
  memory.sizeMax = Math.max(...(sizes as number[]));
  return true;
}

/** Judges the rows of one symbol one by one, and makes its entries one, in the scale of those. */
function judgeRows(
  columns: EventColumns,
  amounts: BoundAmounts,
  entries: readonly number[],
  memory: Amounts,
  refuse: (row: number, reason: AmountRefusal) => void,
): void {
  const { prices, sizes, factorMax } = amounts;
  const rows = rowsOf(columns, entries);
  const entryOf = (row: number) =>
    columns.instruments[columns.instrument[row] as number] as BatchInstrument;
  const pricesOf = (row: number): number[] => {
    const unit = powerOfTen(entryOf(row).priceScale);
    return prices.map((column) => (column[row] as number) / unit).filter((price) => price > 0);
  };
  // Of a symbol that nobody knows yet, the middle one of many prices is not the absurd one.
  if (memory.price === 0) memory.price = middleOf(rows.flatMap(pricesOf));
  const staying: number[] = [];
  const scales = { priceScale: 0, sizeScale: 0 };
  for (const row of rows) {
    if (!pricesOf(row).every((price) => believe(memory, price, factorMax))) {
      refuse(row, 'price-too-far');
      continue;
    }
    const price = coarsest(prices, row, entryOf(row).priceScale);
    const size = coarsest(sizes, row, entryOf(row).sizeScale);
    const own = { priceScale: price.scale, sizeScale: size.scale };
    if (!widen(memory, own, { priceMax: price.max, sizeMax: size.max })) {
      refuse(row, 'too-many-digits');
      continue;
    }
    staying.push(row);
    scales.priceScale = Math.max(scales.priceScale, price.scale);
    scales.sizeScale = Math.max(scales.sizeScale, size.scale);
  }
  for (const row of staying) {
    rescaleRow(prices, row, entryOf(row).priceScale, scales.priceScale);
    rescaleRow(sizes, row, entryOf(row).sizeScale, scales.sizeScale);
    columns.instrument[row] = entries[0] as number;
  }
  for (const index of entries) Object.assign(columns.instruments[index] as BatchInstrument, scales);
}

function rowsOf({ count, instrument }: EventColumns, entries: readonly number[]): number[] {
  const rows: number[] = [];
  for (let row = 0; row < count; row++) {
    if (entries.includes(instrument[row] as number)) rows.push(row);
  }
  return rows;
}

function middleOf(prices: number[]): number {
  return prices.sort((a, b) => a - b)[prices.length >> 1] ?? 0;
}

function believe(memory: Amounts, price: number, factorMax: number): boolean {
  if (!isWithin(price, memory.price, factorMax)) {
    memory.strays = isWithin(price, memory.stray, factorMax) ? memory.strays + 1 : 1;
    memory.stray = price;
    if (memory.strays <= straysMax) return false;
  }
  memory.price = price;
  memory.stray = memory.strays = 0;
  return true;
}

function isWithin(a: number, b: number, factor: number): boolean {
  return a <= b * factor && b <= a * factor;
}

/** The coarsest scale that holds a row's counts of `scale`, and the largest of them in it. */
function coarsest(
  columns: readonly Float64Array[],
  row: number,
  scale: number,
): { scale: number; max: number } {
  const counts = columns.map((column) => column[row] as number);
  let digits = 0;
  while (digits < scale && counts.every((count) => count % powerOfTen(digits + 1) === 0)) digits++;
  return { scale: scale - digits, max: Math.max(0, ...counts) / powerOfTen(digits) };
}

/** Exact: the row was found to need no more than `to`, and to fit there. */
function rescaleRow(columns: readonly Float64Array[], row: number, from: number, to: number): void {
  for (const column of columns) {
    const count = column[row] as number;
    column[row] = to < from ? count / powerOfTen(from - to) : count * powerOfTen(to - from);
  }
}
