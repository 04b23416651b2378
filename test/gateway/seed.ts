// The seed of every property: FC_SEED tries another one.

export function seeded(numRuns = 200): { numRuns: number; seed: number } {
  return { numRuns, seed: Number(process.env.FC_SEED ?? 20_261_121) };
}

/** The seeds of as many rounds as it takes to make TAPELINE_CUTS cuts; of one without that. */
export function seedsOfCuts(perRound: number): number[] {
  const { seed } = seeded();
  const rounds = Math.ceil(Number(process.env.TAPELINE_CUTS ?? perRound) / perRound);
  return Array.from({ length: rounds }, (_, round) => seed + round);
}
