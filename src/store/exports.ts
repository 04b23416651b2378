// Stored history as files: what the export command writes and the gateway sends. A file is of one
// moment, however long it takes to read; memory is bounded whatever the span, and nothing is read
// that nobody asks for.

import type { PriceKind } from '../contracts/candle.ts';
import type { Adjustment } from '../contracts/corporate-action.ts';
import type { Interval } from '../contracts/interval.ts';
import type { ExportFormat } from './export-formats.ts';
import type { Span } from './history.ts';

export interface TradeExport extends Span {
  readonly format: ExportFormat;
  /** All when absent. */
  readonly symbol?: string | undefined;
  /** Ends what the database still does for a file that nobody wants any more. */
  readonly signal?: AbortSignal;
}

export interface CandleExport extends TradeExport {
  /** All when absent. */
  readonly interval?: Interval | undefined;
  /** Default: trade. */
  readonly price?: PriceKind | undefined;
  /** Default: raw. Needs a symbol, as `asof` does. */
  readonly adjustment?: Adjustment | undefined;
  /** A date; today unless given. */
  readonly asof?: string | undefined;
  /** Intervals without a candle as well, with the state `no_trades` or `no_data`. */
  readonly empty?: boolean | undefined;
}

/**
 * The bytes of a file. Rejects with Failure 'not-found' for an unknown symbol, 'bad-request' for
 * what cannot be adjusted, and 'database-unavailable'; what was yielded before is then incomplete.
 */
export interface Exports {
  /** By symbol and start. */
  candles(query: CandleExport): AsyncIterable<Uint8Array>;
  /** By time and place in the log. */
  trades(query: TradeExport): AsyncIterable<Uint8Array>;
}
