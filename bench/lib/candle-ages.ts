// How long trades take until a candle tells of them: the n-th trade of a second is in the first
// version of its candle that counts n trades or more. Trades and candles may come in any order.

interface Second {
  /** When trades came that no candle counts yet. */
  readonly waiting: number[];
  trades: number;
  counted: number;
  /** When the newest candle came. */
  countedAt: number;
}

export class CandleAges {
  readonly #from: number;
  readonly #seconds = new Map<string, Second>();
  /** Milliseconds, of each trade that a candle counts. */
  readonly ages: number[] = [];

  /** Trades and candles of seconds before `from` are passed over. Times are microseconds. */
  constructor(from: number) {
    this.#from = from;
  }

  trade(symbol: string, eventTime: number, received: number): void {
    const start = eventTime - (eventTime % 1e6);
    if (start < this.#from) return;
    const second = this.#second(symbol, start);
    second.trades++;
    if (second.trades > second.counted) second.waiting.push(received);
    else this.ages.push((second.countedAt - received) / 1000);
  }

  /** A candle of one second, which came at `now`. */
  candle(symbol: string, start: number, trades: number, now: number): void {
    if (start < this.#from) return;
    const second = this.#second(symbol, start);
    if (trades <= second.counted) return;
    second.counted = trades;
    second.countedAt = now;
    const still = Math.max(0, second.trades - trades);
    const told = second.waiting.splice(0, second.waiting.length - still);
    for (const received of told) this.ages.push((now - received) / 1000);
  }

  #second(symbol: string, start: number): Second {
    return this.#seconds.getOrInsertComputed(`${symbol} ${start}`, () => {
      return { waiting: [], trades: 0, counted: 0, countedAt: 0 };
    });
  }
}
