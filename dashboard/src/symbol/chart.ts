// The chart of a symbol and interval: candles with volume below, averages over them, and signals
// marked. It draws what Candles holds, and tells what is pointed at and what is clicked.

import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineSeries,
  type MouseEventParams,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from 'lightweight-charts';
import type { IndicatedCandle, Interval, ProblemError, Signal } from '../api.ts';
import * as format from '../format.ts';
import { color, onThemeChange } from '../theme.ts';
import type { Average } from './averages.ts';
import { Candles } from './candles.ts';

/** How close to its oldest candle the view may come before older ones are asked for. */
const barsAhead = 50;
const barWidth = 8;

export interface ChartOptions {
  readonly symbol: string;
  readonly interval: Interval;
  /** Digits after the point of a price. */
  readonly digits: number;
  readonly averages: readonly Average[];
  readonly problem: (problem: ProblemError | null) => void;
  /** The candle under the pointer, or the newest. */
  readonly pointed: (candle: IndicatedCandle | undefined) => void;
  readonly clickedCandle: (candle: IndicatedCandle) => void;
  readonly clickedSignal: (id: string) => void;
}

interface AverageLine {
  readonly average: Average;
  readonly line: string;
  readonly series: ISeriesApi<'Line'>;
}

export class CandleChart {
  readonly #options: ChartOptions;
  readonly #candles: Candles;
  readonly #chart: IChartApi;
  readonly #price: ISeriesApi<'Candlestick'>;
  readonly #volume: ISeriesApi<'Histogram'>;
  readonly #lines: readonly AverageLine[];
  readonly #markers: ISeriesMarkersPluginApi<Time>;
  readonly #endTheme: () => void;
  #signals: readonly Signal[] = [];
  #pointed: number | null = null;
  #isFirst = true;

