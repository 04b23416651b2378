// Corporate actions: what happens to an instrument besides its trading. They are kept as they were
// announced; candles are stored raw, and what an action does to them is worked out when they are
// read (docs/ADJUSTMENTS.md).

import type { Dividend, Rename, Split } from './wire-objects.ts';

export const adjustments = ['raw', 'split', 'dividend', 'all'] as const;
/** For which actions prices and volumes are adjusted; `raw` is as traded. */
export type Adjustment = (typeof adjustments)[number];

/** What tells an action from every other is its source, symbol, date and kind. */
export type CorporateAction = (Split | Dividend | Rename) & {
  /** Who says so: `csv`, or a LEAN file such as `lean:aapl`. */
  readonly source: string;
  /** The calendar in whose time zone its date is; see calendars/calendar.ts. */
  readonly calendar: string;
  /** The day on which it was `symbol` that meant the instrument: names are used again. */
  readonly namedOn: string;
};
