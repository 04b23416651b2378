// LEAN's recorded bars as batches of closed candles: time of day in milliseconds, then open, high,
// low, close and volume, twice for bid and ask. Volumes are taken in whole hundred-millionths.

import { text } from 'node:stream/consumers';
import type { CandleBatch, PriceKind } from '../../../src/contracts/candle.ts';
import type { Interval } from '../../../src/contracts/interval.ts';
import { RecordedFile } from '../../../src/feeds/replay/recorded-file.ts';
import { batchOf, type SimpleCandle } from './candles.ts';

export interface RecordedBars {
  readonly symbol: string;
  readonly calendar: string;
  readonly interval: Interval;
  /** The zone of its times of day. */
  readonly zone: string;
  /** Digits behind the point of its prices; whole numbers of 1/10,000 where it writes none. */
  readonly digits: number;
}

/** Of a file whose name begins with its day, and says whether it is of trades or quotes. */
export async function readBars(path: string, of: RecordedBars): Promise<SimpleCandle[]> {
  const [, day = '', kind] = /(\d{8})_(trade|quote)/.exec(path) ?? [];
  const date = Temporal.PlainDate.from(day);
  const midnight = date.toZonedDateTime(of.zone).epochMilliseconds;
  const sides: PriceKind[] = kind === 'trade' ? ['trade'] : ['bid', 'ask'];
  const factor = 10 ** of.digits;
  const candles: SimpleCandle[] = [];
  const file = await RecordedFile.open(path);
  for await (const part of file.parts()) {
    for (const line of (await text(part.read())).split('\n').filter(Boolean)) {
      const [time = 0, ...numbers] = line.split(',').map(Number);
      for (const [at, price] of sides.entries()) {
        const [open = 0, high = 0, low = 0, close = 0, volume = 0] = numbers.slice(5 * at);
        if (open === 0) continue;
        const scaled = [open, high, low, close].map((value) => Math.round(value * factor));
        candles.push({
          interval: of.interval,
          start: (midnight + time) * 1000,
          price,
          open: scaled[0] as number,
          high: scaled[1] as number,
          low: scaled[2] as number,
          close: scaled[3] as number,
          volume: Math.round(volume * 1e8),
        });
      }
    }
  }
  return candles;
}

export function batchOfBars(candles: readonly SimpleCandle[], of: RecordedBars): CandleBatch {
  const { symbol, calendar } = of;
  return batchOf(candles, { symbol, calendar, priceScale: of.digits === 0 ? 4 : of.digits });
}
