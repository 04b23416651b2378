// What all roles do that write to something durable: a plant that serves waits out what passes by
// itself, such as a full disk or a broker that starts anew.

import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Log, Transaction } from '../log/log.ts';

const retryMsMin = 100;
const retryMsMax = 5_000;

/** Resolves once the transaction is durable. */
export async function commitUntilDurable(
  log: Log,
  transaction: Transaction,
  clock: Clock,
  keepTrying: boolean,
  signal: AbortSignal,
): Promise<void> {
  await untilDone(async () => await log.commit(transaction), clock, keepTrying, signal);
}

/**
 * With `keepTrying` what ends in a retryable Failure is tried again, less and less often, until the
 * signal aborts.
 */
export async function untilDone(
  work: () => Promise<unknown>,
  clock: Clock,
  keepTrying: boolean,
  signal: AbortSignal,
): Promise<void> {
  for (let waitMs = retryMsMin; ; waitMs = Math.min(waitMs * 2, retryMsMax)) {
    try {
      await work();
      return;
    } catch (error) {
      const retryable = error instanceof Failure && error.kind.retryable;
      if (!retryable || !keepTrying || signal.aborted) throw error;
      await clock.wait(waitMs, signal);
    }
  }
}
