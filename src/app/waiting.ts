// What a role does at its start where Kafka or the database is not there yet: it waits and says
// why.
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { PlantLogger } from './plant.ts';

const retryMs = 2_000;

/** Begins again until it succeeds. Rejects with what does not pass by itself. */
export async function onceReachable<T>(
  begin: () => Promise<T>,
  {
    clock,
    logger,
    onWait,
  }: {
    readonly clock: Clock;
    readonly logger: PlantLogger;
    readonly onWait?: (why: string) => void;
  },
): Promise<T> {
  for (let told = ''; ; ) {
    try {
      return await begin();
    } catch (error) {
      if (!(error instanceof Failure && error.kind.retryable)) throw error;
      const { message, cure } = error;
      if (message !== told) logger.warn({ cure }, `waiting: ${message}`);
      told = message;
      onWait?.(message);
    }
    await clock.wait(retryMs);
  }
}
