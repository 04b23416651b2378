// The gate between parsers and Observations: one place that says what a symbol, a time, a price, a
// size and an id have to be, and why one was refused, so that every source is judged alike. A
// record is taken whole and exact, or it changes nothing and belongs in the dead letters.

import type { Micros } from '../base/clock.ts';
import { deadLetter } from '../contracts/dead-letter.ts';
import { type Decimal, parseDecimal, rescale } from '../contracts/decimal.ts';
import type { EventColumns } from '../contracts/event-columns.ts';
import { hashId } from '../contracts/identity.ts';
import { isSymbol } from '../contracts/instrument.ts';
import type { TradeColumns, TradeTag } from '../contracts/trade.ts';
import { cancel, correction, onTime } from '../contracts/verdict.ts';
import { productMax } from '../contracts/wide.ts';
import type { Observations } from './feed.ts';

/** Stable codes to count by; the detail beside them is for people. */
export type Reason =
  | 'bad-action'
  | 'bad-calendar'
  | 'bad-frame'
  | 'bad-id'
  | 'bad-json'
  | 'bad-price'
  | 'bad-row'
  | 'bad-scope'
  | 'bad-size'
  | 'bad-symbol'
  | 'bad-tape'
  | 'bad-time'
  | 'bad-verdict'
  | 'provider-error'
  | 'too-large'
  | 'truncated'
  | 'unknown-frame';

export interface Refusal {
  readonly reason: Reason;
  readonly detail: string;
}

/** What a frame turned out to be; a `rejected` one lies in the dead letters, an `error` also. */
export type FrameKind =
  | 'trade'
  | 'quote'
  | 'heartbeat'
  | 'control'
  | 'ignored'
  | 'error'
  | 'rejected';

/** Longer texts are not ids. */
const textIdMax = 128;

/** A trade as its source wrote it; `unknown` is what came out of JSON, and is checked here. */
export interface RawTrade {
  readonly symbol: unknown;
  /** Null when the source's time could not be read. */
  readonly eventTime: Micros | null;
  readonly receiveTime: Micros;
  /** Decimal text. */
  readonly price: unknown;
  readonly size: unknown;
  /** A whole number, or `noId`. */
  readonly id: unknown;
  /** In place of a number, where the source gives names. */
  readonly textId?: string | undefined;
  readonly venue: string;
  readonly conditions: string;
  readonly side: TradeTag['side'];
}

/** The trade that a cancel or a correction is about. */
export type RawOriginal = Pick<
  RawTrade,
  'symbol' | 'eventTime' | 'receiveTime' | 'id' | 'textId' | 'venue'
>;

/** A trade whose every field is good by itself. */
export interface SoundTrade extends RawTrade {
  readonly symbol: string;
  readonly eventTime: Micros;
  readonly price: Decimal;
  readonly size: Decimal;
  readonly id: number;
}

/** A quote as its source wrote it. A price of zero or null says that nobody bids or asks. */
export interface RawQuote {
  readonly symbol: unknown;
  readonly eventTime: Micros | null;
  readonly receiveTime: Micros;
  readonly bid: unknown;
  readonly ask: unknown;
  /** '0' where the source does not tell. */
  readonly bidSize: unknown;
  readonly askSize: unknown;
  readonly id: unknown;
}

/** A bar as its source wrote it. */
export interface RawBar {
  readonly symbol: string;
  /** Its last microsecond. */
  readonly eventTime: Micros;
  readonly receiveTime: Micros;
  /** Decimal text. */
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  /** For prices that are whole counts of 10^-priceScale; null for decimals. */
  readonly priceScale: number | null;
  readonly id: number;
}

