// `tapeline run ROLE`: one role of the plant in a process of its own. Any number of processes of a
// role divide the partitions of the log among themselves; they meet in Kafka and nowhere else.

import { Gauge, type Registry } from '@prometheus-io/client';
import { systemClock } from '../../base/clock.ts';
import type { PartHealth, RoleReport } from '../../gateway/health.ts';
import { type Listener, listen } from '../../gateway/listener.ts';
import { serveRole } from '../../gateway/role.ts';
import { pipelineMeters } from '../../pipeline/meters.ts';
import type { Config } from '../config.ts';
import { type JobParts, startEngine, startIngest, startPersist, startPublish } from '../jobs.ts';
import { openLogger } from '../logger.ts';
import { keepMonthsOrdered } from '../month-order.ts';
import { ownRegistry } from '../own-metrics.ts';
import type { PartitionedRole } from '../roles.ts';
import { Shards, type StartJob } from '../shards.ts';
import { stopSignal } from '../signals.ts';
import { onceReachable } from '../waiting.ts';
import { openDatabase, openGroup, prepareCluster, sharedDatabase } from '../wire.ts';

const watchMs = 1_000;

export async function runRole(config: Config, role: PartitionedRole): Promise<void> {
  const logger = openLogger(config.logLevel, 'stdout');
  await using ends = new AsyncDisposableStack();
  const registry = ownRegistry(role, config.kafka?.instance);
  const watch = new RoleWatch(role, registry);
  const { host, metricsPort: port } = config;
  if (port !== null) {
    const listener = await listen({ host, port, portName: 'METRICS_PORT' });
    const server = await serveRole({ ...watch.served(listener), logger });
    ends.defer(() => server.close());
    logger.info({ role, url: listener.url }, 'serves metrics and health');
  }
  if (role === 'persist') sharedDatabase(config);
  const parts = { config, logger, meters: pipelineMeters(registry) };
  const wait = { clock: systemClock, logger };
  await onceReachable(async () => await prepareCluster(config, role), wait);
  const start = await jobsOf(role, parts, ends);
  const shards = new Shards(start, systemClock, logger);
  const group = await openGroup(config, role, logger, (partitions) => shards.assign(partitions));
  ends.defer(() => group.leave());
  ends.defer(() => shards.stop());
  const stopped = new AbortController();
  const watching = watch.run(shards, group, stopped.signal);
  ends.defer(async () => await watching);
  ends.defer(() => stopped.abort());
  const stopping = stopSignal();
  void group.join();
  logger.info({ role, kafka: config.kafka?.servers }, 'joining');
  await Promise.race([stopping, shards.failed, watching]);
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
    case 'publish':
      return async (partition) => await startPublish(parts, partition);
    case 'persist': {
      const { logger } = parts;
      const shared = sharedDatabase(parts.config);
      const wait = { clock: systemClock, logger };
      const database = await onceReachable(async () => await openDatabase(shared, logger), wait);
      ends.defer(() => database.stop());
      const stopped = new AbortController();
      const ordering = keepMonthsOrdered(database.connection, logger, stopped.signal);
      ends.defer(async () => {
        stopped.abort();
        await ordering;
      });
      return async (partition) => await startPersist(parts, database.connection, partition);
    }
  }
}

/** Asks the jobs each second how they are, so that whoever asks us waits for nobody. */
class RoleWatch {
  readonly #role: string;
  readonly #registry: Registry;
  #group: PartHealth = { state: 'starting', detail: 'Kafka and the database are asked' };
  #partitions: Record<string, PartHealth> = {};

  constructor(role: string, registry: Registry) {
    this.#role = role;
    this.#registry = registry;
    const gauge = new Gauge({
      name: 'tapeline_partitions',
      help: 'Partitions of the log that this process has, by how they are.',
      labelNames: ['state'],
      registers: [registry],
      collect: () => {
        for (const state of ['ok', 'starting', 'degraded', 'down']) {
          const parts = Object.values(this.#partitions);
          gauge.set({ state }, parts.filter((part) => part.state === state).length);
        }
      },
    });
  }

  served(listener: Listener) {
    const registry = this.#registry;
    const metricsText = async (): Promise<string> => await registry.metrics();
    return { listener, registry, metricsText, health: () => this.#report() };
  }

  async run(
    shards: Shards,
    group: { readonly waitsFor: string | null },
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      shards.measure();
      this.#partitions = shards.report();
      this.#group = groupHealth(group.waitsFor, shards.partitions.length);
      await systemClock.wait(watchMs, signal);
    }
  }

  #report(): RoleReport {
    return {
      role: this.#role,
      group: this.#group,
      partitions: this.#partitions,
      uptimeSeconds: Math.floor(process.uptime()),
    };
  }
}

function groupHealth(waitsFor: string | null, partitions: number): PartHealth {
  if (waitsFor !== null) return { state: 'starting', detail: waitsFor };
  const detail = partitions > 0 ? 'has given us partitions' : 'has no partition for us now';
  return { state: 'ok', detail };
}
