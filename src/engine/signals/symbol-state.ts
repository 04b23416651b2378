// What the signals know of a symbol: its windows of closed candles, and what was told of them.

import type { CandleSymbol } from '../../contracts/candle.ts';
import { formatBigDecimal, formatDecimal, powerOfTen } from '../../contracts/decimal.ts';
import { encodeFrame, FrameReader } from '../../contracts/frame.ts';
import { type Severity, type SignalKind, signalId } from '../../contracts/signal.ts';
import { formatTime } from '../../contracts/time.ts';
import { wideFromBigInt, wideToBigInt } from '../../contracts/wide.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import { RecentRange } from './recent-range.ts';
import type { MinuteSpan, PriceSpan, QuoteSpan, SessionSpan } from './span.ts';

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

type Publish = (signal: Signal, of: SymbolState) => void;

/** The newest version of a signal, raised or retracted, and the start of its cause. */
interface Told {
  readonly start: number;
  readonly signal: Signal;
}

/** What a saved state begins with; behind it are its windows, one after the other. */
interface Saved extends CandleSymbol {
  readonly newestHour: number;
  readonly minutesFrom: number;
  readonly quoteMinutesFrom: number;
  readonly bidsOver: number;
  readonly asksOver: number;
  readonly told: readonly (readonly [cause: string, told: Told])[];
  /** How many spans each window has. */
  readonly lengths: readonly number[];
}

const priceFields = ['start', 'open', 'high', 'low', 'close'] as const;
const sessionFields = ['start', 'firstStart', 'open', 'lastStart', 'close'] as const;
const quoteFields = ['start', 'bid', 'ask'] as const;
const minuteFields = [
  ...priceFields,
  'isPriced',
  'volumeHigh',
  'volumeLow',
  'notionalHigh',
  'notionalLow',
] as const;

export class SymbolState {
  readonly symbol: string;
  priceScale: number;
  sizeScale: number;
  calendar: string;
  /** Closed candles of a second and of a minute, of trades. */
  seconds: PriceSpan[] = [];
  /** What their prices lie within. */
  readonly range = new RecentRange();
  minutes: MinuteSpan[] = [];
  sessions: SessionSpan[] = [];
  /** The same of quotes. */
  quoteSeconds: QuoteSpan[] = [];
  quoteMinutes: QuoteSpan[] = [];
  /** When the newest hour of trades began. */
  newestHour = 0;
  /** Minutes before these, of trades and of quotes, are not asked again; 0 while all are known. */
  minutesFrom = 0;
  quoteMinutesFrom = 0;
  /** All minutes of bids, and of asks, before these are over: so their marks say. */
  bidsOver = 0;
  asksOver = 0;
  /**
   * What was told of all that may be asked again, by cause: an id costs a hash to make. It is
   * forgotten with the candles it is of, and never for its number, or it would be told once more.
   */
  readonly #told: Map<string, Told>;
  /** The kinds among them: of most there is none, and then nothing to look for. */
  #kinds: ReadonlySet<SignalKind>;
  readonly #publish: Publish;

  constructor(of: CandleSymbol, publish: Publish, told: Saved['told'] = []) {
    this.symbol = of.symbol;
    this.priceScale = of.priceScale;
    this.sizeScale = of.sizeScale;
    this.calendar = of.calendar;
    this.#told = new Map(told);
    this.#kinds = kindsOf(this.#told);
    this.#publish = publish;
  }

  isRaised(cause: Cause): boolean {
    return this.#knownOf(cause)?.state === 'raised';
  }

