// What log.ts promises, run over every implementation of it: the embedded one in log.test.ts,
// Kafka's in test/cluster. To join, an implementation says how it is opened here, in another
// process, and in another thread beside its writer.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { type Clock, ManualClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import type { Append, Log, LostRange, StoredBatch, Topic } from '../../src/log/log.ts';

export interface Implementation {
  readonly name: string;
  /** The log at a place, a path that nothing else is named after; made when absent. */
  readonly open: (place: string, clock: Clock) => Promise<Log>;
  /** JavaScript that makes `log` for another process, which has it for itself. */
  readonly openingElsewhere: (place: string) => string;
  /** JavaScript that makes `log` for a thread beside the open log, and its `workerData`. */
  readonly openingBeside: (place: string, log: Log) => { readonly code: string; data: unknown };
  /** Whether a reader beside the writer has its state, as it is at the end that it sees. */
  readonly sharesState: boolean;
  /** How many random sequences are tried. */
  readonly runs: number;
}

const seed = Number(process.env.FC_SEED ?? 20261121);

/** To be called at the top of a test file. */
export function testLog(implementation: Implementation): void {
  const { name, open, openingElsewhere, openingBeside, sharesState, runs } = implementation;
  describe(`the ${name} log`, () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21) * 1000);
    let scratch = '';
    let places = 0;
    const opened: Log[] = [];

    before(async () => {
      scratch = await fs.mkdtemp(join(tmpdir(), 'tapeline-test-log-'));
    });

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((log) => log.close()));
    });

    after(async () => {
      await fs.rm(scratch, { recursive: true, force: true });
    });

    function newPlace(): string {
      places += 1;
      return join(scratch, `log-${places}`);
    }

    async function openAt(place: string): Promise<Log> {
      const log = await open(place, clock);
      opened.push(log);
      return log;
    }

    async function reopen(log: Log, place: string): Promise<Log> {
      await log.close();
      return await openAt(place);
    }

    describe('appending', () => {
      test('gives offsets that are dense and count records, in each topic for itself', async () => {
        const log = await openAt(newPlace());
        const appends = [trades(3), trades(2), quotes(7)];
        assert.deepEqual(await log.commit({ appends }), [0, 3, 0]);
        assert.deepEqual(await log.commit({ appends: [trades(1), quotes(1)] }), [5, 7]);
        assert.deepEqual(log.range('market.trades'), { start: 0, end: 6 });
        assert.deepEqual(log.range('market.quotes'), { start: 0, end: 8 });
        assert.deepEqual(log.range('dead-letter'), { start: 0, end: 0 });
      });

      test('keeps concurrent commits in the order of the calls', async () => {
        const place = newPlace();
        let log = await openAt(place);
        const batches = Array.from({ length: 200 }, (_, index) => trades(1 + (index % 5), index));
        const offsets = await Promise.all(batches.map((batch) => log.commit({ appends: [batch] })));
        log = await reopen(log, place);
        assert.deepEqual(
          (await readAll(log)).batches,
          batches.map((batch, index) => stored(batch, offsets[index]?.[0] ?? Number.NaN)),
        );
      });

      test('takes batches from one byte to megabytes', async () => {
        const log = await openAt(newPlace());
        const sizes = [1, 8, 2_000, 2_100, 40_000, 3_000_001];
        const appends = sizes.map((size, index) => trades(1, index, size));
        await log.commit({ appends });
        assert.deepEqual((await readAll(log)).batches, appends.map(stored));
      });

      test('of nothing resolves, after what came before', async () => {
        const log = await openAt(newPlace());
        const first = log.commit({ appends: [trades(2)] });
        assert.deepEqual(await log.commit({}), []);
        assert.equal(log.range('market.trades').end, 2);
        await first;
      });

      test('to a closed log fails, and closing twice does not', async () => {
        const log = await openAt(newPlace());
        const last = log.commit({ appends: [trades(2)] });
        await log.close();
        assert.deepEqual(await last, [0]);
        await assert.rejects(log.commit({ appends: [trades(1)] }), Failure);
        await log.close();
      });
    });

    describe('reading', () => {
      test('from any offset, in pieces of any size, gives every batch once', async () => {
        const place = newPlace();
        let log = await openAt(place);
        const appends = [3, 1, 4, 1, 5].map((count, index) => trades(count, index, 1_000));
        await log.commit({ appends });
        const all = (await readAll(log)).batches;
        // At first the writer may still have them; once opened anew they come from where they lie.
        for (let opening = 0; opening < 2; opening++) {
          for (let offset = 0; offset < 14; offset += 1) {
            for (const bytesMax of [1, 1_500, 2_000, 1_000_000]) {
              const { batches } = await readAll(log, offset, bytesMax);
              assert.deepEqual(
                batches,
                all.filter((batch) => batch.offset + batch.count > offset),
              );
            }
          }
          log = await reopen(log, place);
        }
      });

      test('is bounded by the bytes asked for, but gives at least one batch', async () => {
        const log = await openAt(newPlace());
        await log.commit({ appends: Array.from({ length: 20 }, () => trades(1, 0, 1_000)) });
        assert.equal((await log.read('market.trades', 0, 1)).batches.length, 1);
        const { batches, next } = await log.read('market.trades', 5, 4_000);
        assert(batches.length >= 3 && batches.length <= 5, `${batches.length} batches`);
        assert.equal(next, 5 + batches.length);
      });

      test('at the end and past it gives nothing', async () => {
        const log = await openAt(newPlace());
        await log.commit({ appends: [trades(3)] });
        for (const offset of [3, 4, 1_000]) {
          const read = await log.read('market.trades', offset, 1_000);
          assert.deepEqual(read, { batches: [], lost: [], next: offset });
        }
      });

      test('gives bytes aligned for columns, which stay whatever is committed', async () => {
        const log = await openAt(newPlace());
        const appends = [trades(1, 1, 400), trades(1, 1, 40_000)];
        await log.commit({ appends });
        const { batches } = await readAll(log);
        for (const { bytes } of batches) assert.equal(bytes.byteOffset % 8, 0);
        for (let more = 0; more < 3; more++) await log.commit({ appends });
        assert.deepEqual(batches, appends.map(stored));
      });
    });

    describe('state', () => {
      test('is read back, replaced and deleted, also after reopening', async () => {
        const place = newPlace();
        let log = await openAt(place);
        assert.equal(await log.state('a'), null);
        await log.commit({ state: [write('a', 'one'), write('b', ''), write('c', 'three')] });
        await log.commit({ state: [write('a', 'four'), { key: 'c', value: null }] });
        for (let round = 0; round < 2; round += 1) {
          assert.deepEqual(await log.state('a'), text('four'));
          assert.deepEqual(await log.state('b'), text(''));
          assert.equal(await log.state('c'), null);
          log = await reopen(log, place);
        }
      });

      test('within one commit is what was written last', async () => {
        const log = await openAt(newPlace());
        await log.commit({
          state: [write('a', 'one'), { key: 'a', value: null }, write('a', 'two')],
        });
        assert.deepEqual(await log.state('a'), text('two'));
      });

      test('is listed by prefix, in the order of the keys', async () => {
        const log = await openAt(newPlace());
        const keys = ['engine b', 'engine', 'engine a', 'engines', 'other', 'enginé', 'eng'];
        await log.commit({ state: keys.map((key) => write(key, key)) });
        const found = await Array.fromAsync(log.states('engine'));
        assert.deepEqual(
          found,
          ['engine', 'engine a', 'engine b', 'engines'].map((key) => [key, text(key)]),
        );
        assert.equal((await Array.fromAsync(log.states(''))).length, keys.length);
        assert.deepEqual(await Array.fromAsync(log.states('x')), []);
        // The key that it would begin before is shorter than it.
        assert.deepEqual(await Array.fromAsync(log.states('engine x')), []);
        assert.deepEqual(await Array.fromAsync(log.states('en and so on')), []);
      });
    });

    describe('keys of the state', () => {
      test('are listed in their order, from one to before another, so many at most', async () => {
        const place = newPlace();
        let log = await openAt(place);
        const keys = ['b 3', 'a', 'b 2', 'b', 'b 10', 'c', 'b 1'];
        await log.commit({ state: keys.map((key) => write(key, key)) });
        await log.commit({ state: [{ key: 'b 2', value: null }] });
        for (let round = 0; round < 2; round += 1) {
          assert.deepEqual(await log.stateKeys('b', 'b 3', 9), ['b', 'b 1', 'b 10']);
          assert.deepEqual(await log.stateKeys('b 1', 'd', 3), ['b 1', 'b 10', 'b 3']);
          assert.deepEqual(await log.stateKeys('b 4', 'c', 9), []);
          assert.deepEqual(await log.stateKeys('c', 'b', 9), []);
          log = await reopen(log, place);
        }
      });
    });

    describe('retention', () => {
      const everything = { keepFrom: () => Number.POSITIVE_INFINITY };

      test('by age takes whole batches that are older, and what is gone is lost so', async () => {
        const place = newPlace();
        let log = await openAt(place);
        await log.commit({ appends: [trades(3, 1)] });
        await clock.advance(60_000);
        const before = clock.now();
        await log.commit({ appends: [trades(2, 2)] });
        assert.equal(await log.trim({ before, ...everything }), 3);
        assert.equal(await log.trim({ before, ...everything }), 0);
        for (let round = 0; round < 2; round += 1) {
          assert.deepEqual(log.range('market.trades'), { start: 3, end: 5 });
          const read = await log.read('market.trades', 1, 1_000);
          assert.deepEqual(read.lost, [{ from: 1, to: 3, reason: 'retention' }]);
          assert.deepEqual(read.batches, [stored(trades(2, 2), 3)]);
          log = await reopen(log, place);
        }
      });

      test('by size takes the oldest until what is left fits', async () => {
        const log = await openAt(newPlace());
        await log.commit({ appends: Array.from({ length: 50 }, () => trades(2, 0, 1_000)) });
        const taken = await log.trim({ bytesMax: 20_000, ...everything });
        assert.deepEqual(log.range('market.trades'), { start: taken, end: 100 });
        const left = (await readAll(log, taken)).batches.length;
        assert(left >= 10 && left <= 20, `${left} batches of 1,000 bytes left`);
      });

      test('keeps what a consumer still needs, to the batch that holds its offset', async () => {
        const log = await openAt(newPlace());
        await log.commit({ appends: [trades(3), trades(3), trades(3)] });
        await clock.advance(1);
        const before = clock.now();
        assert.equal(await log.trim({ before, bytesMax: 0, keepFrom: () => 4 }), 3);
        assert.equal((await log.read('market.trades', 4, 1_000)).batches[0]?.offset, 3);
      });

      test('of everything leaves the offsets to go on from', async () => {
        const place = newPlace();
        let log = await openAt(place);
        await log.commit({ appends: [trades(3)] });
        assert.equal(await log.trim({ bytesMax: 0, ...everything }), 3);
        log = await reopen(log, place);
        assert.deepEqual(log.range('market.trades'), { start: 3, end: 3 });
        assert.deepEqual(await log.commit({ appends: [trades(1)] }), [3]);
      });
    });

    describe('waiting for growth', () => {
      test('ends with the next commit, and at once for an old generation', async () => {
        const log = await openAt(newPlace());
        const first = await log.grown(-1);
        const waiting = log.grown(first);
        await log.commit({ appends: [trades(1)] });
        const second = await waiting;
        assert.notEqual(second, first);
        assert.equal(log.range('market.trades').end, 1);
        assert.equal(await log.grown(first), second);
      });

      test('ends when it is aborted, for nobody else, and when the log closes', async () => {
        const log = await openAt(newPlace());
        const generation = await log.grown(-1);
        const abort = new AbortController();
        const aborted = log.grown(generation, abort.signal);
        let others = 0;
        const other = log.grown(generation).then(() => (others += 1));
        abort.abort();
        assert.equal(await aborted, generation);
        assert.equal(await log.grown(generation, abort.signal), generation);
        assert.equal(others, 0);
        await log.close();
        await other;
      });
    });

    test('another thread wakes when the log grows, and reads what is durable', async (t) => {
      const place = newPlace();
      const log = await openAt(place);
      await log.commit({ appends: [trades(2, 1)], state: [write('count', '1')] });
      const { code, data } = openingBeside(place, log);
      const follow = `
      const { parentPort, workerData } = require('node:worker_threads');
      const abort = new AbortController();
      parentPort.on('message', () => abort.abort());
      (async () => {
        ${code}
        let next = 0, generation = -1;
        while (!abort.signal.aborted) {
          const read = await log.read('market.trades', next, 1_000_000);
          next = read.next;
          const count = ${sharesState} ? Buffer.from(await log.state('count')).toString() : null;
          if (read.batches.length > 0) parentPort.postMessage({ epoch: log.epoch, count, ...read });
          else generation = await log.grown(generation, abort.signal);
        }
        await log.close();
        parentPort.close();
      })();`;
      const worker = new Worker(follow, { eval: true, workerData: data });
      const exited = once(worker, 'exit');
      t.after(() => worker.postMessage('end'));
      for (let count = 1; count <= 20; count += 1) {
        const [read] = await once(worker, 'message');
        assert.deepEqual(read, {
          epoch: log.epoch,
          count: sharesState ? String(count) : null,
          batches: [stored(trades(2, count), 2 * count - 2)],
          lost: [],
          next: 2 * count,
        });
        const state = [write('count', String(count + 1))];
        await log.commit({ appends: [trades(2, count + 1)], state });
      }
      worker.postMessage('end');
      assert.deepEqual(await exited, [0]);
      assert.equal((await readAll(log)).batches.length, 21);
    });

    test('every acknowledged commit survives kill -9, and none is there in part', async (t) => {
      const place = newPlace();
      let acknowledged = 0;
      for (const kills of [1, 40, 150]) {
        const child = startWriter(openingElsewhere(place));
        t.after(() => child.kill('SIGKILL'));
        const exited = once(child, 'exit');
        const lines = createInterface({ input: child.stdout! });
        let left = kills;
        for await (const line of lines) {
          acknowledged = Math.max(acknowledged, Number(line));
          if (left-- === 0) child.kill('SIGKILL');
        }
        assert.deepEqual(await exited, [null, 'SIGKILL']);
        const log = await openAt(place);
        assert.deepEqual(log.warnings, []);
        const { batches, lost } = await readAll(log);
        assert.deepEqual(lost, []);
        assert(batches.length >= acknowledged, `${batches.length} of ${acknowledged} commits`);
        for (const [index, batch] of batches.entries()) {
          assert.deepEqual(batch, stored(trades(3, index), 3 * index));
        }
        assert.equal(log.range('market.quotes').end, batches.length);
        assert.deepEqual(await log.state('count'), text(String(batches.length)));
        await log.close();
      }
    });

    test('the epoch is kept when reopened, and is another for another log', async () => {
      const place = newPlace();
      const first = await openAt(place);
      const again = await reopen(first, place);
      const other = await openAt(newPlace());
      assert.equal(again.epoch, first.epoch);
      assert.notEqual(other.epoch, first.epoch);
    });

    test('figures say how many commits there were, how long they took, and the size', async () => {
      const log = await openAt(newPlace());
      await log.commit({ appends: [trades(1)] });
      await log.commit({ appends: [trades(1)] });
      const { commits, commitMs, bytesOnDisk, damagedBatches } = log.stats();
      assert.deepEqual([commits, commitMs.length, damagedBatches], [2, 2, 0]);
      assert(bytesOnDisk > 0);
      assert.deepEqual(log.stats().commitMs, []);
    });

    test('any sequence of commits, reads, trims and openings does what a list would', async () => {
      const run = fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        async (steps) => {
          const place = newPlace();
          const model = new Model();
          let log = await openAt(place);
          for (const next of steps) {
            if (next.kind === 'reopen') log = await reopen(log, place);
            else await play(next, log, model, clock);
            model.assertSameRange(log);
          }
          await model.assertSame(log);
          await log.close();
          await fs.rm(place, { recursive: true, force: true });
        },
      );
      await fc.assert(run, { seed, numRuns: runs });
    });
  });
}

