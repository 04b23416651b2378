// The candlestick chart of a symbol and interval: history that loads as one pans back, the live
// candle on top of it, and volume below. After a break it asks for what it missed and draws the
// whole anew.

import {
  CandlestickSeries,
  createChart,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type Time,
  type UTCTimestamp,
} from 'lightweight-charts';
import { get, getPatiently } from './api.ts';
import { onNextFrame } from './draw.ts';
import * as format from './format.ts';
import { Stream } from './stream.ts';
import type { Candle, Gap, Hello, Interval, Mark, Problem } from './wire.ts';

type CandleMessage = (Candle & { type: 'candle' }) | Hello<Candle> | Gap | Mark;

interface Page {
  readonly candles: Candle[];
  readonly next: string | null;
}

const pageLimit = 500;
/** How close to its oldest candle the view may come before older ones are asked for. */
const barsAhead = 50;

export interface ChartHandlers {
  problem(problem: Problem | null): void;
  /** The candle under the pointer, or the newest. */
  pointed(candle: Candle | null): void;
}

export class CandleChart {
  readonly #symbol: string;
  readonly #interval: Interval;
  readonly #handlers: ChartHandlers;
  readonly #chart: IChartApi;
  readonly #price: ISeriesApi<'Candlestick'>;
  readonly #volume: ISeriesApi<'Histogram'>;
  readonly #stopped = new AbortController();
  readonly #stream: Stream<CandleMessage>;
  readonly #candles = new Map<number, Candle>();
  /** Starts of the candles that have to be drawn. */
  readonly #changed = new Set<number>();
  readonly #dark = matchMedia('(prefers-color-scheme: dark)');
  #newest = Number.NEGATIVE_INFINITY;
  #next: string | null = null;
  #isLoading = false;
  #isPointing = false;

  constructor(
    frame: HTMLElement,
    symbol: string,
    interval: Interval,
    digits: number,
    handlers: ChartHandlers,
  ) {
    this.#symbol = symbol;
    this.#interval = interval;
    this.#handlers = handlers;
    this.#chart = createChart(frame, { autoSize: true, ...fixedOptions(interval) });
    this.#price = this.#chart.addSeries(CandlestickSeries, {
      priceFormat: {
        type: 'custom',
        minMove: 10 ** -digits,
        formatter: (value: number) => format.price(value.toFixed(digits), digits),
      },
      borderVisible: false,
    });
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: '',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#price.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.24 } });
    this.#paint();
    this.#dark.addEventListener('change', this.#paint);
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < barsAhead) void this.#loadOlder();
    });
    this.#chart.subscribeCrosshairMove(({ time }) => {
      this.#isPointing = time !== undefined;
      const at = time === undefined ? this.#newest : Number(time);
      this.#handlers.pointed(this.#candles.get(at) ?? null);
    });
    const path = `/ws/candles/${encodeURIComponent(symbol)}?interval=${interval}`;
    this.#stream = new Stream<CandleMessage>(path, { message: (one) => this.#hear(one) });
  }

  close(): void {
    this.#stopped.abort();
    this.#stream.close();
    this.#dark.removeEventListener('change', this.#paint);
    this.#chart.remove();
  }

  /** Back to the newest candle. */
  showNewest(): void {
    this.#chart.timeScale().scrollToRealTime();
  }

  #hear(message: CandleMessage): void {
    if (message.type === 'mark') return;
    if (message.type !== 'candle') {
      void this.#loadNewest(); // the stream begins, or has a hole
      return;
    }
    const start = this.#keep(message);
    // Without a trade left, it is taken away.
    if (message.open === '0') {
      this.#candles.delete(start);
      this.#drawAll();
      return;
    }
    this.#changed.add(start);
    onNextFrame(this.#drawChanged);
  }

  #keep(candle: Candle): number {
    const start = this.#timeOf(candle);
    this.#candles.set(start, candle);
    if (start > this.#newest) this.#newest = start;
    return start;
  }

  /** A day is drawn at midnight UTC of its date: the one that is nearest to its start. */
  #timeOf({ start }: Candle): number {
    const seconds = Date.parse(start) / 1000;
    return this.#interval === '1d' ? Math.round(seconds / 86_400) * 86_400 : seconds;
  }

  #path(query: string): string {
    return `/api/v1/candles/${encodeURIComponent(this.#symbol)}?interval=${this.#interval}${query}`;
  }

  async #loadNewest(): Promise<void> {
    const { signal } = this.#stopped;
    const isFirst = this.#candles.size === 0;
    const page = await getPatiently<Page>(this.#path(`&limit=${pageLimit}`), signal, (problem) =>
      this.#handlers.problem(problem),
    ).catch(() => null);
    if (!page || signal.aborted) return;
    this.#handlers.problem(null);
    // What came over the stream meanwhile is newer than the answer.
    for (const candle of page.candles) {
      if (!this.#changed.has(this.#timeOf(candle))) this.#keep(candle);
    }
    if (isFirst || !this.#next) this.#next = page.next;
    this.#drawAll();
    if (isFirst) this.#showLast();
  }

  async #loadOlder(): Promise<void> {
    if (this.#isLoading || this.#next === null) return;
    this.#isLoading = true;
    const query = `&limit=${pageLimit}&cursor=${this.#next}`;
    const page = await get<Page>(this.#path(query), this.#stopped.signal).catch(() => null);
    this.#isLoading = false;
    if (!page || this.#stopped.signal.aborted) return;
    for (const candle of page.candles) this.#keep(candle);
    this.#next = page.next;
    this.#drawAll();
  }

  readonly #drawChanged = (): void => {
    if (this.#stopped.signal.aborted) return;
    const drawn = this.#price.data().at(-1)?.time ?? Number.NEGATIVE_INFINITY;
    for (const start of [...this.#changed].sort((a, b) => a - b)) {
      const candle = this.#candles.get(start);
      if (!candle) continue;
      const isOld = start < Number(drawn);
      this.#price.update(bar(start, candle), isOld);
      this.#volume.update(this.#column(start, candle), isOld);
    }
    this.#changed.clear();
    if (!this.#isPointing) this.#handlers.pointed(this.#candles.get(this.#newest) ?? null);
  };

  #drawAll(): void {
    const sorted = [...this.#candles].sort(([a], [b]) => a - b);
    this.#price.setData(sorted.map(([start, candle]) => bar(start, candle)));
    this.#volume.setData(sorted.map(([start, candle]) => this.#column(start, candle)));
    this.#changed.clear();
    if (!this.#isPointing) this.#handlers.pointed(this.#candles.get(this.#newest) ?? null);
  }

  #showLast(): void {
    const count = this.#candles.size;
    const bars = Math.max(40, Math.floor(this.#chart.timeScale().width() / 8));
    this.#chart.timeScale().setVisibleLogicalRange({ from: count - bars, to: count + 4 });
  }

  #column(start: number, candle: Candle) {
    const isUp = Number(candle.close) >= Number(candle.open);
    const color = cssColor(isUp ? '--volume-up' : '--volume-down');
    return { time: start as UTCTimestamp, value: Number(candle.volume), color };
  }

  readonly #paint = (): void => {
    this.#chart.applyOptions({
      layout: { textColor: cssColor('--muted'), background: { color: 'transparent' } },
      grid: {
        vertLines: { color: cssColor('--grid') },
        horzLines: { color: cssColor('--grid') },
      },
      crosshair: {
        vertLine: { color: cssColor('--line-strong'), labelBackgroundColor: cssColor('--label') },
        horzLine: { color: cssColor('--line-strong'), labelBackgroundColor: cssColor('--label') },
      },
      timeScale: { borderColor: cssColor('--line') },
      rightPriceScale: { borderColor: cssColor('--line') },
    });
    const [up, down] = [cssColor('--candle-up'), cssColor('--candle-down')];
    this.#price.applyOptions({
      upColor: up,
      wickUpColor: up,
      downColor: down,
      wickDownColor: down,
    });
    this.#drawAll();
  };
}

