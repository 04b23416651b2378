// Recorded trades for benchmarks, decoded as the engine meets them.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import { decodeTrades, encodeTrades, type TradeBatch } from '../../src/contracts/trade.ts';
import { Intake, type Observations } from '../../src/feeds/feed.ts';
import { replayFeed } from '../../src/feeds/replay/replay.ts';

const equities = fileURLToPath(new URL('../../../shared/data/us-equity/tick/', import.meta.url));
const days = ['20131007', '20131008'];

/** Two days of a stock's trades in batches of up to `rowsEach`; null without recorded data. */
export async function recordedTrades(
  symbols: readonly ('bac' | 'spy')[],
  rowsEach: number,
): Promise<TradeBatch[] | null> {
  const batches: TradeBatch[] = [];
  const isThere = await eachRecorded(symbols, rowsEach, async ({ trades }) => {
    batches.push(decodeTrades(encodeTrades(trades)));
  });
  return isThere ? batches : null;
}

/** The same as ingest meets them, which are used again once taken; false without recorded data. */
export async function eachRecorded(
  symbols: readonly ('bac' | 'spy')[],
  rowsEach: number,
  take: (observations: Observations) => Promise<void>,
): Promise<boolean> {
  if (!existsSync(equities)) return false;
  const files = symbols.flatMap((symbol) =>
    days.map((day) => `${equities}${symbol}/${day}_trade.zip`),
  );
  const intake = new Intake('replay', 'replay', rowsEach);
  const feed = replayFeed({ files, speed: 'max', clock: systemClock });
  const running = feed.run(intake, new AbortController().signal).finally(() => intake.end());
  for await (const observations of intake) await take(observations);
  await running;
  return true;
}
