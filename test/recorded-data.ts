// Where the recorded market data lies, for the tests that check against it. It stands beside the
// project and is no part of it: where it is absent, such a test says that it was skipped.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const beside = fileURLToPath(new URL('../../shared/data', import.meta.url));

/** The path of a file or folder of the recorded data; null, with the test skipped, without it. */
export function recordedData(path: string, t: TestContext): string | null {
  const found = resolve(process.env.TAPELINE_DATA ?? beside, path);
  if (existsSync(found)) return found;
  t.skip(`no recorded data at ${found}; TAPELINE_DATA names another folder`);
  return null;
}