function bar(start: number, { open, high, low, close }: Candle) {
  return {
    time: start as UTCTimestamp,
    open: Number(open),
    high: Number(high),
    low: Number(low),
    close: Number(close),
  };
}

function fixedOptions(interval: Interval) {
  return {
    layout: {
      attributionLogo: false, // the page's foot says whose charts these are
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 12,
    },
    localization: { timeFormatter: (time: Time) => timeLabel(Number(time), interval) },
    timeScale: {
      timeVisible: interval !== '1d',
      secondsVisible: interval === '1s',
      rightOffset: 4,
      minBarSpacing: 1,
      tickMarkFormatter: (time: Time, kind: number) => tickLabel(Number(time), kind, interval),
    },
    handleScale: { axisPressedMouseMove: true },
  };
}

/** A day has its date whatever the reader's time zone. */
function zoneOf(interval: Interval): { timeZone?: string } {
  return interval === '1d' ? { timeZone: 'UTC' } : {};
}

function timeLabel(seconds: number, interval: Interval): string {
  const day = { day: 'numeric', month: 'short', year: 'numeric', ...zoneOf(interval) } as const;
  const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  const second = interval === '1s' ? ({ second: '2-digit' } as const) : {};
  const parts = interval === '1d' ? day : { ...day, ...time, ...second };
  return new Intl.DateTimeFormat(undefined, parts).format(seconds * 1000);
}

/** `kind` is lightweight-charts' TickMarkType: year, month, day, time, time with seconds. */
function tickLabel(seconds: number, kind: number, interval: Interval): string {
  const date = new Date(seconds * 1000);
  const zone = zoneOf(interval);
  const parts: Intl.DateTimeFormatOptions[] = [
    { year: 'numeric' },
    { month: 'short' },
    { day: 'numeric', month: 'short' },
    { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
  ];
  return new Intl.DateTimeFormat(undefined, { ...parts[kind], ...zone }).format(date);
}

function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
