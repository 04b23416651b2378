// Derive: joins the candle operator to the log: trades or quotes in, candles out. Closed candles
// leave its memory with each checkpoint, for the log's state, and come back when a late record
// revises them. Of the open ones a checkpoint writes those that changed.

import { type Clock, microsPerSecond } from '../base/clock.ts';
import { decodeBars } from '../contracts/bar.ts';
import {
  type CandleBatch,
  candleStates,
  encodeCandles,
  type PriceKind,
} from '../contracts/candle.ts';
import type { EventBatch } from '../contracts/event-columns.ts';
import { frameKind } from '../contracts/frame.ts';
import { decodeHeartbeat } from '../contracts/heartbeat.ts';
import type { Interval } from '../contracts/interval.ts';
import { encodeMarks } from '../contracts/mark.ts';
import { decodeQuotes } from '../contracts/quote.ts';
import { decodeTrades, type TradeBatch } from '../contracts/trade.ts';
import { CandleOperator, type CandleOptions } from '../engine/candles.ts';
import { movesOfBatch, unknownIn } from '../engine/tape-rules.ts';
import type { Append, Log, StoredBatch } from '../log/log.ts';
import { CancelledTrades } from './cancelled-trades.ts';
import { ClosedCandles, loadCandles } from './closed-candles.ts';
import { Follower, type Operated } from './follower.ts';
import { GoneCandles } from './gone-candles.ts';
import type { Meters } from './meters.ts';
import {
  loadMarks,
  loadSeries,
  packMarks,
  packSeries,
  type SmallSnapshot,
} from './open-candles.ts';
import { tradesLeft } from './trades-left.ts';

export type DerivedTopic = 'market.trades' | 'market.quotes';

const pricesOf: Record<DerivedTopic, readonly PriceKind[]> = {
  'market.trades': ['trade'],
  'market.quotes': ['bid', 'ask', 'mid'],
};

/** A checkpoint does not wait for its time beyond this many closed candles in memory. */
const closedMax = 16_384;

export function deriveCandles(
  log: Log,
  topic: DerivedTopic,
  options: CandleOptions,
  clock: Clock,
  meters: Meters,
): Follower {
  return new Follower(
    log,
    topic,
    'engine',
    new Candles(log, topic, options, meters),
    clock,
    meters,
  );
}

class Candles implements Operated {
  readonly checkpointEvery = microsPerSecond;
  readonly #log: Log;
  readonly #topic: DerivedTopic;
  readonly #options: CandleOptions;
  readonly #meters: Meters;
  #operator: CandleOperator;
  readonly #cancelled: CancelledTrades;
  readonly #gone: GoneCandles;
  #receiveTime = 0;

  constructor(log: Log, topic: DerivedTopic, options: CandleOptions, meters: Meters) {
    this.#log = log;
    this.#topic = topic;
    this.#options = options;
    this.#meters = meters;
    this.#operator = new CandleOperator(options);
    this.#cancelled = new CancelledTrades(log);
    this.#gone = new GoneCandles(log, pricesOf[topic]);
  }

  get isFull(): boolean {
    return this.#operator.closed > closedMax;
  }

  async checkpoint() {
    this.#meters.held.set({ topic: this.#topic }, this.#operator.held);
    const { series, marks, ...snapshot } = this.#operator.snapshot();
    const open = [...packSeries(this.#topic, series), ...packMarks(this.#topic, marks)];
    const closed = new ClosedCandles();
    this.#operator.eachUnsaved(closed.take);
    const writes = await closed.writes(this.#log);
    const deletions = await this.#gone.deletions();
    return { snapshot, kept: [...open, ...writes, ...this.#cancelled.unsaved(), ...deletions] };
  }

  saved(): void {
    this.#operator.evict();
    this.#cancelled.saved();
  }

  async restore(snapshot: unknown): Promise<void> {
    const series = await loadSeries(this.#log, this.#topic);
    const marks = await loadMarks(this.#log, this.#topic);
    const whole = { ...(snapshot as SmallSnapshot), series, marks };
    this.#operator = CandleOperator.fromSnapshot(whole, this.#options);
  }

  async apply({ bytes, offset }: StoredBatch): Promise<readonly Append[]> {
    switch (frameKind(bytes)) {
      case 'trades': {
        const batch = decodeTrades(bytes);
        await this.#prepare(batch);
        const unknown = unknownIn(batch, movesOfBatch(batch));
        if (unknown > 0) this.#meters.unknownConditions.inc({ tape: batch.tape }, unknown);
        this.#operator.applyTrades(batch, offset);
        await this.#takeBack(batch);
        break;
      }
      case 'quotes': {
        const batch = decodeQuotes(bytes);
        await this.#prepare(batch);
        this.#operator.applyQuotes(batch);
        break;
      }
      case 'bars': {
        const batch = decodeBars(bytes);
        await this.#prepare(batch, batch.interval);
        this.#operator.applyBars(batch);
        break;
      }
      case 'heartbeat': {
        const heartbeat = decodeHeartbeat(bytes);
        this.#receiveTime = Math.max(this.#receiveTime, heartbeat.receiveTime);
        this.#operator.applyHeartbeat(heartbeat);
        break;
      }
      case 'candles':
      case 'marks':
      case 'json':
        throw new TypeError(`no such batch belongs in ${this.#topic}`);
    }
    const appends: Append[] = [];
    const candles = this.#operator.publish(this.#receiveTime);
    if (candles) appends.push(this.#appendCandles(candles));
    const marks = this.#operator.publishMarks(this.#receiveTime);
    if (marks) appends.push(append(marks.count, encodeMarks(marks)));
    return appends;
  }

  /** Folds the candles anew that lost trades to the batch's cancels. */
  async #takeBack(batch: TradeBatch): Promise<void> {
    const named = this.#operator.cancelled(batch);
    const besideBars = this.#operator.besideBars(batch);
    if (besideBars > 0) this.#meters.notRefolded.inc(besideBars);
    if (named.length === 0) return;
    const { trades, lost } = await tradesLeft(this.#log, named, batch, this.#cancelled);
    if (lost.length > 0) this.#meters.notRefolded.inc(lost.length);
    for (const [refold, left] of trades) this.#operator.refold(refold, left);
    const refolded = [...trades.keys()];
    const parts = await loadCandles(this.#log, this.#operator.parts(refolded));
    this.#operator.remerge(refolded, parts);
  }

  #appendCandles(candles: CandleBatch): Append {
    for (const [code, state] of candleStates.entries()) {
      const count = candles.state.reduce((sum, value) => sum + Number(value === code), 0);
      if (count > 0) this.#meters.candles.inc({ state }, count);
    }
    return append(candles.count, encodeCandles(candles));
  }

  /** Brings back the closed candles that the batch's late rows revise. */
  async #prepare(batch: EventBatch, finest?: Interval): Promise<void> {
    const newest = batch.receiveTime[batch.count - 1] as number;
    this.#receiveTime = Math.max(this.#receiveTime, newest);
    this.#gone.note(batch.instruments);
    const keys = this.#operator.missing(batch, pricesOf[this.#topic], finest);
    if (keys.length === 0) return;
    for (const stored of await loadCandles(this.#log, keys)) this.#operator.restore(stored);
  }
}

function append(count: number, bytes: Uint8Array): Append {
  return { topic: 'market.candles', count, bytes };
}
