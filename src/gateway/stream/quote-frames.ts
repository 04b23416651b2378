// Quotes as ready WebSocket messages, written from the columns: what quoteAt says, plus `type` and
// `cursor`.

import { sequencesOf } from '../../contracts/event-columns.ts';
import type { QuoteBatch } from '../../contracts/quote.ts';
import { scalarBytesMax, writeDecimal, writeKey, writeTime, writeWhole } from './json-bytes.ts';
import type { TextFrames } from './text-frames.ts';

const sequenceKey = Buffer.from('","sequence":');
const timeKey = Buffer.from(',"time":"');
const receivedKey = Buffer.from('","received":"');
const bidKey = Buffer.from('","bid":"');
const bidSizeKey = Buffer.from('","bidSize":"');
const noBid = Buffer.from('","bid":null,"bidSize":null');
const askKey = Buffer.from(',"ask":"');
const askSizeKey = Buffer.from('","askSize":"');
const noAsk = Buffer.from(',"ask":null,"askSize":null');
const quote = 34;
const endOfObject = 125;

const keys = [sequenceKey, timeKey, receivedKey, bidKey, bidSizeKey, noBid, askKey, askSizeKey];
/** Everything but the shared head. */
const rowBytesMax = keys.reduce((sum, key) => sum + key.length, 0) + 9 * scalarBytesMax;

/** Writes a frame for each of these rows; the rest is as in writeTrades. */
export function writeQuotes(
  frames: TextFrames,
  batch: QuoteBatch,
  rows: readonly number[],
  cursorHead: string,
  offset: number,
): void {
  const sequences = sequencesOf(batch);
  const heads: Uint8Array[] = [];
  for (const row of rows) {
    const instrument = batch.instrument[row];
    const { symbol, priceScale, sizeScale } = batch.instruments[instrument];
    heads[instrument] ??= headOf(symbol, batch.source, cursorHead);
    const head = heads[instrument];
    let at = frames.begin(head.length + rowBytesMax);
    const bytes = frames.bytes;
    bytes.set(head, at);
    at = writeWhole(bytes, at + head.length, offset + row);
    at = writeKey(bytes, at, sequenceKey);
    at = writeWhole(bytes, at, sequences[row]);
    at = writeKey(bytes, at, timeKey);
    at = writeTime(bytes, at, batch.eventTime[row]);
    at = writeKey(bytes, at, receivedKey);
    at = writeTime(bytes, at, batch.receiveTime[row]);
    if (batch.bid[row] === 0) {
      at = writeKey(bytes, at, noBid);
    } else {
      at = writeKey(bytes, at, bidKey);
      at = writeDecimal(bytes, at, batch.bid[row], priceScale);
      at = writeKey(bytes, at, bidSizeKey);
      at = writeDecimal(bytes, at, batch.bidSize[row], sizeScale);
      bytes[at++] = quote;
    }
    if (batch.ask[row] === 0) {
      at = writeKey(bytes, at, noAsk);
    } else {
      at = writeKey(bytes, at, askKey);
      at = writeDecimal(bytes, at, batch.ask[row], priceScale);
      at = writeKey(bytes, at, askSizeKey);
      at = writeDecimal(bytes, at, batch.askSize[row], sizeScale);
      bytes[at++] = quote;
    }
    bytes[at++] = endOfObject;
    frames.end(at);
  }
}

/** All that comes before the offset. */
function headOf(symbol: string, source: string, cursorHead: string): Uint8Array {
  const text = JSON.stringify({ type: 'quote', symbol, source, cursor: cursorHead });
  return Buffer.from(text.slice(0, -2)); // without `"}`
}
