// What a client asks for by the URL of its WebSocket.

import { Failure } from '../../base/failure.ts';
import { type PriceKind, priceKinds } from '../../contracts/candle.ts';
import { type Interval, intervals } from '../../contracts/interval.ts';
import { type Severity, severities } from '../../contracts/signal.ts';
import type { IndicatorSpec } from '../../engine/indicators/indicators.ts';
import { parseIndicators } from '../indicated.ts';

export const streams = ['trades', 'quotes', 'candles', 'alerts'] as const;
export type Stream = (typeof streams)[number];

export interface Wanted {
  readonly stream: Stream;
  /** For alerts null is any. */
  readonly symbol: string | null;
  /** For alerts; null is any. */
  readonly severity: Severity | null;
  /** For candles. */
  readonly interval: Interval;
  readonly price: PriceKind;
  /** For candles: each once, in the order of their texts. */
  readonly indicators: readonly IndicatorSpec[];
}

const path = /^\/ws\/([a-z]+)(?:\/([^/]+))?$/;
const parameters: Record<Stream, readonly string[]> = {
  trades: [],
  quotes: [],
  candles: ['interval', 'price', 'indicators'],
  alerts: ['symbol', 'severity'],
};

/** Throws Failure `not-found` or `bad-request`. */
export function parseWanted(url: string): Wanted {
  const { pathname, searchParams } = URL.parse(url, 'ws://host') ?? new URL('ws://host');
  const [, name, symbol] = path.exec(pathname) ?? [];
  const stream = streams.find((one) => one === name);
  if (stream === undefined || (stream === 'alerts') === (symbol !== undefined)) {
    throw new Failure(
      'not-found',
      `There is no stream at "${pathname}".`,
      'Connect to /ws/trades/{symbol}, /ws/quotes/{symbol}, /ws/candles/{symbol} or /ws/alerts.',
    );
  }
  const allowed = parameters[stream];
  for (const parameter of searchParams.keys()) {
    if (allowed.includes(parameter) && searchParams.getAll(parameter).length === 1) continue;
    throw new Failure(
      'bad-request',
      `The parameter "${parameter}" is unknown here, or given twice.`,
      allowed.length > 0 ? `Give each of ${allowed.join(', ')} at most once.` : 'Leave it out.',
    );
  }
  return {
    stream,
    symbol: decode(symbol ?? searchParams.get('symbol') ?? '').toUpperCase() || null,
    severity: severityOf(searchParams.get('severity')),
    interval: oneOf(intervals, 'interval', searchParams.get('interval') ?? '1m'),
    price: oneOf(priceKinds, 'price', searchParams.get('price') ?? 'trade'),
    indicators: indicatorsOf(searchParams.get('indicators')),
  };
}

function indicatorsOf(given: string | null): readonly IndicatorSpec[] {
  if (given === null) return [];
  const byText = new Map(parseIndicators(given).map((spec) => [spec.text, spec]));
  return [...byText.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}

function severityOf(given: string | null): Severity | null {
  return given === null ? null : oneOf(severities, 'severity', given);
}

function oneOf<Value extends string>(
  values: readonly Value[],
  parameter: string,
  given: string,
): Value {
  const value = values.find((one) => one === given);
  if (value !== undefined) return value;
  throw new Failure(
    'bad-request',
    `The parameter "${parameter}" is "${given}", which it cannot be.`,
    `Give one of ${values.join(', ')}.`,
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a symbol that no instrument has
  }
}
