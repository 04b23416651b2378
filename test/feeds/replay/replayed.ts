// Replays files into an intake that is emptied at once, and gives back all that came.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ManualClock } from '../../../src/base/clock.ts';
import type { Failure } from '../../../src/base/failure.ts';
import type { DeadLetter } from '../../../src/contracts/dead-letter.ts';
import type { Heartbeat } from '../../../src/contracts/heartbeat.ts';
import type { Instrument, Quote, Trade } from '../../../src/contracts/wire-objects.ts';
import { Intake } from '../../../src/feeds/feed.ts';
import { type ReplayOptions, replayFeed } from '../../../src/feeds/replay/replay.ts';
import { copyOf, readBack, type Seen } from '../parsed.ts';

export class Replayed {
  readonly batches: Seen[] = [];
  /** What `run` threw. */
  failure: Failure | null = null;

  get tradeCount(): number {
    return this.batches.reduce((sum, { trades }) => sum + trades.count, 0);
  }

  get quoteCount(): number {
    return this.batches.reduce((sum, { quotes }) => sum + quotes.count, 0);
  }

  get trades(): Trade[] {
    return this.batches.flatMap((batch) => readBack(batch).trades);
  }

  get quotes(): Quote[] {
    return this.batches.flatMap((batch) => readBack(batch).quotes);
  }

  get deadLetters(): DeadLetter[] {
    return this.batches.flatMap(({ deadLetters }) => deadLetters);
  }

  get heartbeats(): Heartbeat[] {
    return this.batches.flatMap(({ heartbeats }) => heartbeats);
  }

  get instruments(): Instrument[] {
    return this.batches.flatMap(({ instruments }) => instruments);
  }

  /** Why what could not be read was refused: the reasons, and where. */
  get refusals(): string[] {
    return this.deadLetters.map(({ reason, where }) => `${reason} at ${where.split('/').at(-1)}`);
  }
}

type Options = Partial<ReplayOptions> & { readonly files: readonly string[] };

export async function replayed(options: Options): Promise<Replayed> {
  const clock = new ManualClock(1_700_000_000_000_000);
  const feed = replayFeed({ speed: 'max', clock, ...options });
  const intake = new Intake(feed.name, feed.name);
  const result = new Replayed();
  const running = feed
    .run(intake, new AbortController().signal)
    .catch((error: Failure) => {
      result.failure = error;
    })
    .finally(() => intake.end());
  for await (const batch of intake) result.batches.push(copyOf(batch));
  await running;
  return result;
}

/** A folder for one test, and a way to put files into it that gives their paths. */
export function scratch(t: TestContext): (name: string, content: string | Uint8Array) => string {
  const folder = mkdtempSync(join(tmpdir(), 'tapeline-replay-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return (name, content) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
}
