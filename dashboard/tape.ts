// The recent trades of a symbol, newest first, in a list of fixed length: lines are written over,
// never added, so that nothing shifts however fast the market is.

import { getPatiently } from './api.ts';
import { arrow, element, onNextFrame, setText } from './draw.ts';
import * as format from './format.ts';
import { Stream } from './stream.ts';
import type { Gap, Hello, Trade } from './wire.ts';

type TradeMessage = (Trade & { type: 'trade' }) | Hello<Trade> | Gap;

const linesMax = 40;
/** Lines whose text is new enough to be lit up. */
const directions = { buy: 'up', sell: 'down' } as const;

interface Line {
  readonly root: HTMLElement;
  readonly time: HTMLElement;
  readonly price: HTMLElement;
  readonly size: HTMLElement;
}

export class TradeList {
  readonly root = element('ol', { class: 'tape', 'aria-label': 'Recent trades, newest first' });
  readonly #symbol: string;
  readonly #digits: number;
  readonly #latest: (trade: Trade) => void;
  readonly #stopped = new AbortController();
  readonly #stream: Stream<TradeMessage>;
  readonly #lines: Line[] = [];
  /** Oldest first, at most twice the lines. */
  #trades: Trade[] = [];

  constructor(symbol: string, digits: number, latest: (trade: Trade) => void) {
    this.#symbol = symbol;
    this.#digits = digits;
    this.#latest = latest;
    for (let index = 0; index < linesMax; index++) this.#lines.push(this.#line());
    const path = `/ws/trades/${encodeURIComponent(symbol)}`;
    this.#stream = new Stream<TradeMessage>(path, { message: (message) => this.#hear(message) });
  }

  close(): void {
    this.#stopped.abort();
    this.#stream.close();
  }

  #hear(message: TradeMessage): void {
    if (message.type !== 'trade') {
      void this.#load(); // the stream begins, or has a hole
      return;
    }
    this.#trades.push(message);
    if (this.#trades.length > 2 * linesMax) this.#trades = this.#trades.slice(-linesMax);
    onNextFrame(this.#draw);
  }

  async #load(): Promise<void> {
    const path = `/api/v1/trades/${encodeURIComponent(this.#symbol)}?limit=${linesMax}`;
    const { signal } = this.#stopped;
    const answer = await getPatiently<{ trades: Trade[] }>(path, signal, () => undefined).catch(
      () => null,
    );
    if (!answer || signal.aborted) return;
    const bySequence = new Map<number, Trade>();
    for (const trade of [...answer.trades, ...this.#trades]) bySequence.set(trade.sequence, trade);
    const sorted = [...bySequence.values()].sort((a, b) => a.sequence - b.sequence);
    this.#trades = sorted.slice(-linesMax);
    onNextFrame(this.#draw);
  }

  readonly #draw = (): void => {
    const newest = this.#trades.slice(-linesMax).reverse();
    for (const [index, line] of this.#lines.entries()) {
      const trade = newest[index];
      line.root.hidden = !trade;
      if (!trade) continue;
      const direction = directions[trade.side as 'buy' | 'sell'] ?? 'flat';
      line.root.dataset.direction = direction;
      line.root.dataset.verdict = trade.verdict;
      setText(line.time, format.clock(trade.time));
      setText(line.price, `${arrow(direction)} ${format.price(trade.price, this.#digits)}`);
      setText(line.size, format.size(trade.size));
    }
    if (newest[0]) this.#latest(newest[0]);
  };

  #line(): Line {
    const time = element('span', { class: 't-time' });
    const price = element('span', { class: 't-price' });
    const size = element('span', { class: 't-size' });
    const root = element('li', { hidden: '' }, time, price, size);
    this.root.append(root);
    return { root, time, price, size };
  }
}
