// The signal operator: (state, closed candles) -> signals. Pure like the candle operator, and its
// definitions (docs/SIGNALS.md) are functions of the set of candles: a revised candle asks the
// windows it belongs to again, and what no longer holds is retracted. All comparisons are of
// integers, so that another engine can come to the same rows.

import {
  type CandleBatch,
  type CandleSymbol,
  candleStates,
  priceKinds,
} from '../contracts/candle.ts';
import { divide, formatBigDecimal, formatDecimal, powerOfTen } from '../contracts/decimal.ts';
import { intervals } from '../contracts/interval.ts';
import { type Severity, type SignalKind, signalId } from '../contracts/signal.ts';
import { formatTime } from '../contracts/time.ts';
import { wideToBigInt } from '../contracts/wide.ts';
import type { Signal } from '../contracts/wire-objects.ts';

/** Prices are integer counts in the symbol's scale, times microseconds. */
interface Span {
  readonly start: number;
  open: number;
  high: number;
  low: number;
  close: number;
}

interface MinuteSpan extends Span {
  readonly volume: bigint;
  readonly notional: bigint;
}

interface SymbolState {
  priceScale: number;
  sizeScale: number;
  /** Closed candles of a second and of a minute, by start; the newest of them. */
  seconds: Span[];
  minutes: MinuteSpan[];
  /** Newest versions of the signals of those candles, by cause: an id costs a hash to make. */
  readonly raised: Map<string, Signal>;
}

export type SignalSnapshot = readonly {
  readonly symbol: string;
  readonly priceScale: number;
  readonly sizeScale: number;
  readonly seconds: readonly Span[];
  readonly minutes: readonly (Span & { readonly volume: string; readonly notional: string })[];
  readonly raised: readonly (readonly [cause: string, signal: Signal])[];
}[];

const second = 1_000_000;
const minute = 60 * second;
const hour = 60 * minute;
/** Candles of a second that come later than this are beyond the horizon: nothing asks again. */
const secondsLateMax = 3 * minute;
/** What asking again about them looks back on: their minute, and one before it. */
const secondsKept = secondsLateMax + 2 * minute;
/** How many minutes a volume is compared with. */
const volumeWindows = 20;
/** The oldest of these are only compared with: a revision of one of them is beyond the horizon. */
const minutesKept = 3 * volumeWindows;
const raisedMax = 256;
/** Below this, times a small factor is still a safe integer. */
const productSafeMax = 2 ** 46;

const tradePrice = priceKinds.indexOf('trade');
const openState = candleStates.indexOf('open');
const intervalOf = {
  '1s': intervals.indexOf('1s'),
  '1m': intervals.indexOf('1m'),
  '1h': intervals.indexOf('1h'),
};

/** Percent beyond which a change is of each severity, from the worst on. */
const changeSteps: readonly (readonly [percent: number, Severity])[] = [
  [20, 'critical'],
  [10, 'high'],
  [5, 'medium'],
];
const swingSteps: readonly (readonly [percent: number, Severity])[] = [
  [10, 'high'],
  [5, 'medium'],
  [2, 'low'],
];
/** The same for standard deviations. */
const sigmaSteps: readonly (readonly [sigmas: bigint, Severity])[] = [
  [10n, 'critical'],
  [5n, 'high'],
  [3n, 'medium'],
];

export class SignalOperator {
  readonly #symbols = new Map<string, SymbolState>();
  #found: Signal[] = [];

  /** What the closed candles of a batch raise, change and retract, in their order. */
  apply(batch: CandleBatch): readonly Signal[] {
    for (let row = 0; row < batch.count; row++) {
      if (batch.price[row] !== tradePrice || batch.state[row] === openState) continue;
      const interval = batch.interval[row] as number;
      // Prices of trades that may not set any are no reason to call somebody.
      const isPriced = batch.priced[row] !== 0;
      if (interval === intervalOf['1m']) this.#takeMinute(batch, row);
      else if (interval === intervalOf['1s'] && isPriced) this.#takeSecond(batch, row);
      else if (interval === intervalOf['1h'] && isPriced) this.#takeHour(batch, row);
    }
    const found = this.#found;
    this.#found = [];
    return found;
  }

