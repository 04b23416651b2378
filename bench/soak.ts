// Memory over ten million trades of 5,000 instruments, through ingest, log, candles and signals.
// `./tapeline bench soak [trades] [instruments] [trades a second of event time]`. Goal: flat. The
// signals keep seven minutes of seconds, so what they need is seen once as much event time passed.
//
// As a plant does it, on a log with its retention, and without a database. What is told is the heap
// after a collection and what buffers hold beside it; resident memory also counts the pages of the
// log that LMDB maps, which the system takes back when it needs them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from '@prometheus-io/client';
import { Plant } from '../src/app/plant.ts';
import { type Clock, microsPerSecond, systemClock } from '../src/base/clock.ts';
import { prng } from '../src/base/prng.ts';
import type { Feed, Intake } from '../src/feeds/feed.ts';
import { openEmbeddedLog } from '../src/log/log-embedded.ts';
import { pipelineMeters } from '../src/pipeline/meters.ts';

const [tradesMax = 10_000_000, instruments = 5_000, perSecond = 100_000] = process.argv
  .slice(2)
  .map(Number);
const rowsAtOnce = 8_192;
const tellEvery = tradesMax / 10;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

const folder = await mkdtemp(join(tmpdir(), 'tapeline-soak-'));
const log = await openEmbeddedLog({ folder, logger: silent, clock: systemClock });
const plant = new Plant({
  log,
  clock: systemClock,
  meters: pipelineMeters(new Registry()),
  logger: silent,
  keepTrying: false,
  lingerMs: 0,
  stored: () => Number.POSITIVE_INFINITY,
  correctionHorizon: Number.POSITIVE_INFINITY,
  retentionHours: 24,
  retentionGigabytes: 1,
});
const began = systemClock.now();
process.stdout.write(`${tradesMax} trades of ${instruments} instruments\n`);
try {
  await plant.feed(soakFeed(systemClock));
  tell(tradesMax);
} finally {
  await plant.stop();
  tell(tradesMax);
  await log.close();
  await rm(folder, { recursive: true });
}

/** Trades one after the other, `perSecond` of them to a second of event time that ends now. */
function soakFeed(clock: Clock): Feed {
  const random = prng(1);
  const first = clock.now() - (tradesMax / perSecond) * microsPerSecond;
  return {
    name: 'soak',
    async run(intake: Intake): Promise<void> {
      for (let id = 0; id < tradesMax; id++) {
        const { trades } = intake.open;
        const time = Math.floor(first + (id / perSecond) * microsPerSecond);
        const symbol = `S${random.integer(instruments)}`;
        const price = 10_000 + random.integer(200);
        const tag = trades.tagOf('', '', '');
        trades.push(trades.instrumentOf(symbol, 2, 0), tag, time, time, price, 100, id);
        if ((id + 1) % rowsAtOnce === 0) await intake.flush();
        if ((id + 1) % tellEvery === 0) tell(id + 1);
      }
      await intake.flush();
    },
  };
}

function tell(trades: number): void {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`.padStart(8);
  const rate = Math.round(trades / ((systemClock.now() - began) / 1e6));
  process.stdout.write(
    `${String(trades).padStart(10)} trades: heap ${megabytes(heapUsed)}, ` +
      `buffers ${megabytes(arrayBuffers)}, resident ${megabytes(rss)}, ${rate} trades/s\n`,
  );
}
