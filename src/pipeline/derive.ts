// Derive: joins the engine to the log. It reads a stream's batches in order, applies the candle
// operator and commits what it publishes together with the position consumed, in one transaction.
//
// Now and then the operator's state commits too, as a checkpoint. After a crash the state of the
// last checkpoint is brought forward by the batches up to the committed position, whose candles are
// already in the log and are not published again: exactly once, because the operator is pure.

import { type Clock, microsPerSecond } from '../base/clock.ts';
import { candleStates, encodeCandles, type PriceKind } from '../contracts/candle.ts';
import type { EventBatch } from '../contracts/event-columns.ts';
import { frameKind } from '../contracts/frame.ts';
import { decodeHeartbeat } from '../contracts/heartbeat.ts';
import { decodeQuotes } from '../contracts/quote.ts';
import { decodeTrades } from '../contracts/trade.ts';
import { CandleOperator, type CandleOptions, type CandleSnapshot } from '../engine/candles.ts';
import { movesOfBatch, unknownIn } from '../engine/tape-rules.ts';
import type { Append, Log, ReadResult, StateWrite, StoredBatch, Topic } from '../log/log.ts';
import { loadCandles, packCandles } from './closed-candles.ts';
import type { Meters } from './meters.ts';

export type DerivedTopic = 'market.trades' | 'market.quotes';

const pricesOf: Record<DerivedTopic, readonly PriceKind[]> = {
  'market.trades': ['trade'],
  'market.quotes': ['bid', 'ask', 'mid'],
};

const partition = 0;
const readBytes = 4 * 2 ** 20;
/** A checkpoint is due after this long, or this many closed candles; no output shows which. */
const checkpointEvery = microsPerSecond;
const unsavedMax = 16_384;

interface Checkpoint {
  readonly offset: number;
  readonly snapshot: CandleSnapshot;
}

export class Derive {
  readonly topic: DerivedTopic;
  readonly #log: Log;
  readonly #options: CandleOptions;
  readonly #clock: Clock;
  readonly #meters: Meters;
  #operator: CandleOperator;
  #position = 0;
  #receiveTime = 0;
  /** When the last checkpoint was, and its offset. */
  #checkpointTime = 0;
  #checkpointOffset = 0;

  constructor(log: Log, topic: DerivedTopic, options: CandleOptions, clock: Clock, meters: Meters) {
    this.topic = topic;
    this.#log = log;
    this.#options = options;
    this.#clock = clock;
    this.#meters = meters;
    this.#operator = new CandleOperator(options);
  }

  /** The offset up to which the stream is derived, durably. */
  get position(): number {
    return this.#position;
  }

  /** Where reading begins after a crash: nothing from here on may leave the log. */
  get checkpointed(): number {
    return this.#checkpointOffset;
  }

  /**
   * Derives for ever, collecting for `lingerMs` between two commits, which then wait as long for
   * company: every fsync of ours is one that ingest would wait for. After an abort, what the log
   * holds by then is derived, and a checkpoint leaves the next start nothing to redo.
   */
  async run(lingerMs: number, signal: AbortSignal): Promise<void> {
    await this.recover();
    let generation = -1;
    for (;;) {
      if (await this.step(signal.aborted ? 0 : lingerMs)) {
        if (lingerMs > 0 && !signal.aborted) await this.#clock.wait(lingerMs, signal);
        continue;
      }
      if (signal.aborted) break;
      generation = await this.#log.grown(generation, signal);
    }
    await this.#commit(this.#position, [], true, 0);
  }

