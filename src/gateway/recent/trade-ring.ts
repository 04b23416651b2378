// The newest trades of one symbol, in columns: a batch's rows are copied once, and no object is
// made before somebody asks. It holds an unbroken run of sequence numbers up to the newest, and
// knows the rest by two bounds: what it does not hold lies before log offset `completeFrom`, and
// its event time is at most `olderTimeMax`. That is what lets a page cross from memory to store
// exactly.

import { formatDecimal } from '../../contracts/decimal.ts';
import { formatTime } from '../../contracts/time.ts';
import type { TradeBatch, TradeTag } from '../../contracts/trade.ts';
import { cancel, cancelled, counts, isCancel, verdictName } from '../../contracts/verdict.ts';
import type { Trade } from '../../contracts/wire-objects.ts';
import type { RowBudget } from './row-budget.ts';
import type { RowsBySymbol } from './rows-by-symbol.ts';
import { follows, type TradePlace } from './trade-order.ts';

/** Event times in microseconds, [from, to); `before` is the last trade already seen. */
export interface TradeSelection {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly before?: TradePlace | undefined;
}

/** What many trades of a symbol share. */
interface Origin extends TradeTag {
  readonly source: string;
  readonly priceScale: number;
  readonly sizeScale: number;
}

const capacityMin = 32;
const originsMax = 0xffff;

export class TradeRing {
  readonly #symbol: string;
  readonly #rowsMax: number;
  readonly #budget: RowBudget;
  #capacity = capacityMin;
  #time = new Float64Array(capacityMin);
  #received = new Float64Array(capacityMin);
  #price = new Float64Array(capacityMin);
  #size = new Float64Array(capacityMin);
  #id = new Float64Array(capacityMin);
  #offset = new Float64Array(capacityMin);
  #origin = new Uint16Array(capacityMin);
  #verdict = new Uint8Array(capacityMin);
  #textIds: (string | undefined)[] | null = null;
  #origins: Origin[] = [];
  readonly #originIndex = new Map<string, number>();
  /** The sequence that comes next, -1 before the first, and how many before it are here. */
  #next = -1;
  #count = 0;
  #completeFrom: number;
  /** Newest event time of what went, and of what had never come: unknown at first. */
  #evictedTimeMax = Number.NEGATIVE_INFINITY;
  #unseenTimeMax = Number.POSITIVE_INFINITY;
  #breaks = 0;
  #latestTime = Number.NEGATIVE_INFINITY;
  #latestSequence = -1;
  /** The latest trade, once it is no longer among the rows. */
  #latestKept: Trade | null = null;

  /** `completeFrom` is the log offset from which on it will be given every trade. */
  constructor(symbol: string, rowsMax: number, budget: RowBudget, completeFrom: number) {
    this.#symbol = symbol;
    this.#rowsMax = rowsMax;
    this.#budget = budget;
    this.#completeFrom = completeFrom;
  }

  get count(): number {
    return this.#count;
  }

  get oldestSequence(): number {
    return this.#count > 0 ? this.#next - this.#count : Number.POSITIVE_INFINITY;
  }

  get completeFrom(): number {
    return this.#completeFrom;
  }