/** Appends the trade, or says why not. `verdict` is what its source says of it. */
export function admitTrade(
  into: TradeColumns,
  raw: RawTrade,
  verdict: number = onTime,
): Refusal | null {
  const { symbol, eventTime, receiveTime, textId, venue, conditions, side } = raw;
  const price = decimalOf(raw.price);
  const size = decimalOf(raw.size);
  const id = textId === undefined ? raw.id : numberOf(textId);
  if (!isName(symbol)) return refusal('bad-symbol', symbol);
  if (eventTime === null) return unreadableTime;
  if (!isNumber(id)) return refusal('bad-id', textId ?? id);
  if (price === null || price.value <= 0) return refusal('bad-price', raw.price);
  if (size === null || size.value <= 0) return refusal('bad-size', raw.size);
  const trade = {
    symbol,
    eventTime,
    receiveTime,
    price,
    size,
    id,
    textId,
    venue,
    conditions,
    side,
  };
  if (!pushTrade(into, trade)) return tooLarge(raw.price, raw.size);
  into.verdict[into.count - 1] = verdict;
  return null;
}

/** Appends a cancel of the original, or says why not. */
export function admitCancel(
  into: TradeColumns,
  original: RawOriginal,
  verdict: number = cancel,
): Refusal | null {
  const { symbol, eventTime, receiveTime, textId, venue } = original;
  const id = textId === undefined ? original.id : numberOf(textId);
  if (!isName(symbol)) return refusal('bad-symbol', symbol);
  if (eventTime === null) return unreadableTime;
  if (!isNumber(id) || Number.isNaN(id)) return refusal('bad-id', textId ?? id);
  const tag = into.tagOf(venue, '', '');
  into.push(into.instrumentOf(symbol), tag, eventTime, receiveTime, 0, 0, id);
  nameLast(into, textId);
  into.verdict[into.count - 1] = verdict;
  return null;
}

/** Appends a cancel of the original, and the trade that stands for it; or says why not. */
export function admitCorrection(
  into: TradeColumns,
  original: RawOriginal,
  trade: RawTrade,
): Refusal | null {
  const refused = admitCancel(into, original);
  if (refused) return refused;
  const refusedTrade = admitTrade(into, trade, correction);
  if (refusedTrade) into.dropLast();
  return refusedTrade;
}

/** Appends the trade; false when its numbers are too large, and then nothing has changed. */
export function pushTrade(into: TradeColumns, trade: SoundTrade): boolean {
  const { price, size, id, eventTime, receiveTime } = trade;
  const instrument = roomFor(into, trade.symbol, price, size);
  if (instrument < 0) return false;
  const { priceScale, sizeScale } = into.instruments[instrument];
  const counted = scaled(price, priceScale);
  const amount = scaled(size, sizeScale);
  if (counted * amount > productMax) return false;
  const tag = into.tagOf(trade.venue, trade.conditions, trade.side);
  into.push(instrument, tag, eventTime, receiveTime, counted, amount, id);
  nameLast(into, trade.textId);
  return true;
}

/** Appends the quote, or says why not. */
export function admitQuote(into: Observations, raw: RawQuote): Refusal | null {
  const { symbol, eventTime, receiveTime, id } = raw;
  const bid = sideOf(raw.bid, raw.bidSize);
  const ask = sideOf(raw.ask, raw.askSize);
  if (!isName(symbol)) return refusal('bad-symbol', symbol);
  if (eventTime === null) return unreadableTime;
  if (!isNumber(id)) return refusal('bad-id', id);
  if ('reason' in bid) return bid;
  if ('reason' in ask) return ask;
  const { quotes } = into;
  const instrument = quotes.roomFor(symbol, [bid.price, ask.price], [bid.size, ask.size]);
  if (instrument < 0) return tooLarge([raw.bid, raw.ask], [raw.bidSize, raw.askSize]);
  const { priceScale, sizeScale } = quotes.instruments[instrument];
  quotes.push(
    instrument,
    eventTime,
    receiveTime,
    scaled(bid.price, priceScale),
    scaled(bid.size, sizeScale),
    scaled(ask.price, priceScale),
    scaled(ask.size, sizeScale),
    id,
  );
  return null;
}

