// One symbol: its price and day, quote and spread, the chart with its intervals, and the tape.

import { getPatiently, ProblemError } from './api.ts';
import { CandleChart } from './chart.ts';
import { change, minus } from './decimal.ts';
import { arrow, element, notice, onNextFrame, setText } from './draw.ts';
import * as format from './format.ts';
import { Stream } from './stream.ts';
import { TradeList } from './tape.ts';
import type { View } from './view.ts';
import {
  type Candle,
  type Gap,
  type Hello,
  type Instrument,
  type Interval,
  intervals,
  type Mark,
  type Problem,
  type Quote,
  type Summary,
  type Trade,
} from './wire.ts';

type DayMessage = (Candle & { type: 'candle' }) | Hello<Candle> | Gap | Mark;
type QuoteMessage = (Quote & { type: 'quote' }) | Hello<Quote> | Gap;

export function symbolView(symbol: string, interval: Interval): View {
  const stopped = new AbortController();
  const root = element('section', { class: 'symbol', 'aria-labelledby': 'symbol-name' });
  let page: SymbolPage | null = null;
  const waits = ({ title, detail, cure }: Problem): void =>
    root.replaceChildren(notice(title, detail, element('p', { class: 'cure' }, cure)));
  const ask = <Answer>(path: string): Promise<Answer> =>
    getPatiently<Answer>(path, stopped.signal, waits);
  const open = async (): Promise<void> => {
    const [{ symbols }, { summaries }] = await Promise.all([
      ask<{ symbols: Instrument[] }>('/api/v1/symbols'),
      ask<{ summaries: Summary[] }>('/api/v1/market-summary'),
    ]);
    if (stopped.signal.aborted) return;
    const instrument = symbols.find((one) => one.symbol === symbol);
    const summary = summaries.find((one) => one.symbol === symbol);
    if (!instrument || !summary) {
      const back = element('a', { href: '#', class: 'button' }, 'All markets');
      const detail = `Tapeline knows no symbol "${symbol}".`;
      root.replaceChildren(notice('No such symbol', detail, back));
      return;
    }
    page = new SymbolPage(root, instrument, summary, interval);
  };
  open().catch((error: unknown) => {
    if (!stopped.signal.aborted && error instanceof ProblemError) waits(error.problem);
  });
  return {
    root,
    title: symbol,
    close() {
      stopped.abort();
      page?.close();
    },
  };
}

class SymbolPage {
  readonly #instrument: Instrument;
  readonly #digits: number;
  readonly #parts: Parts;
  readonly #streams: Stream<never>[];
  readonly #tape: TradeList;
  #chart: CandleChart;
  #interval: Interval;
  #reference: string | null;
  #day: Candle | null = null;
  #quote: Quote | null = null;
  #last: string | null;

