// Several shards read as one log, for whoever serves all symbols: batches stand in the order in
// which they were seen here, those of one shard in their own. Offsets count from where this log was
// opened, so they mean nothing elsewhere, and each opening is an epoch of its own. In memory is
// only where each batch stands; the batches are the shards'.

import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { Failure, messageOf } from '../base/failure.ts';
import { Found } from './found.ts';
import { Growth } from './growth.ts';
import type { Log, LogStats, LostRange, ReadResult, Topic } from './log.ts';
import { Tail } from './tail.ts';

export interface MergedLogOptions {
  /** Closed with it. */
  readonly shards: readonly Log[];
  /** By topic, of how many records of a shard's end it tells. */
  readonly topics: readonly (readonly [Topic, number])[];
  /** The offset up to which a topic of a shard is stored: it tells of all that is not. */
  readonly stored: (topic: Topic, partition: number) => number;
  readonly clock: Clock;
  readonly logger: { warn(fields: object, message: string): void };
}

const readBytes = 2 ** 20;
const retryMs = 1_000;
/** Of each topic. Half go at once. */
const entriesMax = 200_000;

/** Where records from `offset` on stand: in a shard from `at` on, or nowhere. */
interface Entry {
  readonly offset: number;
  readonly count: number;
  readonly shard: Log;
  readonly at: number;
  readonly lost: LostRange['reason'] | null;
}

/** One topic of all shards. */
class Course {
  readonly topic: Topic;
  readonly tail = new Tail();
  /** What comes next of each shard. */
  readonly next = new Map<Log, number>();
  entries: Entry[] = [];
  end = 0;
  /** Entries before this are stored. */
  #stored = 0;

  constructor(topic: Topic) {
    this.topic = topic;
  }

  get start(): number {
    return this.entries[0]?.offset ?? this.end;
  }

  add(shard: Log, at: number, count: number, lost: Entry['lost']): number {
    const offset = this.end;
    this.entries.push({ offset, count, shard, at, lost });
    this.end += count;
    if (this.entries.length > entriesMax) {
      const gone = this.entries.length >> 1;
      this.entries = this.entries.slice(gone);
      this.#stored = Math.max(0, this.#stored - gone);
    }
    return offset;
  }

  /** The offset before which all is stored. */
  storedThrough(stored: (partition: number) => number): number {
    for (; this.#stored < this.entries.length; this.#stored++) {
      const { offset, count, shard, at } = this.entries[this.#stored]!;
      if (at + count > stored(shard.partition)) return offset;
    }
    return this.end;
  }

  *from(offset: number): Generator<Entry> {
    let low = 0;
    for (let high = this.entries.length; low < high; ) {
      const middle = (low + high) >> 1;
      const { offset: begin, count } = this.entries[middle]!;
      if (begin + count <= offset) low = middle + 1;
      else high = middle;
    }
    yield* this.entries.slice(low);
  }
}

export async function openMergedLog(options: MergedLogOptions): Promise<MergedLog> {
  const log = new MergedLog(options);
  await log.open();
  return log;
}

export class MergedLog implements Log {
  readonly epoch = randomUUID();
  readonly partition = 0;
  readonly warnings: readonly string[] = [];
  readonly #options: MergedLogOptions;
  readonly #courses: ReadonlyMap<Topic, Course>;
  readonly #closed = new AbortController();
  #following: Promise<unknown> = Promise.resolve();
  readonly #growth = new Growth();

  constructor(options: MergedLogOptions) {
    this.#options = options;
    this.#courses = new Map(options.topics.map(([topic]) => [topic, new Course(topic)]));
  }

