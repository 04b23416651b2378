// What ingest decided about a record, once; it travels with the record through the log.

export const verdicts = ['on time', 'late', 'correction', 'cancel'] as const;
export type Verdict = (typeof verdicts)[number];

export const onTime = 0;
export const late = 1;

export function verdictName(code: number): Verdict {
  return verdicts[code] as Verdict;
}