  snapshot(): SignalSnapshot {
    return Array.from(this.#symbols, ([symbol, state]) => ({
      symbol,
      priceScale: state.priceScale,
      sizeScale: state.sizeScale,
      seconds: state.seconds,
      minutes: state.minutes.map(({ volume, notional, ...span }) => ({
        ...span,
        volume: String(volume),
        notional: String(notional),
      })),
      raised: [...state.raised],
    }));
  }

  static fromSnapshot(snapshot: SignalSnapshot): SignalOperator {
    const operator = new SignalOperator();
    for (const { symbol, priceScale, sizeScale, seconds, minutes, raised } of snapshot) {
      operator.#symbols.set(symbol, {
        priceScale,
        sizeScale,
        seconds: [...seconds],
        minutes: minutes.map(({ volume, notional, ...span }) => ({
          ...span,
          volume: BigInt(volume),
          notional: BigInt(notional),
        })),
        raised: new Map(raised),
      });
    }
    return operator;
  }

  #takeSecond(batch: CandleBatch, row: number): void {
    const { symbol } = symbolOf(batch, row);
    const state = this.#stateOf(batch, row);
    const span = spanOf(batch, row, state);
    const { seconds } = state;
    const newest = seconds.at(-1)?.start ?? Number.NEGATIVE_INFINITY;
    if (span.start <= newest - secondsLateMax) return;
    place(seconds, span);
    if (span.start > newest) {
      this.#spikeAt(symbol, state, seconds.length - 1);
      // Twice as long, so that what is kept is copied rarely.
      if ((seconds[0] as Span).start <= span.start - 2 * secondsKept) {
        state.seconds = seconds.filter(({ start }) => start > span.start - secondsKept);
      }
      return;
    }
    // A late second may change every window that it is in: its own minute's and the next one's.
    const from = floor(span.start, minute);
    for (let start = from; start <= from + minute; start += minute) {
      this.#spikesOf(symbol, state, start);
    }
  }

  /** Asks the newest second. What is raised in a minute is not raised in it again. */
  #spikeAt(symbol: string, state: SymbolState, index: number): void {
    for (const direction of ['up', 'down'] as const) {
      const start = floor((state.seconds[index] as Span).start, minute);
      const cause = causeOf('price-spike', start, direction);
      if (state.raised.get(cause)?.state === 'raised') continue;
      const spike = spikeAt(symbol, state, index, direction);
      if (spike) this.#raise(state, cause, spike);
    }
  }

  /** Asks a whole minute again. */
  #spikesOf(symbol: string, state: SymbolState, start: number): void {
    for (const direction of ['up', 'down'] as const) {
      let spike: Signal | null = null;
      for (const [index, span] of state.seconds.entries()) {
        if (floor(span.start, minute) !== start) continue;
        spike ??= spikeAt(symbol, state, index, direction);
      }
      this.#settle(state, causeOf('price-spike', start, direction), spike);
    }
  }

  #takeMinute(batch: CandleBatch, row: number): void {
    const { symbol } = symbolOf(batch, row);
    const state = this.#stateOf(batch, row);
    const { minutes } = state;
    const sizeDigits = state.sizeScale - symbolOf(batch, row).sizeScale;
    const priceDigits = state.priceScale - symbolOf(batch, row).priceScale;
    const volume = wideToBigInt(batch.volumeHigh[row] as number, batch.volumeLow[row] as number);
    const notional = wideToBigInt(
      batch.notionalHigh[row] as number,
      batch.notionalLow[row] as number,
    );
    const span: MinuteSpan = {
      ...spanOf(batch, row, state),
      volume: volume * 10n ** BigInt(sizeDigits),
      notional: notional * 10n ** BigInt(priceDigits + sizeDigits),
    };
    const isFull = minutes.length >= minutesKept;
    if (isFull && span.start < (minutes[volumeWindows] as Span).start) return;
    place(minutes, span);
    if (minutes.length > 2 * minutesKept) minutes.splice(0, minutes.length - minutesKept);
    const volatility = batch.priced[row] === 0 ? null : volatilityOf(symbol, state, span);
    this.#settle(state, causeOf('volatility', span.start), volatility);
    const index = minutes.findLastIndex(({ start }) => start === span.start);
    for (let at = index; at <= index + volumeWindows && at < minutes.length; at++) {
      const anomaly = volumeAnomalyAt(symbol, state, at);
      const { start } = minutes[at] as MinuteSpan;
      this.#settle(state, causeOf('volume-anomaly', start), anomaly);
    }
  }

  #takeHour(batch: CandleBatch, row: number): void {
    const { symbol } = symbolOf(batch, row);
    const state = this.#stateOf(batch, row);
    const span = spanOf(batch, row, state);
    const change = priceChangeOf(symbol, state, span);
    this.#settle(state, causeOf('price-change', span.start), change);
  }

  /** Makes known what is true of a cause now, if that is news. */
  #settle(state: SymbolState, cause: string, signal: Signal | null): void {
    if (signal) {
      this.#raise(state, cause, signal);
      return;
    }
    const known = state.raised.get(cause);
    if (known?.state !== 'raised') return;
    this.#publish(state, cause, { ...known, state: 'retracted', revision: known.revision + 1 });
  }

  #raise(state: SymbolState, cause: string, signal: Signal): void {
    const known = state.raised.get(cause);
    const isSame =
      known?.state === 'raised' && JSON.stringify(known.values) === JSON.stringify(signal.values);
    if (isSame) return;
    this.#publish(state, cause, known ? { ...signal, revision: known.revision + 1 } : signal);
  }

  #publish({ raised }: SymbolState, cause: string, signal: Signal): void {
    raised.delete(cause);
    raised.set(cause, signal);
    if (raised.size > raisedMax) raised.delete(raised.keys().next().value as string);
    this.#found.push(signal);
  }

  #stateOf(batch: CandleBatch, row: number): SymbolState {
    const { symbol, priceScale, sizeScale } = symbolOf(batch, row);
    let state = this.#symbols.get(symbol);
    if (!state) {
      state = { priceScale, sizeScale, seconds: [], minutes: [], raised: new Map() };
      this.#symbols.set(symbol, state);
    }
    if (priceScale > state.priceScale || sizeScale > state.sizeScale) {
      rescale(state, Math.max(priceScale, state.priceScale), Math.max(sizeScale, state.sizeScale));
    }
    return state;
  }
}

