// Quotes as ready WebSocket messages, written from the columns: what quoteAt says, plus `type` and
// `cursor`.

import type { QuoteBatch } from '../../contracts/quote.ts';
import type { RowsBySymbol } from '../recent/rows-by-symbol.ts';
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

/** Writes one frame for each row of an instrument; the rest is as in writeTrades. */
export function writeQuotes(
  frames: TextFrames,
  batch: QuoteBatch,
  rows: RowsBySymbol,
  instrument: number,
  cursorHead: string,
  offset: number,
): void {
  const { symbol, priceScale, sizeScale, sequence } = batch.instruments[instrument];
  const from = rows.starts[instrument];
  const to = rows.starts[instrument + 1];
  const shared = { type: 'quote', symbol, source: batch.source, cursor: cursorHead };
  const head = Buffer.from(JSON.stringify(shared).slice(0, -2)); // without `"}`
  for (let index = from; index < to; index++) {
    const row = rows.order[index];
    let at = frames.begin(head.length + rowBytesMax);
    const bytes = frames.bytes;
    bytes.set(head, at);
    at = writeWhole(bytes, at + head.length, offset + row);
    at = writeKey(bytes, at, sequenceKey);
    at = writeWhole(bytes, at, sequence + (index - from));
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
