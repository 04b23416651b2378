// The writing half of the log, for one thread. Transactions that arrive while one is on its way to
// disk wait and then share the next: one fsync for all of them. Patient ones wait for others even
// when the disk is free, so that they do not keep it from those that hurry. Invariant: offsets are
// given when the group is written, and count only once it is on disk, so a failure leaves no gap
// and no trace.

import assert from 'node:assert/strict';
import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { GroupCommit } from '../group-commit.ts';
import type { Append, Retention, StateWrite, Transaction } from '../log.ts';
import type { Tail } from '../tail.ts';
import { type Environment, transact } from './environment.ts';
import type { Reach } from './facts.ts';
import { closedFailure, writingFailure } from './failures.ts';
import { bytesOf, type Changes, type Drop, Plan } from './plan.ts';
import type { Quarantine } from './quarantine.ts';
import { appendedAt, endOf, readRecord } from './record.ts';
import { type Signal, slotOf, slots, topicOf } from './signal.ts';

export interface WriterOptions {
  readonly folder: string;
  readonly environment: Environment;
  readonly reaches: readonly Reach[];
  readonly signal: Signal;
  readonly quarantine: Quarantine;
  readonly clock: Clock;
  /** By slot. */
  readonly tails: readonly Tail[];
}

interface Pending extends Changes {
  readonly patienceMs: number;
  readonly resolve: (offsets: readonly number[]) => void;
  readonly reject: (failure: Failure) => void;
}

/** LMDB's limit for pages of 4 KiB, as lmdb-js has it. */
const stateKeyBytesMax = 1978;
const dropBytesMax = 8 * 2 ** 20;
const commitMsMax = 10_000;

export class LogWriter {
  readonly #folder: string;
  readonly #environment: Environment;
  readonly #signal: Signal;
  readonly #quarantine: Quarantine;
  readonly #clock: Clock;
  readonly #tails: readonly Tail[];
  #reaches: readonly Reach[];
  readonly #groups: GroupCommit<Pending>;
  #trimming: Promise<number> = Promise.resolve(0);
  #isClosed = false;
  /** Set once LMDB can write no more in this process. */
  #dead: Failure | null = null;
  #commits = 0;
  #commitMs: number[] = [];

  constructor(options: WriterOptions) {
    this.#folder = options.folder;
    this.#environment = options.environment;
    this.#reaches = options.reaches;
    this.#signal = options.signal;
    this.#quarantine = options.quarantine;
    this.#clock = options.clock;
    this.#tails = options.tails;
    this.#groups = new GroupCommit<Pending>(this.#clock, bytesOf, (group) => this.#write(group));
    this.#publish();
  }

  get commits(): number {
    return this.#commits;
  }

  /** Milliseconds of the transactions since the last call, at most the newest 10,000. */
  takeCommitMs(): readonly number[] {
    const taken = this.#commitMs;
    this.#commitMs = [];
    return taken;
  }

  /** The caller leaves its bytes as they are until this resolves. */
  async commit(transaction: Transaction): Promise<readonly number[]> {
    const { appends = [], state = [], patienceMs = 0 } = transaction;
    for (const { topic, count } of appends) {
      slotOf(topic);
      assert(Number.isInteger(count) && count > 0, `a batch of ${count} records`);
    }
    for (const { key } of state) {
      const bytes = Buffer.byteLength(key);
      assert(bytes > 0 && bytes <= stateKeyBytesMax, `a state key of ${bytes} bytes`);
    }
    return await this.#submit(appends, state, null, patienceMs);
  }