  /** Resolves once it has what the shards hold now. */
  async open(): Promise<void> {
    const { shards, topics, stored } = this.#options;
    for (const shard of shards) {
      for (const [topic, records] of topics) {
        const { start, end } = shard.range(topic);
        const from = Math.min(end - records, stored(topic, shard.partition));
        this.#course(topic).next.set(shard, Math.max(start, from));
      }
      while (await this.#take(shard));
    }
    this.#following = Promise.all(shards.map((shard) => this.#follow(shard)));
  }

  async read(topic: Topic, offset: number, bytesMax: number): Promise<ReadResult> {
    const course = this.#course(topic);
    const { start, end } = course;
    if (offset >= end) return { batches: [], lost: [], next: offset };
    const recent = offset >= start ? course.tail.read(offset, bytesMax) : null;
    if (recent) return recent;
    const found = new Found(offset);
    found.lose(start, 'retention');
    for (const entry of course.from(found.next)) {
      await readEntry(topic, entry, found);
      if (found.bytes >= bytesMax) break;
    }
    return found.result;
  }

  range(topic: Topic): { readonly start: number; readonly end: number } {
    const { start, end } = this.#course(topic);
    return { start, end };
  }

  /** The offset before which all is stored, given that of each shard. */
  storedThrough(topic: Topic, stored: (partition: number) => number): number {
    const course = this.#courses.get(topic);
    return course ? course.storedThrough(stored) : Number.POSITIVE_INFINITY;
  }

  async grown(generation: number, signal?: AbortSignal): Promise<number> {
    return await this.#growth.since(generation, signal);
  }

  async commit(): Promise<never> {
    throw new TypeError('several shards are merged for reading');
  }

  async trim(): Promise<never> {
    throw new TypeError('several shards are merged for reading');
  }

  async state(): Promise<null> {
    return null;
  }

  async *states(): AsyncGenerator<never> {}

  async stateKeys(): Promise<readonly string[]> {
    return [];
  }

  stats(): LogStats {
    const all = this.#options.shards.map((shard) => shard.stats());
    const bytesOnDisk = all.reduce((sum, one) => sum + one.bytesOnDisk, 0);
    const trouble = all.map((one) => one.trouble).find((one) => one !== null) ?? null;
    return { commits: 0, commitMs: [], bytesOnDisk, damagedBatches: 0, trouble };
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#growth.end();
    await this.#following;
    await Promise.all(this.#options.shards.map((shard) => shard.close()));
  }

  async #follow(shard: Log): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#closed;
    for (let generation = -1; !signal.aborted; ) {
      try {
        if (await this.#take(shard)) continue;
        generation = await shard.grown(generation, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Failure)) throw error;
        const { partition } = shard;
        const { cure } = error;
        logger.warn({ partition, cure }, `a shard cannot be read: ${messageOf(error)}`);
        await clock.wait(retryMs, signal);
      }
    }
  }

  /** Takes what has come of each topic of a shard; false when nothing has. */
  async #take(shard: Log): Promise<boolean> {
    let isGrown = false;
    for (const course of this.#courses.values()) {
      const from = course.next.get(shard) ?? 0;
      if (from >= shard.range(course.topic).end) continue;
      const { batches, lost, next } = await shard.read(course.topic, from, readBytes);
      const gaps = [...lost];
      const lose = (before: number): void => {
        while (gaps[0] && gaps[0].from < before) {
          const { from: at, to, reason } = gaps.shift()!;
          course.add(shard, at, to - at, reason);
        }
      };
      for (const { offset: at, count, bytes } of batches) {
        lose(at);
        const offset = course.add(shard, at, count, null);
        course.tail.add({ offset, count, bytes });
      }
      lose(Number.POSITIVE_INFINITY);
      course.next.set(shard, next);
      isGrown ||= next > from;
    }
    if (isGrown) this.#growth.grow();
    return isGrown;
  }

  #course(topic: Topic): Course {
    const course = this.#courses.get(topic);
    if (!course) throw new TypeError(`this log was opened without ${topic}`);
    return course;
  }
}

async function readEntry(topic: Topic, entry: Entry, found: Found): Promise<void> {
  const { offset, count, shard, at, lost } = entry;
  if (lost) {
    found.lose(offset + count, lost);
    return;
  }
  const { batches } = await shard.read(topic, at, 1);
  const batch = batches.find((one) => one.offset === at);
  if (!batch) {
    found.lose(offset + count, 'retention');
    return;
  }
  found.add({ offset, count, bytes: batch.bytes }, offset + count);
  found.bytes += batch.bytes.length;
}
