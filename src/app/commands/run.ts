// `tapeline run ROLE`: one role of the plant in a process of its own. Any number of processes of a
// role divide the partitions of the log among themselves; they meet in Kafka and nowhere else.

import { Registry } from '@prometheus-io/client';
import { systemClock } from '../../base/clock.ts';
import { pipelineMeters } from '../../pipeline/meters.ts';
import type { Config } from '../config.ts';
import { type JobParts, startEngine, startIngest, startPersist } from '../jobs.ts';
import { openLogger } from '../logger.ts';
import { keepMonthsOrdered } from '../month-order.ts';
import { Shards, type StartJob } from '../shards.ts';
import { stopSignal } from '../signals.ts';
import { openDatabase, openGroup, prepareCluster, sharedDatabase } from '../wire.ts';

export type PartitionedRole = 'ingest' | 'engine' | 'persist';

export async function runRole(config: Config, role: PartitionedRole): Promise<void> {
  const logger = openLogger(config.logLevel, 'stdout');
  await using ends = new AsyncDisposableStack();
  const registry = new Registry();
  const parts = { config, logger, meters: pipelineMeters(registry) };
  await prepareCluster(config, role);
  const start = await jobsOf(role, parts, ends);
  const shards = new Shards(start, systemClock, logger);
  const group = await openGroup(config, role, logger, (partitions) => shards.assign(partitions));
  ends.defer(() => group.leave());
  ends.defer(() => shards.stop());
  const stopping = stopSignal();
  void group.join();
  logger.info({ role, kafka: config.kafka?.servers }, 'joining');
  await Promise.race([stopping, shards.failed]);
  logger.info('stopping: what was begun is finished first');
}

async function jobsOf(
  role: PartitionedRole,
  parts: JobParts,
  ends: AsyncDisposableStack,
): Promise<StartJob> {
  switch (role) {
    case 'ingest':
      return async (partition) => await startIngest(parts, partition);
    case 'engine':
      return async (partition) => await startEngine(parts, partition);
    case 'persist': {
      const database = await openDatabase(sharedDatabase(parts.config), parts.logger);
      ends.defer(() => database.stop());
      const stopped = new AbortController();
      const ordering = keepMonthsOrdered(database.connection, parts.logger, stopped.signal);
      ends.defer(async () => {
        stopped.abort();
        await ordering;
      });
      return async (partition) => await startPersist(parts, database.connection, partition);
    }
  }
}
