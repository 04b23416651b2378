// One topic of a log as it is read: where it begins and ends, and how an offset of ours is found
// among Kafka's. Only the ends and the newest batches are kept in memory; what lies further back is
// fetched, a page at a time.

import { Failure } from '../../base/failure.ts';
import { Found } from '../found.ts';
import type { ReadResult } from '../log.ts';
import { Tail } from '../tail.ts';
import { type Fetched, type Fetcher, olderData, type Place } from './fetcher.ts';
import { batchOf, type PlacedBatch } from './messages.ts';

/** How far a topic reaches; `bytes` are those of all its batches ever. */
export interface Reach {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

export const nothing: Reach = { start: 0, end: 0, bytes: 0 };

const probeBytes = 2 ** 14;
const pageBytesMin = 2 ** 18;
const pageBytesMax = 2 ** 22;
const waitMs = 500;
/** What was committed is visible in milliseconds; after so many waits the cluster is at fault. */
const waitsMax = 60;
const placesMax = 256;

/** Batches in a row, and Kafka's offset behind them. */
interface Page {
  readonly batches: readonly PlacedBatch[];
  readonly next: number;
}

export class Shelf {
  readonly place: Place;
  readonly #fetcher: Fetcher;
  readonly #tail = new Tail();
  #reach: Reach = nothing;
  /** Kafka's offsets: of the first message that may be there, and behind the newest. */
  #begin = 0;
  #behind = 0;
  #newest: PlacedBatch | null = null;
  /** Of the batches before the first one held. */
  #bytesGone = 0;
  #page: Page = { batches: [], next: 0 };
  /** By our offset, Kafka's of the message that begins there: where readers went on before. */
  readonly #places = new Map<number, number>();

  constructor(place: Place, fetcher: Fetcher) {
    this.place = place;
    this.#fetcher = fetcher;
  }

