// The recorded files of corporate actions, and raw daily candles to adjust by them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { CorporateAction } from '../../src/contracts/corporate-action.ts';
import { formatDecimal } from '../../src/contracts/decimal.ts';
import type { Candle } from '../../src/contracts/wire-objects.ts';
import { actionsOf } from '../../src/corporate-actions/action-files.ts';
import { RecordedFile } from '../../src/feeds/replay/recorded-file.ts';

export function recordedActions(
  folder: string,
  symbol: string,
  kind: 'factor' | 'map' = 'factor',
): readonly CorporateAction[] {
  const path = join(folder, `${kind}_files`, `${symbol}.csv`);
  return actionsOf({ path, text: readFileSync(path, 'utf8') }, { calendar: 'XNYS' }).actions;
}

/** A candle of a day or another interval; its notional is made from the close. */
export function candleOn(start: string, facts: Partial<Candle> & { readonly close: string }) {
  const { close, volume = '100' } = facts;
  return {
    symbol: 'AAA',
    price: 'trade',
    interval: '1d',
    start,
    open: close,
    high: close,
    low: close,
    volume,
    notional: String(Number(close) * Number(volume)),
    vwap: close,
    trades: 1,
    priced: 1,
    revision: 0,
    state: 'final',
    ...facts,
  } as const satisfies Candle;
}

/**
 * A daily zip as LEAN writes it: `20140606 00:00`, then prices in ten-thousandths of a dollar. Each
 * day's candle begins at 12:00 UTC, before the session and after the exchange's midnight.
 */
export async function recordedDays(folder: string, symbol: string): Promise<Candle[]> {
  const days: Candle[] = [];
  const file = await RecordedFile.open(join(folder, 'daily', `${symbol}.zip`));
  for await (const part of file.parts()) {
    for (const line of (await text(part.read())).split('\n').filter(Boolean)) {
      const [day = '', ...figures] = line.trim().split(',');
      const [open, high, low, close] = figures
        .slice(0, 4)
        .map((figure) => formatDecimal(Number(figure), 4)) as [string, string, string, string];
      const date = day.slice(0, 8).replace(/(....)(..)(..)/, '$1-$2-$3');
      const own = { symbol: symbol.toUpperCase(), interval: '1m', volume: figures[4] } as const;
      days.push(candleOn(`${date}T12:00:00Z`, { ...own, open, high, low, close }));
    }
  }
  return days;
}
