// What a reader of the streams knows of the log: how far each topic reaches, the state, and where
// to find the batches. Made of the messages in their order alone, so that every reader, the writer
// included, knows the same.

import assert from 'node:assert/strict';
import { type StoredBatch, type Topic, topics } from '../log.ts';
import type { Headers, StreamMessage } from './broker.ts';
import {
  type ByTopic,
  type Checkpoint,
  decodeCheckpoint,
  decodeTransaction,
  decodeTrim,
  type Page,
  type PlacedTransaction,
  type Trim,
} from './message.ts';
import { SortedState } from './sorted-state.ts';

export interface DatedBatch extends StoredBatch {
  readonly time: number;
}

/** The batches of a page, of each topic in the order of `topics`. */
export type PageBatches = readonly (readonly DatedBatch[])[];

/** The page that is being filled. */
interface OpenPage extends Page {
  readonly bytes: number[];
  time: number;
  readonly batches: DatedBatch[][];
}

const pageBytes = 2 ** 20;
const pageMessages = 1_024;

/** Which messages count: those of the last to open the log, as far as none of them is missing. */
export class Succession {
  writer: string;
  #next: number;

  /** `next`: the number of the message with which reading begins. */
  constructor(writer: string, next = 0) {
    this.writer = writer;
    this.#next = next;
  }

  accepts({ kind, writer, after, number = 0 }: Headers): boolean {
    if (kind !== 'opened') {
      if (writer !== this.writer || number !== this.#next) return false;
      this.#next += 1;
      return true;
    }
    if (after !== this.writer) return false;
    this.writer = writer;
    this.#next = 0;
    return true;
  }
}

export class Shard {
  /** Empty until the first checkpoint. */
  epoch = '';
  state = new SortedState([]);
  readonly #starts = zeros();
  readonly #ends = zeros();
  readonly #held = zeros();
  #pages: Page[] = [];
  #open: OpenPage | null = null;
  #openMessages = 0;
  #parts: Uint8Array[] = [];
  /** Bytes of the messages in the segment that is read now. */
  segmentBytes = 0;
  readonly #onPage: (page: Page, batches: PageBatches) => void;

  /** `onPage`: told of each page that is full, with what is in it. */
  constructor(onPage: (page: Page, batches: PageBatches) => void) {
    this.#onPage = onPage;
  }

  start(topic: Topic): number {
    return this.#starts[topics.indexOf(topic)]!;
  }

  end(topic: Topic): number {
    return this.#ends[topics.indexOf(topic)]!;
  }

  held(topic: Topic): number {
    return this.#held[topics.indexOf(topic)]!;
  }

  get bytes(): number {
    return this.#pages.reduce(
      (sum, page) => sum + total(page.bytes),
      total(this.#open?.bytes ?? []),
    );
  }

  /** All pages, the newest last, which may still grow. */
  get pages(): readonly Page[] {
    return this.#open ? [...this.#pages, this.#open] : this.#pages;
  }

  /** Whether the newest page may still grow, and is not with the others then. */
  get isOpen(): boolean {
    return this.#open !== null;
  }

  get openBatches(): PageBatches {
    return this.#open?.batches ?? topics.map(() => []);
  }

  /** The place in `pages` of the one with a record that the log holds. */
  pageOf(topic: Topic, offset: number): number {
    const index = topics.indexOf(topic);
    const { pages } = this;
    let [low, high] = [0, pages.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pages[middle]!.starts[index]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Takes in the next message that counts; returns the offsets of a transaction's appends. */
  apply(message: StreamMessage, segment: number): readonly number[] {
    this.segmentBytes += message.body.length;
    const { kind, body } = message;
    if (kind === 'transaction') {
      return this.#append(decodeTransaction(body), message, segment);
    }
    if (kind === 'trim') this.#trim(decodeTrim(body));
    if (kind === 'checkpoint') this.#collect(message);
    if (kind === 'moved') {
      this.#closePage();
      this.segmentBytes = 0;
    }
    return [];
  }

  checkpoint(epoch: string): Checkpoint {
    return {
      epoch,
      starts: [...this.#starts],
      ends: [...this.#ends],
      held: [...this.#held],
      pages: this.#pages,
      state: this.state.withPrefix(''),
    };
  }

  #append(
    { time, appends, state }: PlacedTransaction,
    { streamOffset: at, writer, number = 0 }: StreamMessage,
    segment: number,
  ): readonly number[] {
    if (appends.length > 0) {
      this.#open ??= {
        segment,
        at,
        writer,
        number,
        time,
        bytes: zeros(),
        starts: [...this.#ends],
        batches: topics.map(() => []),
      };
      this.#open.time = time;
      this.#openMessages += 1;
    }
    for (const { topic, offset, count, bytes } of appends) {
      const index = topics.indexOf(topic);
      assert.equal(offset, this.#ends[index], 'a transaction begins where the log ended');
      this.#open!.batches[index]!.push({ offset, count, bytes, time });
      this.#open!.bytes[index]! += bytes.length;
      this.#held[index]! += bytes.length;
      this.#ends[index]! += count;
    }
    for (const write of state) this.state.write(write);
    const isFull =
      this.#openMessages >= pageMessages || total(this.#open?.bytes ?? []) >= pageBytes;
    if (isFull) this.#closePage();
    return appends.map(({ offset }) => offset);
  }

  #closePage(): void {
    if (!this.#open) return;
    const { batches, ...page } = this.#open;
    this.#pages.push(page);
    this.#open = null;
    this.#openMessages = 0;
    this.#onPage(page, batches);
  }

  #trim({ starts, held }: Trim): void {
    overwrite(this.#starts, starts);
    overwrite(this.#held, held);
    const isHeld = (place: number): boolean => {
      const next = this.pages[place + 1]?.starts ?? this.#ends;
      return next.some((end, index) => end > starts[index]!);
    };
    const first = this.#pages.findIndex((_page, place) => isHeld(place));
    this.#pages.splice(0, first < 0 ? this.#pages.length : first);
  }

  /** Only of use where reading began; who has read on knows it all. */
  #collect({ part = 0, parts = 1, body }: StreamMessage): void {
    if (this.epoch !== '') return;
    if (part === 0) this.#parts = [];
    this.#parts.push(body);
    if (this.#parts.length < parts || part !== parts - 1) return;
    const { epoch, starts, ends, held, pages, state } = decodeCheckpoint(
      Buffer.concat(this.#parts),
    );
    this.#parts = [];
    this.epoch = epoch;
    overwrite(this.#starts, starts);
    overwrite(this.#ends, ends);
    overwrite(this.#held, held);
    this.#pages = [...pages];
    this.state = new SortedState(state);
  }
}

function zeros(): number[] {
  return topics.map(() => 0);
}

function overwrite(figures: number[], by: ByTopic): void {
  for (const [index, figure] of by.entries()) figures[index] = figure;
}

function total(figures: readonly number[]): number {
  return figures.reduce((sum, figure) => sum + figure, 0);
}