/**
 * price-spike: within the minute that ends with this second the price rose (fell) by more than 5 %
 * to this second's high (low), and a second earlier it had not.
 */
function spikeAt(
  symbol: string,
  state: SymbolState,
  index: number,
  direction: 'up' | 'down',
): Signal | null {
  const extreme = spikeExtreme(state.seconds, index, direction);
  if (extreme === null || spikeExtreme(state.seconds, index - 1, direction) !== null) return null;
  const span = state.seconds[index] as Span;
  const to = direction === 'up' ? span.high : span.low;
  const start = floor(span.start, minute);
  const price = (value: number): string => formatDecimal(value, state.priceScale);
  const percent = percentOf(to - extreme, extreme);
  const verb = direction === 'up' ? 'rose' : 'fell';
  return {
    ...signalAt('price-spike', symbol, start, span.start + second, direction),
    severity: stepOf(changeSteps, to - extreme, extreme) ?? 'medium',
    text: `${symbol} ${verb} ${percent.replace('-', '')} % within a minute, to ${price(to)}`,
    values: { direction, from: price(extreme), to: price(to), percent },
  };
}

/** The price that the second at `index` is more than 5 % away from; null when there is none. */
function spikeExtreme(
  seconds: readonly Span[],
  index: number,
  direction: 'up' | 'down',
): number | null {
  const span = seconds[index];
  if (!span) return null;
  let { low, high } = span;
  for (let at = index - 1; at >= 0; at--) {
    const before = seconds[at] as Span;
    if (before.start <= span.start - minute) break;
    if (before.low < low) low = before.low;
    if (before.high > high) high = before.high;
  }
  if (direction === 'up') return isAbove(span.high, 100, low, 105) ? low : null;
  return isAbove(high, 95, span.low, 100) ? high : null;
}

/** Whether a x factor > b x otherFactor, exactly; factors are small. */
function isAbove(a: number, factor: number, b: number, otherFactor: number): boolean {
  if (a < productSafeMax && b < productSafeMax) return a * factor > b * otherFactor;
  return BigInt(a) * BigInt(factor) > BigInt(b) * BigInt(otherFactor);
}

function causeOf(kind: SignalKind, start: number, part = ''): string {
  return `${kind} ${start} ${part}`;
}

/**
 * volume-anomaly: a minute's volume is more than 3 standard deviations above the mean of the last
 * 20 minutes that had trades, and at least twice that mean.
 */
function volumeAnomalyAt(symbol: string, state: SymbolState, index: number): Signal | null {
  if (index < volumeWindows) return null;
  const span = state.minutes[index] as MinuteSpan;
  const n = BigInt(volumeWindows);
  let sum = 0n;
  let squares = 0n;
  for (let at = index - volumeWindows; at < index; at++) sum += state.minutes[at]!.volume;
  const above = n * span.volume - sum;
  if (above <= 0n || n * span.volume < 2n * sum) return null;
  for (let at = index - volumeWindows; at < index; at++) squares += state.minutes[at]!.volume ** 2n;
  const spread = n * squares - sum * sum;
  const step = sigmaSteps.find(([sigmas]) => above * above > sigmas * sigmas * spread);
  if (!step) return null;
  const size = (value: bigint): string => formatBigDecimal(value, state.sizeScale);
  const mean = formatBigDecimal(divide(sum, n, 2), state.sizeScale + 2);
  return {
    ...signalAt('volume-anomaly', symbol, span.start, span.start + minute),
    severity: step[1],
    text: `${symbol} traded ${size(span.volume)} in a minute, where ${mean} is usual`,
    values: { volume: size(span.volume), mean, sigmas: `more than ${step[0]}` },
  };
}

