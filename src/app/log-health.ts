// How the log is, for /health.

import type { PartHealth } from '../gateway/health.ts';
import type { Log } from '../log/log.ts';

export function logHealth(log: Log): PartHealth {
  const { damagedBatches, trouble } = log.stats();
  if (trouble) {
    const state = trouble.kind.retryable ? 'degraded' : 'down';
    return { state, detail: `${trouble.message}. ${trouble.cure}` };
  }
  if (damagedBatches === 0) return { state: 'ok', detail: `epoch ${log.epoch}` };
  return { state: 'degraded', detail: `${damagedBatches} damaged batches are in quarantine` };
}
