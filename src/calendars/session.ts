// What a calendar answers with.

import type { Micros } from '../base/clock.ts';

/** From `start` on, until just before `end`. */
export interface Span {
  readonly start: Micros;
  readonly end: Micros;
}

/** One trading day of an exchange. Times are microseconds UTC; a session is [open, close). */
export interface Session {
  /** The exchange's own date, as `2024-07-03`. A futures session may open on the evening before. */
  readonly date: string;
  readonly kind: 'regular' | 'early close';
  readonly open: Micros;
  readonly close: Micros;
  readonly break: Span | null;
  /** Trading before the open and after the close, null where the exchange has none. */
  readonly preMarket: Span | null;
  readonly afterMarket: Span | null;
}

/** What an exchange is doing at a moment. */
export type Phase = 'closed' | 'pre-market' | 'open' | 'break' | 'after-market';
