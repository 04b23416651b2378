// Candles with indicators when a batch of candles is damaged on disk: by a bit in the file of a
// real log, between its commit and its reading.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { ManualClock } from '../../src/base/clock.ts';
import { futureMax } from '../../src/contracts/time.ts';
import type { Log, ReadResult, Topic, Transaction } from '../../src/log/log.ts';
import type { EmbeddedLog } from '../../src/log/log-embedded.ts';
import { openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { type Rig, refusal, rig } from './rig.ts';
import { monday, second, type TapeCandle } from './tape.ts';

const minute = 60 * second;
const path = '/ws/candles/AAPL?indicators=sma:2';
/** `sma:2` needs 20 candles, ten times its length. */
const needed = 20;

/** A log that is written by one and read beside it, as the gateway's thread does. */
class LogOnDisk implements Log {
  readonly writer: EmbeddedLog;
  readonly #reader: EmbeddedLog;
  readonly #file: string;
  /** Until then nothing is read. */
  #held = Promise.resolve();
  /** What is being damaged. */
  #written: Uint8Array[] | null = null;

  constructor(writer: EmbeddedLog, reader: EmbeddedLog, file: string) {
    this.writer = writer;
    this.#reader = reader;
    this.#file = file;
  }

  get epoch(): string {
    return this.writer.epoch;
  }

  get partition(): number {
    return this.writer.partition;
  }

  get warnings(): readonly string[] {
    return this.writer.warnings;
  }

  /** Damages what is committed while `commit` runs, before anybody has read it. */
  async damaging(commit: () => Promise<unknown>): Promise<void> {
    const held = Promise.withResolvers<void>();
    this.#held = held.promise;
    const bytes: Uint8Array[] = [];
    this.#written = bytes;
    await commit();
    const file = readFileSync(this.#file);
    for (const batch of bytes) {
      let at = file.indexOf(batch);
      assert(at >= 0, 'the batch is in the file');
      const handle = await open(this.#file, 'r+');
      // Pages that were copied and left hold it too: which of them counts is the log's to know.
      for (; at >= 0; at = file.indexOf(batch, at + 1)) {
        const place = at + batch.length - 9;
        await handle.write(Buffer.of((file[place] ?? 0) ^ 1), 0, 1, place);
      }
      await handle.close();
    }
    this.#written = null;
    held.resolve();
  }

  async commit(transaction: Transaction): Promise<readonly number[]> {
    this.#written?.push(...(transaction.appends ?? []).map(({ bytes }) => bytes));
    return await this.writer.commit(transaction);
  }

  async read(topic: Topic, offset: number, max: number): Promise<ReadResult> {
    await this.#held;
    return await this.#reader.read(topic, offset, max);
  }

  range(topic: Topic) {
    return this.#reader.range(topic);
  }

  grown(generation: number, signal?: AbortSignal): Promise<number> {
    return this.#reader.grown(generation, signal);
  }

  state(key: string): Promise<Uint8Array | null> {
    return this.#reader.state(key);
  }

  states(prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
    return this.#reader.states(prefix);
  }

  stateKeys(...range: Parameters<Log['stateKeys']>): Promise<readonly string[]> {
    return this.#reader.stateKeys(...range);
  }

  trim(...retention: Parameters<Log['trim']>): Promise<number> {
    return this.writer.trim(...retention);
  }

  stats() {
    return this.#reader.stats();
  }

  async close(): Promise<void> {
    await this.#reader.close();
    await this.writer.close();
  }
}

async function damageable(t: TestContext, storeReads: 'before' | 'after') {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-lost-'));
  const options = { folder, logger: pino({ level: 'silent' }), clock: new ManualClock(monday) };
  const writer = await openEmbeddedLog(options);
  const reader = await openEmbeddedLog({ ...options, readOnly: true, signal: writer.signal });
  const log = new LogOnDisk(writer, reader, join(folder, 'data.mdb'));
  const clock = new ManualClock(monday);
  // What was just written the writer has in memory: a store that reads there is before the damage.
  const storeLog = storeReads === 'before' ? writer : log;
  const one = await rig(t, { log, storeLog, clock });
  t.after(async () => await rm(folder, { recursive: true }));
  return { one, log, clock, quarantine: () => readdirSync(join(folder, 'quarantine')) };
}

function candle(index: number, close: number): TapeCandle {
  const ohlc = [close, close, close, close] as const;
  return { interval: '1m', time: monday + index * minute, ohlc, state: 'final' };
}

/** The closes of a minute, in cents, and what they mean. */
const closeOf = (index: number): number => 10_000 + 100 * index;

async function tell(one: Rig, from: number, to: number): Promise<void> {
  for (let index = from; index < to; index++) await one.tape.candles(candle(index, closeOf(index)));
}

/** The mean of the last two minutes, in dollars. */
function meanAt(index: number) {
  return { 'sma:2': { sma: (closeOf(index) + closeOf(index - 1)) / 200 } };
}

suite('a stream of candles with indicators, when candles are lost', () => {
  test('has values again from the store, once that is beyond the loss', async (t) => {
    const { one, log, clock, quarantine } = await damageable(t, 'before');
    await tell(one, 0, 30);
    await one.history.persistAll();
    await one.settled();
    const client = await one.connect(path);
    assert.deepEqual(client.hello.snapshot.indicators, meanAt(29));
    await log.damaging(() => tell(one, 30, 32));
    await tell(one, 32, 33);
    const { type, reason } = await client.next();
    assert.deepEqual([type, reason], ['gap', 'damaged']);
    assert.equal(quarantine().length, 2);
    const unknown = await client.next();
    assert.deepEqual([unknown.indicators, unknown.indicatorsAbsent], [null, 'records lost']);
    const { status, detail } = await refusal(one, '/ws/candles/AAPL?indicators=sma:3');
    assert.equal(status, 503);
    assert.match(detail, /whether the store has them/);
    await one.history.persist('market.candles');
    await clock.advance(1_000);
    await tell(one, 33, 34);
    const known = await client.next();
    assert.deepEqual([known.indicators, known.indicatorsAbsent], [meanAt(33), undefined]);
    assert.deepEqual((await one.connect(path)).hello.snapshot.indicators, meanAt(33));
  });

  test('has none until it has seen enough, where the store lost them too', async (t) => {
    const { one, log, clock } = await damageable(t, 'after');
    await tell(one, 0, 30);
    await one.history.persistAll();
    await one.settled();
    const client = await one.connect(path);
    await log.damaging(() => tell(one, 30, 32));
    await tell(one, 32, 34);
    await one.history.persist('market.candles');
    await one.settled();
    // Nothing that was received by now can be of a minute that begins an hour from now.
    const certain = Math.ceil((clock.now() + futureMax - monday) / minute);
    await clock.advance(1_000);
    await tell(one, 34, certain + needed + 2);
    await one.settled();
    const told = await client.take(1 + certain + needed + 2 - 32);
    const candles = told.filter(({ type }) => type === 'candle');
    const indexOf = ({ start }: { start: string }) => (Date.parse(start) * 1000 - monday) / minute;
    const [absent, present] = [true, false].map((is) =>
      candles.filter(({ indicators }) => (indicators === null) === is),
    );
    assert.deepEqual(
      present.map((one) => [indexOf(one), one.indicators]),
      [certain + needed, certain + needed + 1].map((index) => [index, meanAt(index)]),
    );
    assert.deepEqual(
      new Set(absent.map(({ indicatorsAbsent }) => indicatorsAbsent)),
      new Set(['records lost']),
    );
    const { snapshot } = (await one.connect(path)).hello;
    assert.deepEqual(
      snapshot.indicators,
      meanAt(certain + needed + 1),
      'and so for whoever comes later',
    );
  });

  test('REST has from the store what memory may have missed', async (t) => {
    const { one, log } = await damageable(t, 'before');
    await one.tape.candles({ ...candle(0, 10_000), state: 'open' });
    await one.settled();
    await log.damaging(() => one.tape.candles(candle(0, 20_000)));
    await one.tape.candles(candle(1, 30_000));
    await one.history.persistAll();
    await one.settled();
    const { body } = await one.get('/api/v1/candles/AAPL?interval=1m&limit=2');
    const closes = body.candles.map(({ close, state }: Record<string, string>) => [close, state]);
    assert.deepEqual(closes, [
      ['200', 'final'],
      ['300', 'final'],
    ]);
  });
});
