// How fast a piece of work is, told so that a noisy machine does not decide.

import { systemClock } from '../../src/base/clock.ts';

export interface Rate {
  /** Per second, in millions. */
  readonly median: number;
  readonly best: number;
}

/** Runs each work in turn, round after round, so that what the machine does meets all alike. */
export async function rates(
  rounds: number,
  works: readonly { readonly count: number; readonly run: () => void | Promise<void> }[],
): Promise<Rate[]> {
  const seconds: number[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { run }] of works.entries()) {
      const start = systemClock.now();
      await run();
      seconds[index]?.push((systemClock.now() - start) / 1e6);
    }
  }
  return works.map(({ count }, index) => {
    const sorted = (seconds[index] as number[]).sort((a, b) => a - b);
    const rate = (at: number): number => count / (sorted[at] as number) / 1e6;
    return { median: rate(Math.floor(rounds / 2)), best: rate(0) };
  });
}
