// Beside whatever stores candles: puts months that are over in order, one after the other.

import { systemClock } from '../base/clock.ts';
import { Failure, messageOf } from '../base/failure.ts';
import type { PlantLogger } from './plant.ts';
import { type DatabaseConnection, orderMonth } from './wire.ts';

/** After the start, which has enough to do, and after each month. */
const pauseMs = 60_000;
const idleMs = 10 * 60_000;

/** Resolves once the signal comes. What keeps it from its work now need not the next time. */
export async function keepMonthsOrdered(
  database: DatabaseConnection,
  logger: PlantLogger,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = pauseMs;
  for (;;) {
    await systemClock.wait(waitMs, signal);
    if (signal.aborted) return;
    waitMs = idleMs;
    try {
      const table = await orderMonth(database, signal);
      if (table === null) continue;
      logger.info({ table }, 'a month that is over was put in order');
      waitMs = pauseMs;
    } catch (error) {
      if (signal.aborted) return;
      // Nothing depends on it, whatever it is: candles are served from where they lie.
      const cure = error instanceof Failure ? error.cure : 'See what PostgreSQL says of it.';
      logger.warn({ cure }, `a month is not put in order: ${messageOf(error)}`);
    }
  }
}
