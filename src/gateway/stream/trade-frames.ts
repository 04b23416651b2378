// Trades as ready WebSocket messages, written from the columns: what tradeAt says, plus `type` and
// `cursor`. All that rows share is laid once; per row only numbers and times are written.

import { sequencesOf } from '../../contracts/event-columns.ts';
import type { TradeBatch } from '../../contracts/trade.ts';
import { verdictName, verdicts } from '../../contracts/verdict.ts';
import { scalarBytesMax, writeDecimal, writeKey, writeTime, writeWhole } from './json-bytes.ts';
import type { TextFrames } from './text-frames.ts';

const sequenceKey = Buffer.from('","sequence":');
const timeKey = Buffer.from(',"time":"');
const receivedKey = Buffer.from('","received":"');
const priceKey = Buffer.from('","price":"');
const sizeKey = Buffer.from('","size":"');
const idKey = Buffer.from('","id":');
const noIdEnd = Buffer.from('null}');
const quote = 34;
const endOfObject = 125;

const keys = [sequenceKey, timeKey, receivedKey, priceKey, sizeKey, idKey, noIdEnd];
/** Everything but the shared head and a textual id. */
const rowBytesMax = keys.reduce((sum, key) => sum + key.length, 0) + 7 * scalarBytesMax;
/** Bytes of one character as JSON, at most: \u0000. */
const escapedMax = 6;

/** Writes a frame for each of these rows. `offset` is that of the batch's first row. */
export function writeTrades(
  frames: TextFrames,
  batch: TradeBatch,
  rows: readonly number[],
  cursorHead: string,
  offset: number,
): void {
  const sequences = sequencesOf(batch);
  const heads: Uint8Array[][] = batch.instruments.map(() => []);
  for (const row of rows) {
    const instrument = batch.instrument[row];
    const { priceScale, sizeScale } = batch.instruments[instrument];
    const kind = batch.tag[row] * verdicts.length + batch.verdict[row];
    heads[instrument][kind] ??= headOf(batch, row, cursorHead);
    const head = heads[instrument][kind];
    const idBytes = (batch.textIds?.[row]?.length ?? 0) * escapedMax;
    let at = frames.begin(head.length + rowBytesMax + idBytes);
    const bytes = frames.bytes;
    bytes.set(head, at);
    at = writeWhole(bytes, at + head.length, offset + row);
    at = writeKey(bytes, at, sequenceKey);
    at = writeWhole(bytes, at, sequences[row]);
    at = writeKey(bytes, at, timeKey);
    at = writeTime(bytes, at, batch.eventTime[row]);
    at = writeKey(bytes, at, receivedKey);
    at = writeTime(bytes, at, batch.receiveTime[row]);
    at = writeKey(bytes, at, priceKey);
    at = writeDecimal(bytes, at, batch.price[row], priceScale);
    at = writeKey(bytes, at, sizeKey);
    at = writeDecimal(bytes, at, batch.size[row], sizeScale);
    at = writeKey(bytes, at, idKey);
    frames.end(writeId(bytes, at, batch, row));
  }
}

/** All that comes before the offset. */
function headOf(batch: TradeBatch, row: number, cursorHead: string): Uint8Array {
  const { symbol } = batch.instruments[batch.instrument[row]];
  const { venue, conditions, side } = batch.tags[batch.tag[row]];
  const verdict = verdictName(batch.verdict[row]);
  const shared = { type: 'trade', symbol, source: batch.source, venue, conditions, side, verdict };
  const text = JSON.stringify({ ...shared, cursor: cursorHead });
  return Buffer.from(text.slice(0, -2)); // without `"}`
}

/** The id as formatId says it, and the end of the object. */
function writeId(bytes: Buffer, at: number, batch: TradeBatch, row: number): number {
  const textId = batch.textIds?.[row];
  if (textId !== undefined) return at + bytes.write(`${JSON.stringify(textId)}}`, at);
  const id = batch.id[row];
  if (batch.textIds || Number.isNaN(id)) return writeKey(bytes, at, noIdEnd);
  if (!Number.isSafeInteger(id) || id < 0) return at + bytes.write(`"${id}"}`, at);
  bytes[at] = quote;
  const end = writeWhole(bytes, at + 1, id);
  bytes[end] = quote;
  bytes[end + 1] = endOfObject;
  return end + 2;
}