  /** `known` is what the one who writes the topic remembers of it. */
  async open(known: Reach = nothing): Promise<void> {
    this.#begin = await this.#fetcher.begin(this.place);
    this.#behind = await this.#fetcher.end(this.place);
    const first = await this.#firstFrom(this.#begin);
    const newest = first && (await this.#last());
    this.#newest = newest;
    const end = newest ? newest.offset + newest.count : known.end;
    const bytes = newest ? newest.bytesBefore + newest.bytes.length : known.bytes;
    this.#bytesGone = first?.bytesBefore ?? bytes;
    this.#reach = { start: Math.max(first?.offset ?? end, known.start), end, bytes };
  }

  get reach(): Reach {
    return this.#reach;
  }

  /** Kafka's offset behind the newest batch. */
  get behind(): number {
    return this.#behind;
  }

  get bytesHeld(): number {
    return this.#reach.bytes - this.#bytesGone;
  }

  /** A batch that follows the newest has become durable. */
  add(batch: PlacedBatch): void {
    const { offset, count, bytes, bytesBefore, kafkaOffset } = batch;
    this.#newest = batch;
    this.#behind = Math.max(this.#behind, kafkaOffset + 1);
    const start = this.#reach.start === this.#reach.end ? offset : this.#reach.start;
    this.#reach = { start, end: offset + count, bytes: bytesBefore + bytes.length };
    this.#tail.add({ offset, count, bytes });
  }

  /** As `add`, of what another writes. Throws a Failure when that was written before. */
  follow(batch: PlacedBatch): void {
    const { end, bytes } = this.#reach;
    if (batch.offset < end || batch.bytesBefore < bytes) throw olderData(this.place);
    this.add(batch);
  }

  /** What lies before `start` is withdrawn; `staying` is the batch that begins there, if any. */
  withdraw(start: number, staying: PlacedBatch | null): void {
    this.#reach = { ...this.#reach, start };
    this.#bytesGone = staying?.bytesBefore ?? this.#reach.bytes;
  }

  async read(offset: number, bytesMax: number): Promise<ReadResult> {
    const { start, end } = this.#reach;
    if (offset >= end) return { batches: [], lost: [], next: offset };
    const recent = offset >= start ? this.#tail.read(offset, bytesMax) : null;
    return recent ?? (await this.#read(offset, bytesMax));
  }

  async #read(offset: number, bytesMax: number): Promise<ReadResult> {
    const { end } = this.#reach;
    const found = new Found(offset);
    let waits = 0;
    for (;;) {
      found.lose(Math.min(this.#reach.start, end), 'retention');
      if (found.next >= end || found.bytes >= bytesMax) break;
      const from = found.next;
      const { batches } = await this.#pageFrom(from, bytesMax);
      for (const { offset: at, count, bytes } of batches) {
        if (at + count <= found.next) continue;
        if (at >= end || found.bytes >= bytesMax) break;
        found.add({ offset: at, count, bytes }, at + count);
        found.bytes += bytes.length;
      }
      if (found.next > from) continue;
      waits += 1;
      if (waits > waitsMax) throw this.#missing(found.next);
    }
    return found.result;
  }

  /** The page with the batch that holds an offset of ours. */
  async #pageFrom(offset: number, bytesMax: number): Promise<Page> {
    const { batches } = this.#page;
    const last = batches.at(-1);
    const holds = last && batches[0]!.offset <= offset && offset < last.offset + last.count;
    if (holds) return this.#page;
    const from = this.#places.get(offset) ?? (await this.#find(offset));
    const limit = Math.min(Math.max(bytesMax, pageBytesMin), pageBytesMax);
    const fetched = await this.#fetcher.fetch(this.place, from, { bytesMax: limit, waitMs });
    if (fetched.isGone) await this.#beginAt(fetched.next);
    this.#page = pageOf(fetched);
    const behind = this.#page.batches.at(-1);
    if (behind) this.#remember(behind.offset + behind.count, fetched.next);
    else this.#remember(offset, fetched.next);
    return this.#page;
  }

  /** Another process has deleted what was before. */
  async #beginAt(kafkaOffset: number): Promise<void> {
    this.#begin = kafkaOffset;
    this.#places.clear();
    const first = await this.#firstFrom(kafkaOffset);
    this.withdraw(Math.max(first?.offset ?? this.#reach.end, this.#reach.start), first);
  }

  #remember(offset: number, kafkaOffset: number): void {
    this.#places.set(offset, kafkaOffset);
    const [oldest] = this.#places.keys();
    if (this.#places.size > placesMax) this.#places.delete(oldest!);
  }

  async #find(offset: number): Promise<number> {
    return await this.firstNot((batch) => batch.offset + batch.count <= offset);
  }

  /**
   * Kafka's offset from which on there is no batch any more that `isBefore`, which has to be true
   * of all batches up to one and of none after it.
   */
  async firstNot(isBefore: (batch: PlacedBatch) => boolean): Promise<number> {
    let low = this.#begin;
    let high = this.#behind;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const batch = await this.#firstFrom(middle, high);
      if (!batch || !isBefore(batch)) high = middle;
      else low = batch.kafkaOffset + 1;
    }
    return low;
  }

  /** The batch at the place of Kafka's, or the first behind it. */
  async #firstFrom(kafkaOffset: number, until = this.#behind): Promise<PlacedBatch | null> {
    for (let from = kafkaOffset; from < until; ) {
      const fetched = await this.#fetcher.fetch(this.place, from, { bytesMax: probeBytes, waitMs });
      const [first] = fetched.messages;
      if (first) return first.offset < until ? batchOf(first) : null;
      if (fetched.next === from) return null;
      from = fetched.next;
    }
    return null;
  }

  async #last(): Promise<PlacedBatch | null> {
    for (let back = 4; ; back *= 4) {
      const from = Math.max(this.#begin, this.#behind - back);
      let last: PlacedBatch | null = null;
      for (let at = from; at < this.#behind; ) {
        const found = await this.#firstFrom(at);
        if (!found) break;
        last = found;
        at = found.kafkaOffset + 1;
      }
      if (last || from === this.#begin) return last;
    }
  }

  /** What retention does: the first batch that has to stay, or null when the newest may go too. */
  async firstStaying(isFree: (batch: PlacedBatch) => boolean): Promise<PlacedBatch | null> {
    if (this.#newest === null || isFree(this.#newest)) return null;
    return await this.#firstFrom(await this.firstNot(isFree));
  }

  /** Up to where Kafka may delete: the newest message always stays. */
  deletable(staying: PlacedBatch | null): number | null {
    const stays = staying ?? this.#newest;
    return stays && stays.kafkaOffset > this.#begin ? stays.kafkaOffset : null;
  }

  /** Kafka holds nothing before this any more. */
  begun(kafkaOffset: number): void {
    this.#begin = Math.max(this.#begin, kafkaOffset);
  }

  #missing(offset: number): Failure {
    const { topic, partition } = this.place;
    return new Failure(
      'log-unavailable',
      `record ${offset} of ${topic}, partition ${partition}, was committed and cannot be fetched`,
      'Look at the state of that topic in Kafka: all its replicas may be away.',
    );
  }
}

function pageOf({ messages, next }: Fetched): Page {
  return { batches: messages.map(batchOf), next };
}
