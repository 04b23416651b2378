// What ingest decided about a record, once; it travels with the record through the log. A parser
// says of a trade no more than its source did: nothing, that it is a cancel, or a correction; of an
// export of ours what was decided before. Of what fills a gap a feed says `late`: ingest holds no
// horizon against it, and decides if it is.

export const verdicts = [
  'on time',
  'late',
  'correction',
  'cancel',
  'cancelled',
  'too late',
  'cancel too late',
] as const;
export type Verdict = (typeof verdicts)[number];

export const onTime = 0;
/** Behind the newest of its instrument by more than the allowed lateness. */
export const late = 1;
/** A trade that stands for another, which is cancelled beside it. */
export const correction = 2;
/** No trade: it takes back the one of the same id and event time. Its price and size are 0. */
export const cancel = 3;
/** A trade that was taken back before it came. */
export const cancelled = 4;
/**
 * Beyond the correction horizon, and no gap was filled; or below the floor (pipeline/floors.ts):
 * stored, but no candle changes any more.
 */
export const tooLate = 5;
export const cancelTooLate = 6;

export function verdictName(code: number): Verdict {
  return verdicts[code] as Verdict;
}

/** Whether a record is a trade that candles are made of. */
export function counts(code: number): boolean {
  return code < cancel;
}

/** The other codes. A column is searched for one of them faster than its rows are looked at. */
export const uncounted: readonly number[] = verdicts
  .keys()
  .filter((code) => !counts(code))
  .toArray();

export function isCancel(code: number): boolean {
  return code === cancel || code === cancelTooLate;
}