  constructor(root: HTMLElement, instrument: Instrument, summary: Summary, interval: Interval) {
    this.#instrument = instrument;
    this.#digits = format.priceDigits(instrument.priceIncrement);
    this.#reference = summary.reference;
    this.#last = summary.last;
    this.#interval = interval;
    this.#parts = partsOf(instrument);
    this.#tape = new TradeList(instrument.symbol, this.#digits, (trade) => this.#hearTrade(trade));
    root.replaceChildren(layout(this.#parts, this.#tape.root));
    this.#offerIntervals();
    this.#chart = this.#openChart();
    const symbol = encodeURIComponent(instrument.symbol);
    const days = new Stream<DayMessage>(`/ws/candles/${symbol}?interval=1d`, {
      message: (message) => this.#hearDay(message),
    });
    const quotes = new Stream<QuoteMessage>(`/ws/quotes/${symbol}`, {
      message: (message) => this.#hearQuote(message),
    });
    this.#streams = [days, quotes];
    addEventListener('keydown', this.#press);
    onNextFrame(this.#draw);
  }

  close(): void {
    removeEventListener('keydown', this.#press);
    for (const stream of this.#streams) stream.close();
    this.#tape.close();
    this.#chart.close();
  }

  #openChart(): CandleChart {
    const { symbol } = this.#instrument;
    const { chart, legend, chartNote } = this.#parts;
    return new CandleChart(chart, symbol, this.#interval, this.#digits, {
      problem: (problem) => {
        chartNote.hidden = problem === null;
        setText(chartNote, problem ? `${problem.detail} ${problem.cure}` : '');
      },
      pointed: (candle) => drawLegend(legend, candle, this.#digits),
    });
  }

  #offerIntervals(): void {
    for (const [index, interval] of intervals.entries()) {
      const attributes = { type: 'button', 'data-interval': interval, title: `Key ${index + 1}` };
      const button = element('button', attributes, interval);
      button.addEventListener('click', () => this.#choose(interval));
      this.#parts.intervals.append(button);
    }
    this.#markInterval();
  }

  #choose(interval: Interval): void {
    if (interval === this.#interval) {
      this.#chart.showNewest();
      return;
    }
    this.#interval = interval;
    const { symbol } = this.#instrument;
    history.replaceState(null, '', `#${encodeURIComponent(symbol)}/${interval}`);
    this.#markInterval();
    this.#chart.close();
    this.#chart = this.#openChart();
  }

  #markInterval(): void {
    for (const button of this.#parts.intervals.querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset.interval === this.#interval));
    }
  }

  /** 1 to 7 choose an interval, Escape goes back to all markets. */
  readonly #press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const interval = intervals[Number(event.key) - 1];
    if (interval) this.#choose(interval);
    if (event.key === 'Escape') location.hash = '';
  };

  #hearDay(message: DayMessage): void {
    const day = message.type === 'hello' ? message.snapshot : message;
    if (!day || !('close' in day) || day.open === '0') return;
    if (this.#day && day.start < this.#day.start) return; // a revision of an earlier day
    if (this.#day && day.start > this.#day.start) this.#reference = this.#day.close;
    this.#reference ??= day.open;
    this.#day = day;
    this.#last = day.close;
    onNextFrame(this.#draw);
  }

  #hearQuote(message: QuoteMessage): void {
    const quote = message.type === 'hello' ? message.snapshot : message;
    if (!quote || !('bid' in quote)) return;
    this.#quote = quote;
    onNextFrame(this.#draw);
  }

  #hearTrade({ time }: Trade): void {
    setText(this.#parts.time, `at ${format.clock(time)}`);
  }

  readonly #draw = (): void => {
    const parts = this.#parts;
    const digits = this.#digits;
    if (this.#last !== null && this.#reference !== null) {
      const moved = change(this.#last, this.#reference);
      parts.price.dataset.direction = moved.direction;
      setText(parts.last, format.price(this.#last, digits));
      const amounts = `${format.signed(moved.amount, digits)}  ${format.percent(moved.percent)}`;
      setText(parts.change, `${arrow(moved.direction)} ${amounts}`);
      document.title = `${this.#instrument.symbol} ${format.price(this.#last, digits)}`;
    }
    const day = this.#day;
    setText(parts.open, format.price(day?.open ?? null, digits));
    setText(parts.high, format.price(day?.high ?? null, digits));
    setText(parts.low, format.price(day?.low ?? null, digits));
    setText(parts.volume, format.size(day?.volume ?? null));
    setText(parts.reference, format.price(this.#reference, digits));
    this.#drawQuote();
  };

  #drawQuote(): void {
    const { bid, bidSize, ask, askSize } = this.#quote ?? noQuote;
    const parts = this.#parts;
    setText(parts.bid, format.price(bid, this.#digits));
    setText(parts.bidSize, format.size(bidSize));
    setText(parts.ask, format.price(ask, this.#digits));
    setText(parts.askSize, format.size(askSize));
    const spread = bid !== null && ask !== null ? minus(ask, bid) : null;
    setText(parts.spread, format.price(spread, this.#digits));
  }
}

const noQuote = { bid: null, bidSize: null, ask: null, askSize: null };

type Parts = ReturnType<typeof partsOf>;

function partsOf({ symbol, name, exchange, currency }: Instrument) {
  const value = (): HTMLElement => element('dd', {}, format.nothing);
  const about = [name === symbol ? '' : name, exchange, currency].filter((text) => text !== '');
  return {
    heading: element('h1', { id: 'symbol-name' }, symbol),
    about: element('p', { class: 'about' }, about.join(' · ')),
    price: element('div', { class: 'price' }),
    last: element('span', { class: 'last' }, format.nothing),
    change: element('span', { class: 'change' }, ''),
    time: element('span', { class: 'at' }, ''),
    open: value(),
    high: value(),
    low: value(),
    volume: value(),
    reference: value(),
    bid: element('b', {}, format.nothing),
    bidSize: element('span', {}, ''),
    ask: element('b', {}, format.nothing),
    askSize: element('span', {}, ''),
    spread: element('b', {}, format.nothing),
    intervals: element('div', { class: 'intervals', role: 'group', 'aria-label': 'Interval' }),
    legend: element('p', { class: 'legend' }),
    chart: element('div', { class: 'chart', role: 'img', 'aria-label': `Candles of ${symbol}` }),
    chartNote: element('p', { class: 'chart-note', role: 'alert', hidden: '' }),
  };
}

function layout(parts: Parts, tape: HTMLElement): HTMLElement {
  parts.price.append(parts.last, parts.change, parts.time);
  const back = element('a', { class: 'back', href: '#', 'aria-label': 'All markets' }, '‹');
  const names = element('div', { class: 'names' }, parts.heading, parts.about);
  const title = element('div', { class: 'title' }, back, names);
  const day = element('dl', { class: 'day' });
  for (const [term, value] of [
    ['Open', parts.open],
    ['High', parts.high],
    ['Low', parts.low],
    ['Volume', parts.volume],
    ['Reference', parts.reference],
  ] as const) {
    day.append(element('div', {}, element('dt', {}, term), value));
  }
  const head = element('header', { class: 'symbol-head' }, title, parts.price, day);
  const bar = element('div', { class: 'chart-bar' }, parts.intervals, parts.legend);
  const frame = element('div', { class: 'chart-frame' }, parts.chart, parts.chartNote);
  const main = element('div', { class: 'panel chart-panel' }, bar, frame);
  const side = element('aside', { class: 'side' }, quotePanel(parts), tapePanel(tape));
  return element('div', { class: 'symbol-page' }, head, main, side);
}

function quotePanel(parts: Parts): HTMLElement {
  const side = (name: string, price: HTMLElement, size: HTMLElement): HTMLElement =>
    element('div', { class: `quote-${name.toLowerCase()}` }, element('h3', {}, name), price, size);
  const spread = element('div', { class: 'quote-spread' }, element('h3', {}, 'Spread'));
  spread.append(parts.spread);
  const bid = side('Bid', parts.bid, parts.bidSize);
  const ask = side('Ask', parts.ask, parts.askSize);
  const title = element('h2', { class: 'visually-hidden' }, 'Quote');
  return element('section', { class: 'panel quote' }, title, bid, spread, ask);
}

function tapePanel(tape: HTMLElement): HTMLElement {
  const head = element('div', { class: 'tape-head', 'aria-hidden': 'true' });
  for (const name of ['Time', 'Price', 'Size']) head.append(element('span', {}, name));
  const title = element('h2', { class: 'visually-hidden' }, 'Recent trades');
  return element('section', { class: 'panel tape-panel' }, title, head, tape);
}

function drawLegend(legend: HTMLElement, candle: Candle | null, digits: number): void {
  if (!candle) {
    setText(legend, '');
    return;
  }
  const { open, high, low, close, volume } = candle;
  const price = (text: string): string => format.price(text, digits);
  const prices = `O ${price(open)}  H ${price(high)}  L ${price(low)}  C ${price(close)}`;
  setText(legend, `${prices}  V ${format.size(volume)}`);
}
