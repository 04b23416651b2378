// The seed of every property: FC_SEED tries another one.

export function seeded(numRuns = 200): { numRuns: number; seed: number } {
  return { numRuns, seed: Number(process.env.FC_SEED ?? 20_261_121) };
}