  /** Infinity while it is not known. */
  get olderTimeMax(): number {
    return Math.max(this.#evictedTimeMax, this.#unseenTimeMax);
  }

  /** How often the run of sequences broke; what was learned before a break is void. */
  get breaks(): number {
    return this.#breaks;
  }

  /** Whether this trade is among the rows; a sequence alone may be another's of an earlier log. */
  holds({ time, sequence }: TradePlace): boolean {
    const isInRun = sequence >= this.oldestSequence && sequence < this.#next;
    return isInRun && this.#time[sequence % this.#capacity] === time;
  }

  /** Says the newest event time of all trades before its first, or -Infinity when there is none. */
  learnOlderTime(time: number, breaks: number): void {
    if (breaks === this.#breaks) this.#unseenTimeMax = time;
  }

  /** Takes the rows of one instrument of a batch whose first record is at `offset`. */
  push(batch: TradeBatch, rows: RowsBySymbol, instrument: number, offset: number): void {
    const from = rows.starts[instrument];
    const to = rows.starts[instrument + 1];
    const { sequence } = batch.instruments[instrument];
    if (sequence !== this.#next) this.#begin(offset + rows.order[from], sequence);
    if (this.#origins.length + batch.tags.length > originsMax) this.#forgetOrigins();
    this.#makeRoom(to - from);
    const origins: number[] = [];
    for (let index = from; index < to; index++) {
      const row = rows.order[index];
      const tag = batch.tag[row];
      origins[tag] ??= this.#originOf(batch, instrument, tag);
      this.#put(batch, row, origins[tag], offset + row);
    }
  }

  /** The newest by (event time, sequence) that the selection allows, newest first. */
  newestFirst(selection: TradeSelection, limit: number): Trade[] {
    const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, before } = selection;
    const found: number[] = [];
    for (let sequence = this.#next - 1; sequence >= this.#next - this.#count; sequence--) {
      const time = this.#time[sequence % this.#capacity];
      if (time < from || time >= to) continue;
      if (before && !follows({ time, sequence }, before)) continue;
      found.push(sequence);
    }
    const timeOf = (sequence: number): number => this.#time[sequence % this.#capacity];
    found.sort((a, b) => timeOf(b) - timeOf(a) || b - a);
    return found.slice(0, limit).map((sequence) => this.#tradeAt(sequence));
  }

  /** The trade with the newest event time that was not cancelled. */
  latest(): Trade | null {
    if (this.#latestSequence < this.oldestSequence) return this.#latestKept;
    return this.#tradeAt(this.#latestSequence);
  }

  /** Gives the latest trade from the store, where the log's end held none. */
  keepLatest(trade: Trade, time: number): void {
    if (time <= this.#latestTime) return;
    this.#latestKept = trade;
    this.#latestTime = time;
    this.#latestSequence = -1;
  }

  #put(batch: TradeBatch, row: number, origin: number, offset: number): void {
    const sequence = this.#next;
    const slot = sequence % this.#capacity;
    if (this.#count === this.#capacity) this.#evict(sequence - this.#count);
    const time = batch.eventTime[row];
    this.#time[slot] = time;
    this.#received[slot] = batch.receiveTime[row];
    this.#price[slot] = batch.price[row];
    this.#size[slot] = batch.size[row];
    this.#id[slot] = batch.id[row];
    this.#offset[slot] = offset;
    this.#origin[slot] = origin;
    this.#verdict[slot] = batch.verdict[row];
    if (batch.textIds) this.#textIds ??= [];
    if (this.#textIds) this.#textIds[slot] = batch.textIds?.[row];
    this.#next = sequence + 1;
    this.#count++;
    const verdict = batch.verdict[row];
    if (verdict === cancel) {
      this.#takeBack(slot);
    } else if (!isCancel(verdict) && verdict !== cancelled && time >= this.#latestTime) {
      this.#latestTime = time;
      this.#latestSequence = sequence;
    }
  }

  #evict(sequence: number): void {
    const slot = sequence % this.#capacity;
    if (sequence === this.#latestSequence) this.#latestKept = this.#tradeAt(sequence);
    this.#evictedTimeMax = Math.max(this.#evictedTimeMax, this.#time[slot]);
    this.#completeFrom = this.#offset[slot] + 1;
    this.#count--;
  }

  /** The first trade, or the first after the log lost some: the run of sequences starts anew. */
  #begin(offset: number, sequence: number): void {
    if (this.#next >= 0) {
      this.#breaks++;
      this.#unseenTimeMax = Number.POSITIVE_INFINITY;
      this.#completeFrom = offset;
      this.#latestKept = this.latest();
      this.#latestSequence = -1;
      this.#count = 0;
    }
    this.#next = sequence;
  }

  /** Marks the trade that a cancel names; where that was the latest, another takes its place. */
  #takeBack(cancelSlot: number): void {
    const id = this.#idAt(cancelSlot);
    let isLatest = false;
    for (let sequence = this.#next - this.#count; sequence < this.#next; sequence++) {
      const slot = sequence % this.#capacity;
      if (this.#time[slot] !== this.#time[cancelSlot] || this.#idAt(slot) !== id) continue;
      if (isCancel(this.#verdict[slot])) continue;
      this.#verdict[slot] = cancelled;
      if (sequence === this.#latestSequence) isLatest = true;
    }
    if (isLatest) this.#uncover();
  }

  /** The latest of the trades that are left. */
  #uncover(): void {
    this.#latestTime = Number.NEGATIVE_INFINITY;
    this.#latestSequence = -1;
    for (let sequence = this.#next - this.#count; sequence < this.#next; sequence++) {
      const slot = sequence % this.#capacity;
      if (this.#time[slot] < this.#latestTime || !counts(this.#verdict[slot])) continue;
      this.#latestTime = this.#time[slot];
      this.#latestSequence = sequence;
    }
  }

  /** What tells trades apart; unlike any other where the source gives no id. */
  #idAt(slot: number): string | number | symbol {
    const id = this.#textIds?.[slot] ?? this.#id[slot];
    return Number.isNaN(id) ? Symbol('no id') : id;
  }

  #makeRoom(rows: number): void {
    while (this.#count + rows > this.#capacity && this.#capacity * 2 <= this.#rowsMax) {
      if (!this.#budget.take(this.#capacity)) return;
      this.#resize(this.#capacity * 2);
    }
  }

  #resize(capacity: number): void {
    const move = <C extends Float64Array | Uint16Array | Uint8Array>(column: C): C => {
      const moved = new (column.constructor as new (length: number) => C)(capacity);
      for (let sequence = this.#next - this.#count; sequence < this.#next; sequence++) {
        moved[sequence % capacity] = column[sequence % this.#capacity];
      }
      return moved;
    };
    this.#time = move(this.#time);
    this.#received = move(this.#received);
    this.#price = move(this.#price);
    this.#size = move(this.#size);
    this.#id = move(this.#id);
    this.#offset = move(this.#offset);
    this.#origin = move(this.#origin);
    this.#verdict = move(this.#verdict);
    if (this.#textIds) {
      const moved: (string | undefined)[] = [];
      for (let sequence = this.#next - this.#count; sequence < this.#next; sequence++) {
        moved[sequence % capacity] = this.#textIds[sequence % this.#capacity];
      }
      this.#textIds = moved;
    }
    this.#capacity = capacity;
  }

  #originOf(batch: TradeBatch, instrument: number, tag: number): number {
    const { priceScale, sizeScale } = batch.instruments[instrument];
    const { venue, conditions, side } = batch.tags[tag];
    const key = [batch.source, venue, conditions, side, priceScale, sizeScale].join('\n');
    const known = this.#originIndex.get(key);
    if (known !== undefined) return known;
    const { source } = batch;
    this.#originIndex.set(key, this.#origins.length);
    return this.#origins.push({ source, venue, conditions, side, priceScale, sizeScale }) - 1;
  }

  /** More kinds of trade than the column can name: start over rather than grow without bound. */
  #forgetOrigins(): void {
    while (this.#count > 0) this.#evict(this.#next - this.#count);
    this.#origins = [];
    this.#originIndex.clear();
  }

  #tradeAt(sequence: number): Trade {
    const slot = sequence % this.#capacity;
    const origin = this.#origins[this.#origin[slot]];
    return {
      symbol: this.#symbol,
      time: formatTime(this.#time[slot]),
      received: formatTime(this.#received[slot]),
      price: formatDecimal(this.#price[slot], origin.priceScale),
      size: formatDecimal(this.#size[slot], origin.sizeScale),
      side: origin.side,
      id: this.#textIds?.[slot] ?? (Number.isNaN(this.#id[slot]) ? null : String(this.#id[slot])),
      venue: origin.venue,
      conditions: origin.conditions,
      source: origin.source,
      sequence,
      verdict: verdictName(this.#verdict[slot]),
    };
  }
}
