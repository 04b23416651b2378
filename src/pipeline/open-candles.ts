// Open candles in the log's state: each series under a key of its own, so that a checkpoint among
// thousands of symbols writes those that traded since the last one.

import { strict as assert } from 'node:assert/strict';
import { priceKinds } from '../contracts/candle.ts';
import type { CandleSnapshot, StoredSeries } from '../engine/candles.ts';
import type { Log, StateWrite, Topic } from '../log/log.ts';

/** The name of a series' calendar comes first, padded. */
const calendarBytes = 8;

/** What is left of a snapshot for the checkpoint itself. */
export type SmallSnapshot = Omit<CandleSnapshot, 'series'>;

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

function prefixOf(topic: Topic): string {
  return `open candles ${topic} `;
}
