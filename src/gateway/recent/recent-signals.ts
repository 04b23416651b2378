// The signals at the log's end.

import type { Severity } from '../../contracts/signal.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import { RecentRecords } from './recent-records.ts';

export interface SignalFilter {
  /** Absent for any. */
  readonly symbols?: ReadonlySet<string>;
  readonly severity?: Severity;
}

export class RecentSignals extends RecentRecords<Signal, SignalFilter> {
  constructor(max: number) {
    super(max, ({ symbol, severity }, filter) => {
      const isOfSymbols = filter.symbols?.has(symbol) ?? true;
      return isOfSymbols && (filter.severity === undefined || filter.severity === severity);
    });
  }
}
