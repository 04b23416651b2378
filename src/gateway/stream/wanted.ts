// What a client asks for, by a `subscribe` message or by the URL of a ready-made stream: one
// subscription, checked.

import { Failure } from '../../base/failure.ts';
import { type PriceKind, priceKinds } from '../../contracts/candle.ts';
import { type Interval, intervals } from '../../contracts/interval.ts';
import { type Severity, severities } from '../../contracts/signal.ts';
import { parseTime } from '../../contracts/time.ts';
import type { IndicatorSpec } from '../../engine/indicators/indicators.ts';
import { parseIndicators } from '../indicated.ts';
import { candleKey } from '../live.ts';
import { type Policy, parseSubscribe, type Stream, type Subscribe } from './client-messages.ts';

export interface Wanted {
  readonly stream: Stream;
  /** Upper case, each once; null is every symbol. */
  readonly symbols: readonly string[] | null;
  /** For alerts; null is any. */
  readonly severity: Severity | null;
  /** For candles. */
  readonly interval: Interval;
  readonly price: PriceKind;
  /** For candles: each once, in the order of their texts. */
  readonly indicators: readonly IndicatorSpec[];
  readonly policy: Policy;
  readonly cursor: string | null;
  readonly past: PastWanted | null;
}

/** Of each symbol the newest `limit`, or all since `from`, microseconds. */
export type PastWanted = { readonly limit: number } | { readonly from: number };

interface Rules {
  /** The fields that this stream has beside those of all. */
  readonly fields: readonly (keyof Subscribe)[];
  /** The first is what it is without. */
  readonly policies: readonly Policy[];
}

const past = ['history', 'from'] as const;
const rules: Record<Stream, Rules> = {
  trades: { fields: past, policies: ['lossless', 'conflate', 'skip', 'close'] },
  quotes: { fields: [], policies: ['conflate', 'lossless', 'skip', 'close'] },
  candles: {
    fields: ['interval', 'price', 'indicators', ...past],
    policies: ['lossless', 'conflate', 'skip', 'close'],
  },
  alerts: { fields: ['severity', ...past], policies: ['lossless', 'skip', 'close'] },
  news: { fields: past, policies: ['lossless', 'skip', 'close'] },
  summary: { fields: [], policies: ['conflate'] },
};
const fieldsOfAll: readonly string[] = ['op', 'id', 'stream', 'symbols', 'policy', 'cursor'];

/** Throws Failure `bad-request`. */
export function wantedOf(asked: Subscribe): Wanted {
  const { stream, symbols, interval = '1m', price = 'trade', severity = null } = asked;
  const { fields, policies } = rules[stream];
  const { policy = policies[0], cursor = null } = asked;
  for (const field of Object.keys(asked)) {
    if (fieldsOfAll.includes(field) || fields.includes(field as keyof Subscribe)) continue;
    const detail = `"${field}" is unknown here: ${stream} have none.`;
    throw new Failure('bad-request', detail, 'Leave it out.');
  }
  if (!policies.includes(policy)) {
    const detail = `"policy" is "${policy}", which ${stream} cannot have.`;
    throw new Failure('bad-request', detail, `Give one of ${policies.join(', ')}.`);
  }
  const indicators = specsOf(asked.indicators ?? []);
  if (indicators.length > 0 && symbols === '*') {
    const detail = 'Indicators are not to be had of every symbol at once.';
    throw new Failure('bad-request', detail, 'Give a list of symbols.');
  }
  const list = symbols === '*' ? null : [...new Set(symbols.map((one) => one.toUpperCase()))];
  if (list?.length === 0) {
    throw new Failure('bad-request', '"symbols" is empty.', 'Name some, or give "*".');
  }
  const common = { stream, symbols: list, severity, interval, price, indicators, policy, cursor };
  return { ...common, past: pastOf(asked) };
}

/** What tells the messages of this subscription from others of the same symbol; see Watchers. */
export function keysOf({ stream, price, interval, severity }: Wanted): readonly number[] {
  if (stream === 'candles') {
    return [candleKey(priceKinds.indexOf(price), intervals.indexOf(interval))];
  }
  if (stream !== 'alerts') return [0];
  return severity === null ? [...severities.keys()] : [severities.indexOf(severity)];
}

/** Whether a client could not tell for which of the two a message is. */
export function overlap(a: Wanted, b: Wanted): boolean {
  if (a.stream !== b.stream) return false;
  const keys = keysOf(b);
  if (!keysOf(a).some((key) => keys.includes(key))) return false;
  // An article may be of symbols of both.
  if (a.symbols === null || b.symbols === null || a.stream === 'news') return true;
  const symbols = new Set(b.symbols);
  return a.symbols.some((symbol) => symbols.has(symbol));
}

function pastOf({ cursor, history, from }: Subscribe): PastWanted | null {
  if ([cursor, history, from].filter((one) => one !== undefined).length > 1) {
    const detail = 'More than one of "cursor", "history" and "from" is given.';
    throw new Failure('bad-request', detail, 'Give one of them, or none.');
  }
  if (history !== undefined) return { limit: history };
  if (from === undefined) return null;
  const time = parseTime(from);
  if (time !== null) return { from: time };
  throw new Failure(
    'bad-request',
    `"from" is "${from}", which is no time.`,
    'Give ISO 8601, such as 2013-10-07T13:30:00Z.',
  );
}

function specsOf(texts: readonly string[]): readonly IndicatorSpec[] {
  if (texts.length === 0) return [];
  const byText = new Map(parseIndicators(texts.join(';')).map((spec) => [spec.text, spec]));
  return [...byText.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}

const path = /^\/ws\/([a-z]+)(?:\/([^/]+))?$/;
const readyMade = ['trades', 'quotes', 'candles', 'alerts'] as const;
const parametersOfAll: readonly string[] = ['policy', 'cursor'];
const parameters: Record<(typeof readyMade)[number], readonly string[]> = {
  trades: parametersOfAll,
  quotes: parametersOfAll,
  candles: ['interval', 'price', 'indicators', ...parametersOfAll],
  alerts: ['symbol', 'severity', ...parametersOfAll],
};

/** What the URL of a ready-made stream fixes. Throws Failure `not-found` or `bad-request`. */
export function wantedByUrl({ pathname, searchParams }: URL): Wanted {
  const [, name, symbol] = path.exec(pathname) ?? [];
  const stream = readyMade.find((one) => one === name);
  if (stream === undefined || (stream === 'alerts') === (symbol !== undefined)) {
    throw new Failure(
      'not-found',
      `There is no stream at "${pathname}".`,
      'Connect to /ws, /ws/trades/{symbol}, /ws/quotes/{symbol}, /ws/candles/{symbol} or ' +
        '/ws/alerts.',
    );
  }
  const allowed = parameters[stream];
  for (const parameter of searchParams.keys()) {
    if (allowed.includes(parameter) && searchParams.getAll(parameter).length === 1) continue;
    throw new Failure(
      'bad-request',
      `The parameter "${parameter}" is unknown here, or given twice.`,
      `Give each of ${allowed.join(', ')} at most once.`,
    );
  }
  const { symbol: filter, indicators, ...others } = Object.fromEntries(searchParams);
  const one = decode(symbol ?? filter ?? '');
  return wantedOf(
    parseSubscribe({
      ...others,
      op: 'subscribe',
      id: 'url',
      stream,
      symbols: one === '' ? '*' : [one],
      ...(indicators === undefined ? {} : { indicators: indicators.split(';') }),
    }),
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a symbol that no instrument has
  }
}
