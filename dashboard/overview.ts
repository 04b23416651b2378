// The market at a glance: a line for each symbol, live. The first lines are fed by their own
// streams, all others are asked for every few seconds, so that any number of symbols stays light.

import { getPatiently } from './api.ts';
import { change, position } from './decimal.ts';
import { arrow, element, flash, notice, onNextFrame, setText } from './draw.ts';
import * as format from './format.ts';
import { Stream } from './stream.ts';
import type { View } from './view.ts';
import type { Candle, Gap, Hello, Instrument, Mark, Problem, Summary } from './wire.ts';

/** A browser opens some 200 sockets to one server; the page leaves most of them to others. */
const liveRowsMax = 60;
const askMs = 5_000;
const sortMs = 5_000;

const columns = [
  { key: 'symbol', label: 'Symbol', hint: 'Symbol and name' },
  { key: 'last', label: 'Last', hint: 'Last price' },
  { key: 'change', label: 'Change', hint: "Against the previous day's close, else the day's open" },
  { key: 'percent', label: 'Chg %', hint: 'Change in percent' },
  { key: 'range', label: 'Day range', hint: 'Where the last price lies between low and high' },
  { key: 'low', label: 'Low', hint: "The day's low" },
  { key: 'high', label: 'High', hint: "The day's high" },
  { key: 'volume', label: 'Volume', hint: "The day's volume" },
] as const;
type Key = (typeof columns)[number]['key'];

const unsortable: readonly Key[] = ['range', 'low', 'high'];

type DayMessage = (Candle & { type: 'candle' }) | Hello<Candle> | Gap | Mark;

export function overview(): View {
  const stopped = new AbortController();
  const root = element('section', { class: 'overview', 'aria-labelledby': 'markets' });
  const table = new MarketTable(stopped.signal);
  root.append(element('h1', { id: 'markets', class: 'visually-hidden' }, 'Markets'), table.root);
  void table.run(root);
  return {
    root,
    title: 'Markets',
    close() {
      stopped.abort();
      table.close();
    },
  };
}