  constructor(frame: HTMLElement, options: ChartOptions) {
    this.#options = options;
    this.#chart = createChart(frame, { autoSize: true, ...fixedOptions(options.interval) });
    this.#price = addPrice(this.#chart, options.digits);
    this.#volume = addVolume(this.#chart);
    this.#lines = options.averages.flatMap((average) =>
      average.lines.map((line) => ({ average, line, series: addLine(this.#chart, average) })),
    );
    this.#markers = createSeriesMarkers(this.#price, []);
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < barsAhead) void this.#candles.loadOlder();
    });
    this.#chart.subscribeCrosshairMove(({ time }) => this.#point(time));
    this.#chart.subscribeClick((event) => this.#click(event));
    const { symbol, interval, averages, problem } = options;
    const indicators = averages.map(({ indicator }) => indicator);
    this.#candles = new Candles(symbol, interval, indicators, {
      all: () => this.#drawAll(),
      some: (starts) => this.#drawSome(starts),
      problem,
    });
    this.#endTheme = onThemeChange(() => this.#paint());
    this.#paint();
  }

  close(): void {
    this.#candles.close();
    this.#endTheme();
    this.#chart.remove();
  }

  /** Back to the newest candle. */
  showNewest(): void {
    this.#chart.timeScale().scrollToRealTime();
  }

  /** Moves what is pointed at by so many candles, from the newest at first. */
  step(by: number): void {
    const starts = this.#candles.sorted().map(([start]) => start);
    const from = this.#pointed === null ? starts.length : starts.indexOf(this.#pointed);
    const start = starts[Math.min(starts.length - 1, Math.max(0, from + by))];
    const candle = start === undefined ? undefined : this.#candles.get(start);
    if (start === undefined || !candle) return;
    const close = Number(candle.close);
    this.#chart.setCrosshairPosition(close, start as UTCTimestamp, this.#price);
    this.#point(start as UTCTimestamp); // the chart tells only what a pointer does
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    const index = starts.indexOf(start);
    if (range && (index < range.from || index > range.to)) {
      this.#chart.timeScale().scrollToPosition(index - starts.length + 10, false);
    }
  }

  /** The candle that is pointed at; otherwise the newest that is closed. */
  get subject(): IndicatedCandle | undefined {
    if (this.#pointed !== null) return this.#candles.get(this.#pointed);
    return this.closed;
  }

  get closed(): IndicatedCandle | undefined {
    const sorted = this.#candles.sorted();
    return sorted.findLast(([, { state }]) => state !== 'open')?.[1] ?? sorted.at(-1)?.[1];
  }

  mark(signals: readonly Signal[]): void {
    this.#signals = signals;
    this.#drawMarkers();
  }

  #point(time: Time | undefined): void {
    this.#pointed = time === undefined ? null : Number(time);
    this.#tellPointed();
  }

  #tellPointed(): void {
    const candle = this.#pointed === null ? this.#candles.newest : this.#candles.get(this.#pointed);
    this.#options.pointed(candle);
  }

  #click({ time, hoveredInfo }: MouseEventParams): void {
    if (typeof hoveredInfo?.objectId === 'string') {
      this.#options.clickedSignal(hoveredInfo.objectId);
      return;
    }
    const candle = time === undefined ? undefined : this.#candles.get(Number(time));
    if (candle) this.#options.clickedCandle(candle);
  }

  #drawSome(starts: readonly number[]): void {
    const drawn = Number(this.#price.data().at(-1)?.time ?? Number.NEGATIVE_INFINITY);
    for (const start of starts) {
      const candle = this.#candles.get(start);
      if (!candle) continue;
      const isOld = start < drawn;
      this.#price.update(bar(start, candle), isOld);
      this.#volume.update(column(start, candle), isOld);
      for (const one of this.#lines) {
        const value = lineValue(one, candle);
        if (value !== null) one.series.update({ time: start as UTCTimestamp, value }, isOld);
      }
    }
    if (this.#pointed === null) this.#tellPointed();
  }

  #drawAll(): void {
    const sorted = this.#candles.sorted();
    this.#price.setData(sorted.map(([start, candle]) => bar(start, candle)));
    this.#volume.setData(sorted.map(([start, candle]) => column(start, candle)));
    for (const one of this.#lines) {
      one.series.setData(
        sorted.flatMap(([start, candle]) => {
          const value = lineValue(one, candle);
          return value === null ? [] : [{ time: start as UTCTimestamp, value }];
        }),
      );
    }
    this.#drawMarkers();
    this.#tellPointed();
    if (this.#isFirst && sorted.length > 0) this.#showLast(sorted.length);
  }

  #showLast(count: number): void {
    this.#isFirst = false;
    const bars = Math.max(40, Math.floor(this.#chart.timeScale().width() / barWidth));
    this.#chart.timeScale().setVisibleLogicalRange({ from: count - bars, to: count + 4 });
  }

  /** A signal is marked at the candle that it came out of: the last one before its time. */
  #drawMarkers(): void {
    const starts = this.#candles.sorted().map(([start]) => start);
    const [warn, muted] = [color('--warn'), color('--muted')];
    const markers = this.#signals.flatMap((signal): SeriesMarker<Time>[] => {
      const seconds = Date.parse(signal.time) / 1000;
      const time = starts.findLast((start) => start < seconds);
      if (time === undefined || signal.state === 'retracted') return [];
      const isGrave = signal.severity === 'critical' || signal.severity === 'high';
      return [
        {
          id: signal.id,
          time: time as UTCTimestamp,
          position: 'aboveBar',
          shape: isGrave ? 'arrowDown' : 'circle',
          color: isGrave ? warn : muted,
          size: isGrave ? 1 : 0.6,
        },
      ];
    });
    this.#markers.setMarkers(markers.sort((a, b) => Number(a.time) - Number(b.time)));
  }

  #paint(): void {
    this.#chart.applyOptions({
      layout: { textColor: color('--muted'), background: { color: 'transparent' } },
      grid: { vertLines: { color: color('--grid') }, horzLines: { color: color('--grid') } },
      crosshair: {
        vertLine: { color: color('--line-strong'), labelBackgroundColor: color('--label') },
        horzLine: { color: color('--line-strong'), labelBackgroundColor: color('--label') },
      },
      timeScale: { borderColor: color('--line') },
      rightPriceScale: { borderColor: color('--line') },
    });
    const [up, down] = [color('--candle-up'), color('--candle-down')];
    this.#price.applyOptions({
      upColor: up,
      wickUpColor: up,
      downColor: down,
      wickDownColor: down,
    });
    for (const { average, series } of this.#lines) {
      series.applyOptions({ color: color(average.color) });
    }
    this.#drawAll();
  }
}