/** Appends the bar, or says why not. A bar without volume says that nothing was traded. */
export function admitBar({ bars }: Observations, raw: RawBar): Refusal | null {
  const { symbol, eventTime, receiveTime, id } = raw;
  const texts = [raw.open, raw.high, raw.low, raw.close];
  const prices: Decimal[] = [];
  for (const text of texts) {
    const price = decimalOf(text);
    const isWhole = price?.scale === 0;
    if (price === null || price.value <= 0 || (raw.priceScale !== null && !isWhole)) {
      return refusal('bad-price', text);
    }
    prices.push({ value: price.value, scale: price.scale + (raw.priceScale ?? 0) });
  }
  const volume = decimalOf(raw.volume);
  if (volume === null || volume.value < 0) return refusal('bad-size', raw.volume);
  const instrument = bars.instrumentOf(symbol);
  if (!bars.fit(instrument, prices, [volume])) return tooLarge(texts, raw.volume);
  const { priceScale, sizeScale } = bars.instruments[instrument];
  const [open, high, low, close] = prices.map((price) => scaled(price, priceScale));
  if (low > Math.min(open, close) || high < Math.max(open, close)) {
    return refusal('bad-price', `high and low do not hold the others: ${texts.join(', ')}`);
  }
  bars.push(
    instrument,
    eventTime,
    receiveTime,
    [open, high, low, close],
    scaled(volume, sizeScale),
    id,
  );
  return null;
}

/** Puts what was refused among the dead letters, with its raw bytes. */
export function reject(
  into: Observations,
  refused: Refusal,
  where: string,
  receiveTime: number,
  raw: Uint8Array | string,
): 'rejected' {
  const { source } = into.trades;
  const { reason, detail } = refused;
  into.deadLetters.push(deadLetter({ source, receiveTime, where, reason, detail }, raw));
  return 'rejected';
}

/** A refusal that shows what was found. */
export function refusal(reason: Reason, found: unknown): Refusal {
  return { reason, detail: shown(found) };
}

function shown(found: unknown): string {
  const text = typeof found === 'string' ? found : (JSON.stringify(found) ?? 'nothing');
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function tooLarge(price: unknown, size: unknown): Refusal {
  return refusal('too-large', { price, size });
}

const unreadableTime = refusal('bad-time', 'no time that can be read');
const zero: Decimal = { value: 0, scale: 0 };

interface Side {
  readonly price: Decimal;
  readonly size: Decimal;
}

function sideOf(priceText: unknown, sizeText: unknown): Side | Refusal {
  const price = priceText === null ? zero : decimalOf(priceText);
  if (price === null || price.value < 0) return refusal('bad-price', priceText);
  // Without a price there is nothing that the size could be the size of.
  if (price.value === 0) return { price: zero, size: zero };
  const size = decimalOf(sizeText);
  if (size === null || size.value < 0) return refusal('bad-size', sizeText);
  return { price, size };
}

function decimalOf(text: unknown): Decimal | null {
  return typeof text === 'string' ? parseDecimal(text) : null;
}

/** Without a look at the rows so far when the batch is fine enough, as it nearly always is. */
function roomFor(columns: EventColumns, symbol: string, price: Decimal, size: Decimal): number {
  const instrument = columns.instrumentOf(symbol, price.scale, size.scale);
  const { priceScale, sizeScale } = columns.instruments[instrument];
  const isFine = price.scale <= priceScale && size.scale <= sizeScale;
  return isFine && isExact(price, priceScale) && isExact(size, sizeScale)
    ? instrument
    : columns.roomFor(symbol, [price], [size]);
}

function isExact(decimal: Decimal, scale: number): boolean {
  return rescale(decimal.value, decimal.scale, scale) !== null;
}

/** After it is known to be exact. */
function scaled(decimal: Decimal, scale: number): number {
  return rescale(decimal.value, decimal.scale, scale) as number;
}

function isName(symbol: unknown): symbol is string {
  return typeof symbol === 'string' && isSymbol(symbol);
}

function isNumber(id: unknown): id is number {
  return typeof id === 'number' && (Number.isNaN(id) || (Number.isSafeInteger(id) && id >= 0));
}

function numberOf(textId: string): number | null {
  return textId.length > 0 && textId.length <= textIdMax ? hashId(textId) : null;
}

/** Where one row of a batch has a name, every row has. */
function nameLast(columns: EventColumns, textId: string | undefined): void {
  if (textId !== undefined) {
    columns.textIds ??= Array.from(columns.id.subarray(0, columns.count - 1), String);
  }
  if (columns.textIds) columns.nameLast(textId ?? String(columns.id[columns.count - 1]));
}