  /** Makes known what is true of a cause now, if that is news. */
  settle(cause: Cause, finding: Finding | null): void {
    const known = this.#knownOf(cause);
    const isRaised = known?.state === 'raised';
    const revision = known ? known.revision + 1 : 0;
    if (!finding) {
      if (isRaised) this.#tell(cause, { ...known, state: 'retracted', revision });
      return;
    }
    const { severity, text, values } = finding;
    const time = formatTime(finding.time);
    const isSame =
      isRaised && known.time === time && JSON.stringify(known.values) === JSON.stringify(values);
    if (isSame) return;
    const { kind, start, part } = cause;
    this.#tell(cause, {
      id: known?.id ?? signalId(kind, this.symbol, start, part),
      kind,
      symbol: this.symbol,
      time,
      start: formatTime(start),
      state: 'raised',
      revision,
      severity,
      text: `${this.symbol} ${text}`,
      values,
    });
  }

  /** Forgets what was told of causes that start before a time and are not asked again. */
  forget(kinds: readonly SignalKind[], before: number): void {
    if (!kinds.some((kind) => this.#kinds.has(kind))) return;
    for (const [key, { start, signal }] of this.#told) {
      if (start < before && kinds.includes(signal.kind)) this.#told.delete(key);
    }
    this.#kinds = kindsOf(this.#told);
  }

  #knownOf(cause: Cause): Signal | undefined {
    return this.#kinds.has(cause.kind) ? this.#told.get(keyOf(cause))?.signal : undefined;
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
    this.range.rebuild(this.seconds);
    this.minutes = this.minutes.map((span) => ({
      ...scaled(span),
      volume: span.volume * sizeFactor,
      notional: span.notional && span.notional * BigInt(factor) * sizeFactor,
    }));
    const closing = ({ open, close, ...times }: SessionSpan): SessionSpan => ({
      ...times,
      open: open * factor,
      close: close * factor,
    });
    const quoted = ({ start, bid, ask }: QuoteSpan): QuoteSpan => ({
      start,
      bid: bid * factor,
      ask: ask * factor,
    });
    this.sessions = this.sessions.map(closing);
    this.quoteSeconds = this.quoteSeconds.map(quoted);
    this.quoteMinutes = this.quoteMinutes.map(quoted);
    this.priceScale = Math.max(priceScale, this.priceScale);
    this.sizeScale = Math.max(sizeScale, this.sizeScale);
  }

  encode(): Uint8Array {
    const { symbol, priceScale, sizeScale, calendar } = this;
    const { newestHour, minutesFrom, quoteMinutesFrom, bidsOver, asksOver } = this;
    const windows = [
      pack(this.seconds, priceFields),
      pack(this.minutes.map(plainMinute), minuteFields),
      pack(this.sessions, sessionFields),
      pack(this.quoteSeconds, quoteFields),
      pack(this.quoteMinutes, quoteFields),
    ];
    const saved: Saved = {
      symbol,
      priceScale,
      sizeScale,
      calendar,
      newestHour,
      minutesFrom,
      quoteMinutesFrom,
      bidsOver,
      asksOver,
      told: [...this.#told],
      lengths: [
        this.seconds.length,
        this.minutes.length,
        this.sessions.length,
        this.quoteSeconds.length,
        this.quoteMinutes.length,
      ],
    };
    const numbers = Float64Array.from(windows.flat());
    return encodeFrame('json', numbers.length, saved, [numbers]);
  }

  static decode(bytes: Uint8Array, publish: Publish): SymbolState {
    const frame = new FrameReader(bytes);
    const saved = frame.meta as Saved;
    const numbers = frame.column(Float64Array).values();
    const [seconds = 0, minutes = 0, sessions = 0, ...quotes] = saved.lengths;
    const state = new SymbolState(saved, publish, saved.told);
    state.newestHour = saved.newestHour;
    state.minutesFrom = saved.minutesFrom;
    state.quoteMinutesFrom = saved.quoteMinutesFrom;
    state.bidsOver = saved.bidsOver;
    state.asksOver = saved.asksOver;
    state.seconds = unpack(numbers, seconds, priceFields);
    state.range.rebuild(state.seconds);
    state.minutes = unpack(numbers, minutes, minuteFields).map(minuteOf);
    state.sessions = unpack(numbers, sessions, sessionFields);
    state.quoteSeconds = unpack(numbers, quotes[0] ?? 0, quoteFields);
    state.quoteMinutes = unpack(numbers, quotes[1] ?? 0, quoteFields);
    return state;
  }

  #tell(cause: Cause, signal: Signal): void {
    this.#told.set(keyOf(cause), { start: cause.start, signal });
    if (!this.#kinds.has(cause.kind)) this.#kinds = kindsOf(this.#told);
    this.#publish(signal, this);
  }
}

function keyOf({ kind, start, part = '' }: Cause): string {
  return `${kind} ${start} ${part}`;
}

function kindsOf(told: ReadonlyMap<string, Told>): ReadonlySet<SignalKind> {
  return new Set(Array.from(told.values(), ({ signal }) => signal.kind));
}

function pack<F extends string>(
  spans: readonly Readonly<Record<F, number>>[],
  fields: readonly F[],
): number[] {
  return spans.flatMap((span) => fields.map((field) => span[field]));
}

function unpack<F extends string>(
  numbers: Iterator<number>,
  length: number,
  fields: readonly F[],
): Record<F, number>[] {
  return Array.from({ length }, () => {
    const entries = fields.map((field) => [field, numbers.next().value]);
    return Object.fromEntries(entries) as Record<F, number>;
  });
}

function plainMinute({ volume, notional, isPriced, ...prices }: MinuteSpan) {
  const { high: volumeHigh, low: volumeLow } = wideFromBigInt(volume);
  const unknown = { high: Number.NaN, low: Number.NaN };
  const sum = notional === null ? unknown : wideFromBigInt(notional);
  return {
    ...prices,
    isPriced: Number(isPriced),
    volumeHigh,
    volumeLow,
    notionalHigh: sum.high,
    notionalLow: sum.low,
  };
}

function minuteOf({
  volumeHigh,
  volumeLow,
  notionalHigh,
  notionalLow,
  isPriced,
  ...prices
}: ReturnType<typeof plainMinute>): MinuteSpan {
  return {
    ...prices,
    isPriced: isPriced === 1,
    volume: wideToBigInt(volumeHigh, volumeLow),
    notional: Number.isNaN(notionalHigh) ? null : wideToBigInt(notionalHigh, notionalLow),
  };
}
