// How the log is, for /health: all its shards together.

import type { PartHealth } from '../gateway/health.ts';
import type { Log } from '../log/log.ts';

export function logHealth(shards: readonly Log[]): PartHealth {
  const stats = shards.map((shard) => shard.stats());
  const trouble = stats.find((one) => one.trouble !== null)?.trouble;
  if (trouble) {
    const state = trouble.kind.retryable ? 'degraded' : 'down';
    return { state, detail: `${trouble.message}. ${trouble.cure}` };
  }
  const damaged = stats.reduce((sum, { damagedBatches }) => sum + damagedBatches, 0);
  if (damaged === 0) return { state: 'ok', detail: `epoch ${shards[0]?.epoch}` };
  return { state: 'degraded', detail: `${damaged} damaged batches are in quarantine` };
}
