// Open candles and marks in the log's state: those of each series under keys of their own, so that
// a checkpoint among thousands of symbols writes those that changed since the last one.

import { strict as assert } from 'node:assert/strict';
import { priceKinds } from '../contracts/candle.ts';
import type { CandleSnapshot, StoredMarks, StoredSeries } from '../engine/candle-snapshot.ts';
import type { Log, StateWrite, Topic } from '../log/log.ts';

/** The name of a series' calendar comes first, padded. */
const calendarBytes = 8;

/** What is left of a snapshot for the checkpoint itself. */
export type SmallSnapshot = Omit<CandleSnapshot, 'series' | 'marks'>;

/** What to write so that these series are kept in place of how they were kept before. */
export function packSeries(topic: Topic, series: readonly StoredSeries[]): StateWrite[] {
  return series.map(({ symbol, price, calendar, fields }) => {
    const { buffer, byteOffset, byteLength } = fields;
    const numbers = new Uint8Array(buffer, byteOffset, byteLength);
    const value = Buffer.concat([Buffer.from(calendar.padEnd(calendarBytes)), numbers]);
    return { key: `${prefixOf(topic)}${symbol} ${price}`, value };
  });
}

export async function loadSeries(log: Log, topic: Topic): Promise<StoredSeries[]> {
  const series: StoredSeries[] = [];
  for await (const [key, value] of log.states(prefixOf(topic))) {
    const [symbol = '', kind] = key.slice(prefixOf(topic).length).split(' ');
    const price = priceKinds.find((known) => known === kind);
    assert(price, `not a key of open candles: ${key}`);
    const calendar = Buffer.from(value.subarray(0, calendarBytes)).toString().trimEnd();
    const fields = new Float64Array(Uint8Array.from(value.subarray(calendarBytes)).buffer);
    series.push({ symbol, price, calendar, fields });
  }
  return series;
}

export function packMarks(topic: Topic, marks: readonly StoredMarks[]): StateWrite[] {
  return marks.map((one) => ({
    key: `${marksPrefixOf(topic)}${one.symbol} ${one.price}`,
    value: Buffer.from(JSON.stringify(one)),
  }));
}

export async function loadMarks(log: Log, topic: Topic): Promise<StoredMarks[]> {
  const marks: StoredMarks[] = [];
  for await (const [, value] of log.states(marksPrefixOf(topic))) {
    marks.push(JSON.parse(Buffer.from(value).toString()) as StoredMarks);
  }
  return marks;
}

function prefixOf(topic: Topic): string {
  return `open candles ${topic} `;
}

function marksPrefixOf(topic: Topic): string {
  return `marks ${topic} `;
}