function addPrice(chart: IChartApi, digits: number): ISeriesApi<'Candlestick'> {
  const series = chart.addSeries(CandlestickSeries, {
    priceFormat: {
      type: 'custom',
      minMove: 10 ** -digits,
      formatter: (value: number) => format.price(value.toFixed(digits), digits),
    },
    borderVisible: false,
  });
  series.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.22 } });
  return series;
}

function addVolume(chart: IChartApi): ISeriesApi<'Histogram'> {
  const series = chart.addSeries(HistogramSeries, {
    priceScaleId: '',
    priceFormat: { type: 'volume' },
    lastValueVisible: false,
    priceLineVisible: false,
  });
  series.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
  return series;
}

function addLine(chart: IChartApi, { style }: Average): ISeriesApi<'Line'> {
  return chart.addSeries(LineSeries, {
    lineWidth: 1,
    lineStyle: style,
    lastValueVisible: false,
    priceLineVisible: false,
    crosshairMarkerVisible: false,
  });
}

function bar(start: number, { open, high, low, close }: IndicatedCandle) {
  return {
    time: start as UTCTimestamp,
    open: Number(open),
    high: Number(high),
    low: Number(low),
    close: Number(close),
  };
}

function column(start: number, { open, close, volume }: IndicatedCandle) {
  const name = Number(close) >= Number(open) ? '--volume-up' : '--volume-down';
  return { time: start as UTCTimestamp, value: Number(volume), color: color(name) };
}

function lineValue({ average, line }: AverageLine, { indicators }: IndicatedCandle): number | null {
  return indicators?.[average.indicator]?.[line] ?? null;
}

function fixedOptions(interval: Interval) {
  const isDay = interval === '1d';
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
  const time = new Intl.DateTimeFormat(undefined, {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    ...(interval === '1s' ? { second: '2-digit' as const } : {}),
    hourCycle: 'h23',
  });
  const at = (seconds: Time): Date => new Date(Number(seconds) * 1000);
  return {
    layout: { fontSize: 11, fontFamily: '"Inter Variable", sans-serif', attributionLogo: false },
    localization: {
      timeFormatter: (seconds: Time) => (isDay ? day : time).format(at(seconds)),
    },
    timeScale: {
      timeVisible: !isDay,
      secondsVisible: interval === '1s',
      rightOffset: 4,
      tickMarkFormatter: (seconds: Time, kind: number) => tick(at(seconds), kind, isDay),
    },
    crosshair: { mode: 0 },
    kineticScroll: { touch: true, mouse: false },
  };
}

/** Kinds of the library: 0 year, 1 month, 2 day, 3 minute, 4 second. */
const tickParts: readonly Intl.DateTimeFormatOptions[] = [
  { year: 'numeric' },
  { month: 'short' },
  { month: 'short', day: 'numeric' },
  { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
];
const tickFormats = new Map<string, Intl.DateTimeFormat>();

function tick(date: Date, kind: number, isDay: boolean): string {
  const key = `${kind} ${isDay}`;
  let made = tickFormats.get(key);
  if (!made) {
    const zone = isDay ? { timeZone: 'UTC' } : {};
    made = new Intl.DateTimeFormat(undefined, { ...tickParts[kind], ...zone });
    tickFormats.set(key, made);
  }
  return made.format(date);
}
