// Waits for what comes about by itself, but never for ever: a test that hangs holds up all others,
// and says nothing of what it waits for.

import { strict as assert } from 'node:assert/strict';
import { systemClock } from '../src/base/clock.ts';

/** Asks until it holds; after `secondsMax` it fails with `what`, or with what that tells then. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string | Promise<string>),
  { secondsMax = 60, everyMs = 2 } = {},
): Promise<void> {
  const end = systemClock.now() + secondsMax * 1e6;
  while (!(await holds())) {
    if (systemClock.now() > end) {
      assert.fail(`not within ${secondsMax} s: ${typeof what === 'string' ? what : await what()}`);
    }
    await systemClock.wait(everyMs);
  }
}
