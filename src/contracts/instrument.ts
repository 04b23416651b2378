// What is traded. An instrument is known by its symbol; the first source that defines a symbol
// owns its definition.

/** What every batch says of an instrument that it holds records of. */
export interface BatchInstrument {
  readonly symbol: string;
  /** Digits after the point of the prices of this batch. */
  priceScale: number;
  /** Digits after the point of the sizes of this batch. */
  sizeScale: number;
  /**
   * Sequence of this instrument's first record in the batch; gap-free per instrument and stream.
   */
  sequence: number;
  /** The exchange calendar that its days follow, as the instrument was defined; set by ingest. */
  calendar: string;
  /** Said in the batch with which it has grown; set by ingest. */
  gone?: Gone;
}

/**
 * Event times, microseconds, from `from` to before `to`: from this batch of the stream on no record
 * of them counts, so most of their candles need not be kept any longer.
 */
export interface Gone {
  readonly from: number;
  readonly to: number;
}

/** The calendar of what no feed has defined, and of what trades around the clock. */
export const alwaysOpenCalendar = '24/7';

const symbolPattern = /^[A-Z0-9][A-Z0-9.:_^=-]{0,31}$/;

export function isSymbol(text: string): boolean {
  return symbolPattern.test(text);
}