  /**
   * LMDB never makes its file smaller: the pages of what goes are used again. Pieces of bounded
   * size, so that commits get their turn between them.
   */
  async trim(retention: Retention): Promise<number> {
    const earlier = this.#trimming;
    this.#trimming = (async () => {
      await earlier.catch(() => 0);
      let records = 0;
      for (let slot = 0; slot < slots; slot += 1) records += await this.#trimSlot(slot, retention);
      return records;
    })();
    return await this.#trimming;
  }

  /** Refuses what comes from now on, and resolves when what came before is decided. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#groups.hurry();
    await this.#trimming.catch(() => 0);
    await this.#groups.done();
  }

  async #submit(
    appends: readonly Append[],
    state: readonly StateWrite[],
    drop: Drop | null,
    patienceMs = 0,
  ): Promise<readonly number[]> {
    if (this.#isClosed) throw closedFailure();
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
    this.#groups.add({ appends, state, drop, patienceMs, resolve, reject });
    return await promise;
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const plan = new Plan(this.#environment, this.#reaches, this.#clock.now(), group);
    try {
      if (this.#dead) throw this.#dead;
      if (!plan.isEmpty) await this.#transact(plan);
    } catch (error) {
      const failure = error instanceof Failure ? error : this.#failureOf(error, group);
      for (const { reject } of group) reject(failure);
      return;
    }
    for (const [index, { resolve }] of group.entries()) resolve(plan.offsets[index]!);
  }

  async #transact(plan: Plan): Promise<void> {
    const startedAt = this.#clock.now();
    // Batches that go are withdrawn first, so that a reader who misses them knows why (LogReader).
    for (const [slot, { end }] of this.#reaches.entries()) {
      this.#signal.setRange(slot, plan.reaches[slot]!.start, end);
    }
    try {
      await transact(this.#environment, () => plan.write());
      this.#reaches = plan.reaches;
      for (const { slot, batch } of plan.appended) this.#tails[slot]!.add(batch);
    } finally {
      this.#publish();
    }
    this.#commits += 1;
    this.#commitMs.push((this.#clock.now() - startedAt) / 1000);
    if (this.#commitMs.length > commitMsMax) this.#commitMs.shift();
  }

  #publish(): void {
    for (const [slot, { start, end }] of this.#reaches.entries()) {
      this.#signal.setRange(slot, start, end);
    }
    this.#signal.publish();
  }

  async #trimSlot(slot: number, retention: Retention): Promise<number> {
    const { start } = this.#reaches[slot]!;
    for (;;) {
      const drop = this.#nextDrop(slot, retention);
      if (!drop) return this.#reaches[slot]!.start - start;
      await this.#submit([], [], drop);
    }
  }

  /** The oldest batches that may go, as many as one piece takes; null when none may. */
  #nextDrop(slot: number, { before, bytesMax, keepFrom }: Retention): Drop | null {
    const kept = keepFrom(topicOf(slot));
    const { start, bytes: held } = this.#reaches[slot]!;
    const keys: Buffer[] = [];
    let to = start;
    let bytes = 0;
    this.#environment.root.resetReadTxn();
    for (const { key, value } of this.#environment.records[slot]!.getRange()) {
      const end = endOf(key);
      if (end > kept || bytes >= dropBytesMax) break;
      const isIntact = readRecord(end, value) !== null;
      const isTooMuch = bytesMax !== undefined && held - bytes > bytesMax;
      // When a damaged batch was appended is not known; it goes with what came before it.
      const isOld = before !== undefined && (!isIntact || appendedAt(value) < before);
      if (!isTooMuch && !isOld) break;
      if (!isIntact) this.#quarantine.keep(slot, end, value);
      keys.push(key);
      to = end;
      bytes += value.length;
    }
    return keys.length > 0 ? { slot, to, keys, bytes } : null;
  }

  #failureOf(error: unknown, group: readonly Pending[]): Failure {
    const bytes = group.reduce((sum, pending) => sum + bytesOf(pending), 0);
    const failure = writingFailure(this.#folder, error, bytes);
    if (failure.code === 'disk-full') return failure;
    this.#signal.suspect();
    if (!this.#isAlive()) this.#dead = failure;
    return failure;
  }

  /**
   * After a failed write of its root page LMDB refuses everything, reads too, and lmdb-js would
   * leave the next commit waiting for ever.
   */
  #isAlive(): boolean {
    try {
      this.#environment.root.resetReadTxn();
      this.#environment.facts.getBinary(Buffer.from('epoch'));
      return true;
    } catch {
      return false;
    }
  }
}