/** volatility: a minute's high and low are more than 2 % of its open apart. */
function volatilityOf(symbol: string, state: SymbolState, span: MinuteSpan): Signal | null {
  const severity = stepOf(swingSteps, span.high - span.low, span.open);
  if (!severity) return null;
  const price = (value: number): string => formatDecimal(value, state.priceScale);
  const swing = percentOf(span.high - span.low, span.open);
  const trends = { '1': 'up', '-1': 'down', '0': 'flat' } as const;
  const trend = trends[String(Math.sign(span.close - span.open)) as keyof typeof trends];
  const average =
    span.volume === 0n
      ? price(span.close)
      : formatBigDecimal(divide(span.notional, span.volume, 4), state.priceScale + 4);
  return {
    ...signalAt('volatility', symbol, span.start, span.start + minute),
    severity,
    text: `${symbol} swung ${swing} % in a minute, trend ${trend}`,
    values: { high: price(span.high), low: price(span.low), percent: swing, trend, average },
  };
}

/** price-change: an hour's close is more than 5 % away from its open. */
function priceChangeOf(symbol: string, state: SymbolState, span: Span): Signal | null {
  const change = span.close - span.open;
  const severity = stepOf(changeSteps, change, span.open);
  if (!severity) return null;
  const price = (value: number): string => formatDecimal(value, state.priceScale);
  const percent = percentOf(change, span.open);
  return {
    ...signalAt('price-change', symbol, span.start, span.start + hour),
    severity,
    text: `${symbol} changed by ${percent} % within an hour, to ${price(span.close)}`,
    values: { from: price(span.open), to: price(span.close), percent },
  };
}

function signalAt(kind: SignalKind, symbol: string, start: number, time: number, part = '') {
  return {
    id: signalId(kind, symbol, start, part),
    kind,
    symbol,
    time: formatTime(time),
    start: formatTime(start),
    state: 'raised' as const,
    revision: 0,
  };
}

/** The first step that a change is beyond, of either sign. */
function stepOf(
  steps: readonly (readonly [percent: number, Severity])[],
  change: number,
  of: number,
): Severity | null {
  const amount = Math.abs(change);
  return steps.find(([percent]) => isAbove(amount, 100, of, percent))?.[1] ?? null;
}

/** Half up to two digits. */
function percentOf(change: number, of: number): string {
  const percent = formatBigDecimal(divide(BigInt(Math.abs(change)) * 100n, BigInt(of), 2), 2);
  return change < 0 ? `-${percent}` : percent;
}

function symbolOf(batch: CandleBatch, row: number): CandleSymbol {
  return batch.symbols[batch.symbol[row] as number] as CandleSymbol;
}

function spanOf(batch: CandleBatch, row: number, { priceScale }: SymbolState): Span {
  const factor = powerOfTen(priceScale - symbolOf(batch, row).priceScale);
  return {
    start: batch.start[row] as number,
    open: (batch.open[row] as number) * factor,
    high: (batch.high[row] as number) * factor,
    low: (batch.low[row] as number) * factor,
    close: (batch.close[row] as number) * factor,
  };
}

/** Puts a candle in its place by start, over the version that was there. */
function place<S extends Span>(spans: S[], span: S): void {
  let at = spans.length;
  while (at > 0 && (spans[at - 1] as S).start > span.start) at--;
  const isThere = at > 0 && (spans[at - 1] as S).start === span.start;
  if (isThere) spans[at - 1] = span;
  else spans.splice(at, 0, span);
}

function rescale(state: SymbolState, priceScale: number, sizeScale: number): void {
  const factor = powerOfTen(priceScale - state.priceScale);
  const sizeFactor = 10n ** BigInt(sizeScale - state.sizeScale);
  const scaled = <S extends Span>(span: S): S => ({
    ...span,
    open: span.open * factor,
    high: span.high * factor,
    low: span.low * factor,
    close: span.close * factor,
  });
  state.seconds = state.seconds.map(scaled);
  state.minutes = state.minutes.map((span) => ({
    ...scaled(span),
    volume: span.volume * sizeFactor,
    notional: span.notional * BigInt(factor) * sizeFactor,
  }));
  state.priceScale = priceScale;
  state.sizeScale = sizeScale;
}

function floor(time: number, length: number): number {
  return time - (time % length);
}
