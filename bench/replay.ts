// The whole way: recorded trades through log, engine and PostgreSQL, against a bare binary COPY of
// the same rows in the same run. `./tapeline bench replay`. Goals: 500,000 trades/s, and half of
// COPY.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { Registry } from '@prometheus-io/client';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { readConfig } from '../src/app/config.ts';
import { Plant } from '../src/app/plant.ts';
import { StoreThread } from '../src/app/threads.ts';
import { growthSignal, openLog, openReplay } from '../src/app/wire.ts';
import { systemClock } from '../src/base/clock.ts';
import { pipelineMeters } from '../src/pipeline/meters.ts';
import { connect } from '../src/store/database.ts';

const rounds = 3;
const logger = { info: ignore, warn: ignore, error: ignore };
const recorded = fileURLToPath(new URL('../../shared/data/us-equity/tick/', import.meta.url));
const days = ['bac/20131007', 'bac/20131008', 'spy/20131007', 'spy/20131008'];
const files = days.map((day) => `${recorded}${day}_trade.zip`);

if (!existsSync(recorded)) {
  process.stdout.write('skipped: the recorded data is not beside the project\n');
} else {
  for (let round = 1; round <= rounds; round++) await measure(round);
}

async function measure(round: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-bench-replay-'));
  const config = readConfig({ DATA_DIR: folder }, 'warn');
  const growth = growthSignal();
  const store = new StoreThread(config, growth, 'stderr', { lingerMs: 0, keepTrying: false });
  try {
    const database = await store.open();
    const log = await openLog(config, logger, growth);
    store.run();
    const plant = new Plant({
      log,
      clock: systemClock,
      meters: pipelineMeters(new Registry()),
      logger,
      keepTrying: false,
      lingerMs: 0,
      stored: (topic) => store.positions.of(topic),
      correctionHorizon: Number.POSITIVE_INFINITY,
      retentionHours: 1_000,
      retentionGigabytes: 100,
    });
    const whole = await seconds(async () => {
      const speed = Number.POSITIVE_INFINITY;
      await plant.feed(await openReplay(files, { speed }, systemClock, ignore));
      await plant.stop();
      await store.stop();
    });
    await log.close();
    const { rows, copy } = await bareCopy(database);
    const [ours, bare] = [rows / whole, rows / copy];
    process.stdout.write(
      `round ${round}: ${rows} trades; whole way ${Math.round(ours)}/s, bare COPY ` +
        `${Math.round(bare)}/s, ratio ${(ours / bare).toFixed(2)}\n`,
    );
  } finally {
    await store.close({ wait: true });
    await rm(folder, { recursive: true });
  }
}

/** The rows just stored, taken out as binary and copied into an empty table of the same shape. */
async function bareCopy(database: Parameters<typeof connect>[0]) {
  const client = await connect(database, { application: 'bench', statementSeconds: 120 });
  const chunks: Buffer[] = [];
  const out = client.query(copyTo('copy (select * from trade_rows) to stdout (format binary)'));
  for await (const chunk of out) chunks.push(chunk as Buffer);
  await client.query('create table bare (like trade_rows)');
  await client.query('create index on bare using brin (event_time)');
  const into = client.query(copyFrom('copy bare from stdin (format binary)'));
  const copy = await seconds(async () => await pipeline(packed(chunks), into));
  const { rows } = await client.query('select count(*)::int as count from bare');
  await client.end();
  return { rows: rows[0].count as number, copy };
}

/** In pieces of a megabyte, so that the client's part costs next to nothing. */
function* packed(chunks: readonly Buffer[]): Generator<Buffer> {
  const whole = Buffer.concat(chunks);
  for (let at = 0; at < whole.length; at += 2 ** 20) yield whole.subarray(at, at + 2 ** 20);
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = systemClock.now();
  await work();
  return (systemClock.now() - start) / 1e6;
}

function ignore(): void {}