// --- a simple log to compare with ---

const modelTopics = ['market.trades', 'market.quotes'] as const satisfies readonly Topic[];
const anyTopic = fc.constantFrom(...modelTopics);
const anyKey = fc.constantFrom('a', 'b', 'c', 'ab');
const anyAppend = fc.record({
  topic: anyTopic,
  count: fc.integer({ min: 1, max: 9 }),
  size: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1_500, max: 9_000 })),
});
const anyState = fc.record({ key: anyKey, value: fc.option(fc.string({ maxLength: 20 })) });
const anyTransaction = fc.record({
  appends: fc.array(anyAppend, { maxLength: 3 }),
  state: fc.array(anyState, { maxLength: 3 }),
});

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      transactions: fc.array(anyTransaction, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      topic: anyTopic,
      /** Of the way from 0 to the end. */
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      bytesMax: fc.integer({ min: 1, max: 20_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('trim' as const),
      ageMs: fc.option(fc.integer({ min: 0, max: 40 })),
      bytesMax: fc.option(fc.integer({ min: 0, max: 20_000 })),
      keepFrom: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface ModelBatch extends StoredBatch {
  readonly appendedAt: number;
}

class Model {
  readonly batches = new Map<Topic, ModelBatch[]>(modelTopics.map((topic) => [topic, []]));
  readonly starts = new Map<Topic, number>(modelTopics.map((topic) => [topic, 0]));
  readonly state = new Map<string, Uint8Array>();

  all(topic: Topic): ModelBatch[] {
    return this.batches.get(topic) ?? [];
  }

  held(topic: Topic): ModelBatch[] {
    return this.all(topic).filter(({ offset }) => offset >= this.start(topic));
  }

  start(topic: Topic): number {
    return this.starts.get(topic) ?? 0;
  }

  end(topic: Topic): number {
    const last = this.all(topic).at(-1);
    return last ? last.offset + last.count : 0;
  }

  assertSameRange(log: Log): void {
    for (const topic of modelTopics) {
      const range = { start: this.start(topic), end: this.end(topic) };
      assert.deepEqual(log.range(topic), range, topic);
    }
  }

  async assertSame(log: Log): Promise<void> {
    for (const topic of modelTopics) {
      const { batches, lost } = await readAll(log, 0, 5_000, topic);
      assert.deepEqual(batches, this.held(topic).map(storedBatch));
      const to = this.start(topic);
      assert.deepEqual(lost, to > 0 ? [{ from: 0, to, reason: 'retention' }] : []);
    }
    const state = [...this.state].sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(await Array.fromAsync(log.states('')), state);
  }
}

async function play(
  next: Exclude<Step, { kind: 'reopen' }>,
  log: Log,
  model: Model,
  clock: ManualClock,
): Promise<void> {
  switch (next.kind) {
    case 'commit':
      await clock.advance(10);
      return await playCommit(next, log, model, clock.now());
    case 'read':
      return await playRead(next, log, model);
    case 'trim':
      return await playTrim(next, log, model, clock.now());
  }
}

async function playCommit(
  { transactions }: Extract<Step, { kind: 'commit' }>,
  log: Log,
  model: Model,
  appendedAt: number,
): Promise<void> {
  const expected: number[][] = [];
  const commits = transactions.map(({ appends, state }) => {
    const batches = appends.map(({ topic, count, size }): Append => {
      return { topic, count, bytes: bytesOf(size, count) };
    });
    expected.push(
      batches.map(({ topic, count, bytes }) => {
        const offset = model.end(topic);
        model.all(topic).push({ offset, count, bytes, appendedAt });
        return offset;
      }),
    );
    for (const { key, value } of state) {
      if (value === null) model.state.delete(key);
      else model.state.set(key, text(value));
    }
    const writes = state.map(({ key, value }) => {
      return { key, value: value === null ? null : text(value) };
    });
    return log.commit({ appends: batches, state: writes });
  });
  assert.deepEqual(await Promise.all(commits), expected);
}

async function playRead(
  { topic, from, bytesMax }: Extract<Step, { kind: 'read' }>,
  log: Log,
  model: Model,
): Promise<void> {
  const offset = Math.floor(from * model.end(topic));
  const read = await log.read(topic, offset, bytesMax);
  const start = model.start(topic);
  const lost = offset < start ? [{ from: offset, to: start, reason: 'retention' }] : [];
  assert.deepEqual(read.lost, lost);
  const rest = model.held(topic).filter((batch) => batch.offset + batch.count > offset);
  assert.deepEqual(read.batches, rest.slice(0, read.batches.length).map(storedBatch));
  assert(read.batches.length > 0 || rest.length === 0);
  const last = read.batches.at(-1);
  assert.equal(read.next, last ? last.offset + last.count : Math.max(offset, start));
}

async function playTrim(
  { ageMs, bytesMax, keepFrom }: Extract<Step, { kind: 'trim' }>,
  log: Log,
  model: Model,
  now: number,
): Promise<void> {
  const kept = (topic: Topic): number => Math.ceil(keepFrom * model.end(topic));
  const before = ageMs === null ? undefined : now - ageMs * 1000;
  const taken = await log.trim({
    ...(before === undefined ? {} : { before }),
    ...(bytesMax === null ? {} : { bytesMax }),
    keepFrom: kept,
  });
  let expected = 0;
  for (const topic of modelTopics) {
    const { start } = log.range(topic);
    const gone = model.held(topic).filter(({ offset }) => offset < start);
    for (const batch of gone) {
      assert(batch.offset + batch.count <= Math.min(start, kept(topic)), 'whole and not needed');
    }
    expected += gone.reduce((sum, { count }) => sum + count, 0);
    const oldest = model.held(topic).find(({ offset }) => offset >= start);
    const isFree = oldest && oldest.offset + oldest.count <= kept(topic);
    if (isFree && before !== undefined) assert(oldest.appendedAt >= before, 'old and still here');
    model.starts.set(topic, start);
    const left = model.held(topic).reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (isFree && bytesMax !== null) assert(left <= bytesMax, 'too much and still here');
    if (before === undefined && bytesMax === null) assert.equal(gone.length, 0);
  }
  assert.equal(taken, expected);
}

// --- what the tests write and read ---

function bytesOf(size: number, fill: number): Uint8Array {
  return new Uint8Array(size).map((_, index) => index * 7 + fill);
}

function trades(count: number, fill = 0, size = 100): Append {
  return { topic: 'market.trades', count, bytes: bytesOf(size, fill) };
}

function quotes(count: number): Append {
  return { topic: 'market.quotes', count, bytes: bytesOf(50, count) };
}

/** How a batch comes back. */
function stored({ count, bytes }: Append, offset: number): StoredBatch {
  return { offset, count, bytes };
}

function storedBatch({ offset, count, bytes }: StoredBatch): StoredBatch {
  return { offset, count, bytes };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function write(key: string, value: string): { key: string; value: Uint8Array } {
  return { key, value: text(value) };
}

/** Everything from an offset on, however many reads it takes. */
async function readAll(
  log: Log,
  offset = 0,
  bytesMax = 1_000_000,
  topic: Topic = 'market.trades',
): Promise<{ batches: StoredBatch[]; lost: LostRange[] }> {
  const batches: StoredBatch[] = [];
  const lost: LostRange[] = [];
  const { end } = log.range(topic);
  for (let next = offset; next < end; ) {
    const read = await log.read(topic, next, bytesMax);
    assert(read.next > next, 'reading goes on');
    batches.push(...read.batches);
    lost.push(...read.lost);
    next = read.next;
  }
  return { batches, lost };
}

/** Commits for ever, several at a time, and prints how many are acknowledged. */
function startWriter(opening: string): ChildProcess {
  const code = `
    const { writeSync } = await import('node:fs');
    ${opening}
    const bytesOf = (size, fill) => new Uint8Array(size).map((_, index) => index * 7 + fill);
    const append = (topic, count, bytes) => ({ topic, count, bytes });
    for (let count = log.range('market.quotes').end; ; ) {
      const commits = [];
      for (let index = 0; index < 3; index += 1) {
        const appends = [
          append('market.trades', 3, bytesOf(100, count)),
          append('market.quotes', 1, bytesOf(10, 0)),
        ];
        count += 1;
        const total = count;
        const state = [{ key: 'count', value: Buffer.from(String(total)) }];
        commits.push(log.commit({ appends, state }).then(() => writeSync(1, total + '\\n')));
      }
      await Promise.all(commits);
    }`;
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  return spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: [...stdio] });
}
