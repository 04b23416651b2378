// What the signals know of a symbol: its windows of closed candles, and what was told of them.

import { formatBigDecimal, formatDecimal, powerOfTen } from '../../contracts/decimal.ts';
import { type Severity, type SignalKind, signalId } from '../../contracts/signal.ts';
import { formatTime } from '../../contracts/time.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import type { MinuteSpan, PriceSpan } from './span.ts';

/** What a signal is of: `start` is that of its window, `part` for what a window can have two of. */
export interface Cause {
  readonly kind: SignalKind;
  readonly start: number;
  readonly part?: string;
}

/** Why a signal holds, and since when: the end of the candle that completed the cause. */
export interface Finding {
  readonly time: number;
  readonly severity: Severity;
  /** Without the symbol, which begins the sentence. */
  readonly text: string;
  readonly values: Signal['values'];
}

export interface SymbolSnapshot {
  readonly symbol: string;
  readonly priceScale: number;
  readonly sizeScale: number;
  readonly seconds: readonly PriceSpan[];
  readonly minutes: readonly (Omit<MinuteSpan, 'volume' | 'notional'> & {
    readonly volume: string;
    readonly notional: string | null;
  })[];
  readonly raised: readonly (readonly [cause: string, signal: Signal])[];
}

const raisedMax = 256;

export class SymbolState {
  readonly symbol: string;
  priceScale: number;
  sizeScale: number;
  /** Closed candles of a second and of a minute, of trades. */
  seconds: PriceSpan[] = [];
  minutes: MinuteSpan[] = [];
  /** Newest versions of the signals of those candles, by cause: an id costs a hash to make. */
  readonly #raised: Map<string, Signal>;
  readonly #publish: (signal: Signal) => void;

  constructor(
    of: Pick<SymbolSnapshot, 'symbol' | 'priceScale' | 'sizeScale'>,
    publish: (signal: Signal) => void,
    raised: SymbolSnapshot['raised'] = [],
  ) {
    this.symbol = of.symbol;
    this.priceScale = of.priceScale;
    this.sizeScale = of.sizeScale;
    this.#raised = new Map(raised);
    this.#publish = publish;
  }

  isRaised(cause: Cause): boolean {
    return this.#raised.get(keyOf(cause))?.state === 'raised';
  }

  /** Makes known what is true of a cause now, if that is news. */
  settle(cause: Cause, finding: Finding | null): void {
    const known = this.#raised.get(keyOf(cause));
    const isRaised = known?.state === 'raised';
    const revision = known ? known.revision + 1 : 0;
    if (!finding) {
      if (isRaised) this.#tell(cause, { ...known, state: 'retracted', revision });
      return;
    }
    const { time, severity, text, values } = finding;
    if (isRaised && JSON.stringify(known.values) === JSON.stringify(values)) return;
    const { kind, start, part } = cause;
    this.#tell(cause, {
      id: known?.id ?? signalId(kind, this.symbol, start, part),
      kind,
      symbol: this.symbol,
      time: formatTime(time),
      start: formatTime(start),
      state: 'raised',
      revision,
      severity,
      text: `${this.symbol} ${text}`,
      values,
    });
  }

  price(value: number): string {
    return formatDecimal(value, this.priceScale);
  }

  size(value: bigint): string {
    return formatBigDecimal(value, this.sizeScale);
  }

  rescale(priceScale: number, sizeScale: number): void {
    if (priceScale <= this.priceScale && sizeScale <= this.sizeScale) return;
    const factor = powerOfTen(Math.max(0, priceScale - this.priceScale));
    const sizeFactor = 10n ** BigInt(Math.max(0, sizeScale - this.sizeScale));
    const scaled = <S extends PriceSpan>(span: S): S => ({
      ...span,
      open: span.open * factor,
      high: span.high * factor,
      low: span.low * factor,
      close: span.close * factor,
    });
    this.seconds = this.seconds.map(scaled);
    this.minutes = this.minutes.map((span) => ({
      ...scaled(span),
      volume: span.volume * sizeFactor,
      notional: span.notional && span.notional * BigInt(factor) * sizeFactor,
    }));
    this.priceScale = Math.max(priceScale, this.priceScale);
    this.sizeScale = Math.max(sizeScale, this.sizeScale);
  }

  snapshot(): SymbolSnapshot {
    return {
      symbol: this.symbol,
      priceScale: this.priceScale,
      sizeScale: this.sizeScale,
      seconds: this.seconds,
      minutes: this.minutes.map(({ volume, notional, ...span }) => ({
        ...span,
        volume: String(volume),
        notional: notional === null ? null : String(notional),
      })),
      raised: [...this.#raised],
    };
  }

  static fromSnapshot(saved: SymbolSnapshot, publish: (signal: Signal) => void): SymbolState {
    const state = new SymbolState(saved, publish, saved.raised);
    state.seconds = [...saved.seconds];
    state.minutes = saved.minutes.map(({ volume, notional, ...span }) => ({
      ...span,
      volume: BigInt(volume),
      notional: notional === null ? null : BigInt(notional),
    }));
    return state;
  }

  #tell(cause: Cause, signal: Signal): void {
    const key = keyOf(cause);
    const raised = this.#raised;
    raised.delete(key);
    raised.set(key, signal);
    if (raised.size > raisedMax) raised.delete(raised.keys().next().value as string);
    this.#publish(signal);
  }
}

function keyOf({ kind, start, part = '' }: Cause): string {
  return `${kind} ${start} ${part}`;
}