  /** Restores the last checkpoint and brings it forward to the committed position. */
  async recover(): Promise<void> {
    const checkpoint = await this.#read<Checkpoint>('checkpoint');
    const position = (await this.#read<number>('position')) ?? 0;
    this.#position = checkpoint?.offset ?? 0;
    if (checkpoint) {
      this.#operator = CandleOperator.fromSnapshot(checkpoint.snapshot, this.#options);
    }
    while (this.#position < position) {
      const read = await this.#readOn();
      for (const batch of read.batches) {
        if (batch.offset < position) await this.#apply(batch);
      }
      this.#position = Math.min(read.next, position);
    }
    this.#checkpointTime = this.#clock.now();
    this.#checkpointOffset = checkpoint?.offset ?? 0;
  }

  /** Derives what can be read at once; false when there was nothing. */
  async step(patienceMs = 0): Promise<boolean> {
    const read = await this.#readOn();
    for (const { from, to, reason } of read.lost) {
      this.#meters.lost.inc({ consumer: 'engine', reason }, to - from);
    }
    if (read.next === this.#position) return false;
    const appends: Append[] = [];
    for (const batch of read.batches) {
      const candles = await this.#apply(batch);
      if (candles) appends.push(candles);
    }
    const { held } = this.#operator;
    const due = held > unsavedMax || this.#clock.now() >= this.#checkpointTime + checkpointEvery;
    await this.#commit(read.next, appends, due, patienceMs);
    const { end } = this.#log.range(this.topic, partition);
    this.#meters.lag.set({ consumer: 'engine', topic: this.topic }, end - this.#position);
    this.#meters.held.set({ topic: this.topic }, this.#operator.held);
    return true;
  }

  async #readOn(): Promise<ReadResult> {
    return await this.#log.read(this.topic, partition, this.#position, readBytes);
  }

  async #apply({ bytes }: StoredBatch): Promise<Append | null> {
    switch (frameKind(bytes)) {
      case 'trades': {
        const batch = decodeTrades(bytes);
        await this.#prepare(batch);
        const unknown = unknownIn(batch, movesOfBatch(batch));
        if (unknown > 0) this.#meters.unknownConditions.inc({ tape: batch.tape }, unknown);
        this.#operator.applyTrades(batch);
        break;
      }
      case 'quotes': {
        const batch = decodeQuotes(bytes);
        await this.#prepare(batch);
        this.#operator.applyQuotes(batch);
        break;
      }
      case 'heartbeat': {
        const heartbeat = decodeHeartbeat(bytes);
        this.#receiveTime = Math.max(this.#receiveTime, heartbeat.receiveTime);
        this.#operator.applyHeartbeat(heartbeat);
        break;
      }
      case 'candles':
      case 'json':
        throw new TypeError(`no such batch belongs in ${this.topic}`);
    }
    const candles = this.#operator.publish(this.#receiveTime);
    if (!candles) return null;
    for (const [code, state] of candleStates.entries()) {
      const count = candles.state.reduce((sum, value) => sum + Number(value === code), 0);
      if (count > 0) this.#meters.candles.inc({ state }, count);
    }
    return {
      topic: 'market.candles',
      partition,
      count: candles.count,
      bytes: encodeCandles(candles),
    };
  }

  /** Brings back the closed candles that the batch's late rows revise. */
  async #prepare(batch: EventBatch): Promise<void> {
    const newest = batch.receiveTime[batch.count - 1] as number;
    this.#receiveTime = Math.max(this.#receiveTime, newest);
    const keys = this.#operator.missing(batch, pricesOf[this.topic]);
    if (keys.length === 0) return;
    for (const stored of await loadCandles(this.#log, keys)) {
      this.#operator.restore(stored);
    }
  }

  async #commit(
    position: number,
    appends: readonly Append[],
    checkpoint: boolean,
    patienceMs: number,
  ): Promise<void> {
    const state: StateWrite[] = [this.#write('position', position)];
    if (checkpoint) {
      const saved: Checkpoint = { offset: position, snapshot: this.#operator.snapshot() };
      state.push(this.#write('checkpoint', saved));
      state.push(...(await packCandles(this.#log, this.#operator.unsaved())));
    }
    await this.#log.commit({ appends, state, patienceMs });
    this.#position = position;
    if (checkpoint) {
      this.#operator.evict();
      this.#checkpointTime = this.#clock.now();
      this.#checkpointOffset = position;
    }
  }

  #write(what: string, value: unknown): StateWrite {
    return { key: this.#key(what), value: Buffer.from(JSON.stringify(value)) };
  }

  async #read<T>(what: string): Promise<T | undefined> {
    const value = await this.#log.state(this.#key(what));
    return value ? (JSON.parse(Buffer.from(value).toString()) as T) : undefined;
  }

  #key(what: string): string {
    return `engine ${this.topic satisfies Topic} ${what}`;
  }
}
