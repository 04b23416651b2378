// What the signals know of a symbol: its windows of closed candles, and what was told of them.

import type { CandleSymbol } from '../../contracts/candle.ts';
import { formatBigDecimal, formatDecimal, powerOfTen } from '../../contracts/decimal.ts';
import { encodeFrame, FrameReader } from '../../contracts/frame.ts';
import { type Severity, type SignalKind, signalId } from '../../contracts/signal.ts';
import { formatTime } from '../../contracts/time.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import type { CandleWindow, SavedWindow } from './candle-window.ts';
import { RecentRange } from './recent-range.ts';
import { minute, second } from './span.ts';
import { MinuteWindow, PriceWindow, QuoteWindow, SessionWindow } from './windows.ts';

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

/** What a saved state begins with; behind it are the rows of its windows, one after the other. */
interface Saved extends CandleSymbol {
  readonly newestHour: number;
  readonly minutesFrom: number;
  readonly quoteMinutesFrom: number;
  readonly bidsOver: number;
  readonly asksOver: number;
  readonly told: readonly (readonly [cause: string, told: Told])[];
  readonly windows: readonly SavedWindow[];
}

export class SymbolState {
  readonly symbol: string;
  priceScale: number;
  sizeScale: number;
  calendar: string;
  /** Closed candles of a second and of a minute, of trades. */
  readonly seconds = new PriceWindow(second);
  /** What their prices lie within. */
  readonly range = new RecentRange();
  readonly minutes = new MinuteWindow();
  readonly sessions = new SessionWindow();
  /** The same of quotes. */
  readonly quoteSeconds = new QuoteWindow(second);
  readonly quoteMinutes = new QuoteWindow(minute);
  /** When the newest hour of trades began. */
  newestHour = 0;
  /** Minutes before these, of trades and of quotes, are not asked again; 0 while all are known. */
  minutesFrom = 0;
  quoteMinutesFrom = 0;
  /** All minutes of bids, and of asks, before these are over: so their marks say. */
  bidsOver = 0;
  asksOver = 0;
  /**
   * What was told of all that may be asked again, by kind and cause: an id costs a hash to make. It
   * is forgotten with the candles it is of, and never for its number, or it would be told once
   * more. Of most symbols nothing was.
   */
  #told: Map<SignalKind, Map<string, Told>> | null = null;
  readonly #publish: Publish;

  constructor(of: CandleSymbol, publish: Publish, told: Saved['told'] = []) {
    this.symbol = of.symbol;
    this.priceScale = of.priceScale;
    this.sizeScale = of.sizeScale;
    this.calendar = of.calendar;
    this.#publish = publish;
    for (const [key, known] of told) this.#remember(key, known);
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
    for (const kind of kinds) {
      const told = this.#told?.get(kind);
      if (!told) continue;
      for (const [key, { start }] of told) if (start < before) told.delete(key);
    }
  }

  #knownOf(cause: Cause): Signal | undefined {
    const told = this.#told?.get(cause.kind);
    // Nearly always nothing.
    return told && told.size > 0 ? told.get(keyOf(cause))?.signal : undefined;
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
    for (const window of [this.seconds, this.minutes, this.sessions]) window.rescale(factor);
    for (const window of [this.quoteSeconds, this.quoteMinutes]) window.rescale(factor);
    this.minutes.rescaleVolumes(10n ** BigInt(Math.max(0, sizeScale - this.sizeScale)));
    this.range.rebuild(this.seconds);
    this.priceScale = Math.max(priceScale, this.priceScale);
    this.sizeScale = Math.max(sizeScale, this.sizeScale);
  }

  encode(): Uint8Array {
    const { symbol, priceScale, sizeScale, calendar } = this;
    const { newestHour, minutesFrom, quoteMinutesFrom, bidsOver, asksOver } = this;
    const windows = this.#windows.map((window) => window.save());
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
      told: Array.from(this.#told?.values() ?? [], (told) => [...told]).flat(),
      windows: windows.map(({ saved: window }) => window),
    };
    const rows = Buffer.concat(windows.map((window) => window.rows));
    return encodeFrame('json', rows.length, saved, [rows]);
  }

  static decode(bytes: Uint8Array, publish: Publish): SymbolState {
    const frame = new FrameReader(bytes);
    const saved = frame.meta as Saved;
    const rows = frame.column(Uint8Array);
    const state = new SymbolState(saved, publish, saved.told);
    state.newestHour = saved.newestHour;
    state.minutesFrom = saved.minutesFrom;
    state.quoteMinutesFrom = saved.quoteMinutesFrom;
    state.bidsOver = saved.bidsOver;
    state.asksOver = saved.asksOver;
    let offset = 0;
    for (const [index, window] of state.#windows.entries()) {
      const kept = saved.windows[index] as SavedWindow;
      window.restore(kept, rows.subarray(offset, offset + kept.bytes));
      offset += kept.bytes;
    }
    state.range.rebuild(state.seconds);
    return state;
  }

  /** In the order in which they are saved. */
  get #windows(): CandleWindow[] {
    return [this.seconds, this.minutes, this.sessions, this.quoteSeconds, this.quoteMinutes];
  }

  #tell(cause: Cause, signal: Signal): void {
    this.#remember(keyOf(cause), { start: cause.start, signal });
    this.#publish(signal, this);
  }

  #remember(key: string, told: Told): void {
    this.#told ??= new Map();
    const { kind } = told.signal;
    const others = this.#told.get(kind);
    if (others) others.set(key, told);
    else this.#told.set(kind, new Map([[key, told]]));
  }
}

/** Among causes of its kind. */
function keyOf({ start, part = '' }: Cause): string {
  return `${start} ${part}`;
}
