// The candles in a zip of recorded bars as LEAN writes them: time, open, high, low, close, volume,
// prices in ten-thousandths of a dollar. The bars carry no notional: it is made from the close.

import { text } from 'node:stream/consumers';
import type { CandleNumbers } from '../../../src/engine/indicators/indicator.ts';
import { RecordedFile } from '../../../src/feeds/replay/recorded-file.ts';

export async function recordedCandles(path: string): Promise<CandleNumbers[]> {
  const candles: CandleNumbers[] = [];
  const file = await RecordedFile.open(path);
  for await (const part of file.parts()) {
    for (const line of (await text(part.read())).split('\n').filter(Boolean)) {
      const [high, low, close, volume] = line.trim().split(',').slice(2).map(Number) as [
        ...[number, number, number, number],
      ];
      candles.push({ high, low, close, volume, notional: close * volume });
    }
  }
  return candles;
}