class MarketTable {
  readonly root = element('div', { class: 'table-frame' });
  readonly #signal: AbortSignal;
  readonly #body = element('tbody');
  readonly #rows = new Map<string, Row>();
  readonly #streams: Stream<DayMessage>[] = [];
  readonly #headers = new Map<Key, HTMLElement>();
  readonly #timers: number[] = [];
  #sortKey: Key = 'symbol';
  #isDescending = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    const head = element('tr');
    for (const column of columns) head.append(this.#header(column));
    const caption = element('caption', { class: 'visually-hidden' }, 'All symbols, live');
    const table = element('table', { class: 'markets' }, caption, element('thead', {}, head));
    table.append(this.#body);
    this.root.append(table);
    this.#body.append(...Array.from({ length: 10 }, skeletonRow));
    this.#body.addEventListener('keydown', (event) => this.#moveFocus(event));
  }

  async run(root: HTMLElement): Promise<void> {
    const waits = (problem: Problem): void => showProblem(root, problem);
    const ask = <Answer>(path: string): Promise<Answer> =>
      getPatiently<Answer>(path, this.#signal, waits);
    try {
      for (;;) {
        const [{ symbols }, { summaries }] = await Promise.all([
          ask<{ symbols: Instrument[] }>('/api/v1/symbols'),
          ask<{ summaries: Summary[] }>('/api/v1/market-summary'),
        ]);
        if (this.#signal.aborted) return;
        root.querySelector('.notice')?.remove();
        if (symbols.length > 0) {
          this.#show(symbols, summaries);
          return;
        }
        this.#body.replaceChildren();
        showProblem(root, nothingYet);
        await new Promise((resolve) => setTimeout(resolve, askMs));
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    }
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    for (const timer of this.#timers) clearInterval(timer);
  }

  #show(symbols: readonly Instrument[], summaries: readonly Summary[]): void {
    const bySymbol = new Map(summaries.map((summary) => [summary.symbol, summary]));
    for (const instrument of symbols) {
      const row = new Row(instrument);
      const summary = bySymbol.get(instrument.symbol);
      if (summary) row.take(summary);
      this.#rows.set(instrument.symbol, row);
    }
    this.#sort();
    for (const { symbol } of symbols.slice(0, liveRowsMax)) this.#follow(symbol);
    this.#timers.push(setInterval(() => this.#sortCalmly(), sortMs));
    this.#timers.push(setInterval(() => void this.#ask(), askMs));
  }

  #follow(symbol: string): void {
    const path = `/ws/candles/${encodeURIComponent(symbol)}?interval=1d`;
    const stream = new Stream<DayMessage>(path, {
      message: (message) => {
        const day = message.type === 'hello' ? message.snapshot : message;
        if (day && 'close' in day && day.open !== '0')
          this.#rows.get(symbol)?.takeDay(day, message.type === 'candle');
      },
    });
    this.#streams.push(stream);
  }

  /** What streams do not bring: other symbols, and a new day's reference. */
  async #ask(): Promise<void> {
    if (document.hidden) return;
    const path = '/api/v1/market-summary';
    const answer = await getPatiently<{ summaries: Summary[] }>(
      path,
      this.#signal,
      () => undefined,
    ).catch(() => null);
    for (const summary of answer?.summaries ?? []) this.#rows.get(summary.symbol)?.take(summary);
  }

  #header({ key, label, hint }: (typeof columns)[number]): HTMLElement {
    const header = element('th', { scope: 'col', class: `c-${key}`, title: hint });
    this.#headers.set(key, header);
    if (unsortable.includes(key)) {
      header.append(label);
      return header;
    }
    const button = element('button', { type: 'button', class: 'sort' }, label);
    button.addEventListener('click', () => {
      this.#isDescending = key === this.#sortKey ? !this.#isDescending : key !== 'symbol';
      this.#sortKey = key;
      this.#sort();
    });
    header.append(button);
    return header;
  }

  /** Lines do not move under a pointer or the focus. */
  #sortCalmly(): void {
    if (this.#sortKey === 'symbol') return;
    if (this.#body.matches(':hover') || this.#body.contains(document.activeElement)) return;
    this.#sort();
  }

  #sort(): void {
    const key = this.#sortKey;
    const rows = [...this.#rows.values()].sort((a, b) => compare(a, b, key));
    if (this.#isDescending) rows.reverse();
    for (const [name, header] of this.#headers) {
      if (name !== key) header.removeAttribute('aria-sort');
      else header.setAttribute('aria-sort', this.#isDescending ? 'descending' : 'ascending');
    }
    const isInOrder = rows.every((row, index) => this.#body.children[index] === row.root);
    if (!isInOrder) this.#body.replaceChildren(...rows.map((row) => row.root));
  }

  #moveFocus(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement)) return;
    const links: HTMLElement[] = [...this.#body.querySelectorAll('a')];
    const index = links.indexOf(event.target);
    links[index + step]?.focus();
    event.preventDefault();
  }
}

const nothingYet: Problem = {
  title: 'No symbols yet',
  status: 200,
  detail: 'Tapeline runs, but no feed has brought an instrument so far.',
  cure: 'Look at Health below for the state of each feed. This page goes on by itself.',
};

function showProblem(root: HTMLElement, { title, detail, cure }: Problem): void {
  const box = notice(title, detail, element('p', { class: 'cure' }, cure));
  const shown = root.querySelector('.notice');
  if (shown?.textContent === box.textContent) return;
  if (shown) shown.replaceWith(box);
  else root.prepend(box);
}

function compare(a: Row, b: Row, key: Key): number {
  if (key === 'symbol') return a.symbol < b.symbol ? -1 : 1;
  return a.rank(key) - b.rank(key) || (a.symbol < b.symbol ? -1 : 1);
}

function skeletonRow(): HTMLElement {
  const row = element('tr', { class: 'skeleton', 'aria-hidden': 'true' });
  for (const { key } of columns) row.append(element('td', { class: `c-${key}` }, element('i')));
  return row;
}

/** One symbol's line. What arrives is kept; what is shown follows with the next frame. */
class Row {
  readonly symbol: string;
  readonly root = element('tr');
  readonly #digits: number;
  readonly #cells: Record<Key, HTMLElement>;
  readonly #marker = element('i');
  #day: { last: string; high: string; low: string; volume: string; start: string } | null = null;
  #reference: string | null = null;
  #shown: string | null = null;

  constructor({ symbol, name, priceIncrement }: Instrument) {
    this.symbol = symbol;
    this.#digits = format.priceDigits(priceIncrement);
    const cell = (key: Key): HTMLElement =>
      element(key === 'symbol' ? 'th' : 'td', { class: `c-${key}` });
    this.#cells = {
      symbol: cell('symbol'),
      last: cell('last'),
      change: cell('change'),
      percent: cell('percent'),
      range: cell('range'),
      low: cell('low'),
      high: cell('high'),
      volume: cell('volume'),
    };
    this.root.append(...columns.map(({ key }) => this.#cells[key]));
    this.#cells.symbol.setAttribute('scope', 'row');
    const link = element(
      'a',
      { href: `#${encodeURIComponent(symbol)}` },
      element('b', { class: 'code' }, symbol),
    );
    link.append(element('span', { class: 'company' }, name === symbol ? '' : name));
    this.#cells.symbol.append(link);
    this.#cells.range.append(element('span', { class: 'range' }, this.#marker));
    this.root.addEventListener('click', () => link.click());
    link.addEventListener('click', (event) => event.stopPropagation());
    this.#draw();
  }

  take({ last, reference, dayHigh, dayLow, dayVolume, day }: Summary): void {
    this.#reference = reference;
    const isNewer = this.#day === null || (day !== null && day >= this.#day.start);
    if (isNewer && last !== null && dayHigh !== null && dayLow !== null && day !== null) {
      this.#day = { last, high: dayHigh, low: dayLow, volume: dayVolume ?? '0', start: day };
    }
    onNextFrame(this.#draw);
  }

  takeDay({ start, open, high, low, close, volume }: Candle, isLive: boolean): void {
    if (this.#day && start < this.#day.start) return; // a revision of an earlier day
    if (this.#day && start > this.#day.start && isLive) this.#reference = this.#day.last;
    this.#reference ??= open;
    this.#day = { last: close, high, low, volume, start };
    onNextFrame(this.#draw);
  }

  /** A number to sort by; symbols without a price come last when descending. */
  rank(key: Key): number {
    if (!this.#day || this.#reference === null) return Number.NEGATIVE_INFINITY;
    const { last, volume } = this.#day;
    if (key === 'last') return Number(last);
    if (key === 'volume') return Number(volume);
    const { amount, percent } = change(last, this.#reference);
    return Number(key === 'percent' ? (percent ?? 0) : amount);
  }

  readonly #draw = (): void => {
    const cells = this.#cells;
    const day = this.#day;
    if (!day || this.#reference === null) {
      for (const { key } of columns) {
        if (key !== 'symbol' && key !== 'range') setText(cells[key], format.nothing);
      }
      return;
    }
    const moved = change(day.last, this.#reference);
    this.root.dataset.direction = moved.direction;
    setText(cells.last, format.price(day.last, this.#digits));
    setText(cells.change, format.signed(moved.amount, this.#digits));
    setText(cells.percent, `${arrow(moved.direction)} ${format.percent(moved.percent)}`);
    setText(cells.low, format.price(day.low, this.#digits));
    setText(cells.high, format.price(day.high, this.#digits));
    setText(cells.volume, format.size(day.volume));
    this.#marker.style.setProperty('--at', String(position(day.last, day.low, day.high)));
    if (this.#shown !== null) flash(cells.last, change(day.last, this.#shown).direction);
    this.#shown = day.last;
  };
}
