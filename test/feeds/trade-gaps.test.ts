import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, micros } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { prng } from '../../src/base/prng.ts';
import { late, onTime } from '../../src/contracts/verdict.ts';
import { type Gap, Intake } from '../../src/feeds/feed.ts';
import { HttpRefusal } from '../../src/feeds/http-get.ts';
import { type ListedTrade, TradeGaps } from '../../src/feeds/trade-gaps.ts';

suite('the search for missing trades', () => {
  test('every id is pushed or buried, whatever is dropped, unlisted or refused', async () => {
    const ids = fc.uniqueArray(fc.integer({ min: 2, max: 60 }));
    await fc.assert(
      fc.asyncProperty(
        fc.record({ dropped: ids, unlisted: ids, repeats: ids }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.boolean(), { maxLength: 6 }),
        async ({ dropped, unlisted, repeats }, page, refusals) => {
          const search = new Search({ page, unlisted, refusals: [...refusals] });
          for (let id = 1; id <= 62; id++) {
            if (dropped.includes(id)) continue;
            await search.arrive(id);
            if (repeats.includes(id)) await search.arrive(id);
          }
          await search.settle();
          const lost = dropped.filter((id) => unlisted.includes(id));
          assert.deepEqual(search.buried(), new Set(lost));
          for (let id = 1; id <= 62; id++) {
            assert.equal(search.pushed.has(id), !lost.includes(id), `${id}`);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('the stream waits for what is missing, so that trades come in order', async () => {
    const search = new Search({});
    for (const id of [1, 2, 6, 7, 12]) await search.arrive(id);
    assert.deepEqual(search.order, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert.equal(search.clock.now(), 0);
  });

  test('what was fetched is marked, so that no horizon is held against it', async () => {
    const search = new Search({ page: 1 });
    for (const id of [1, 4, 5]) await search.arrive(id);
    const { verdict } = search.intake.open.trades;
    assert.deepEqual([...verdict.subarray(0, 5)], [onTime, late, late, onTime, onTime]);
  });

  test('the stream waits ten seconds and no more, and only once while fetching fails', async () => {
    const search = new Search({ refusals: refused(5) });
    await search.arrive(1);
    await search.arrive(3);
    assert.equal(search.clock.now(), 10_000_000);
    assert.equal(search.gaps.isWhole('X'), false);
    await search.arrive(5);
    assert.equal(search.clock.now(), 10_000_000);
    await search.settle();
    assert.deepEqual(search.order.slice(0, 3), [1, 3, 5]);
    assert.deepEqual(
      [...search.pushed].toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5],
    );
    assert.equal(search.gaps.isWhole('X'), true);
    await search.arrive(7);
    assert.deepEqual(search.order.slice(-2), [6, 7], 'it waits again once it has caught up');
  });

  test('tries again after growing waits, and for as long as the exchange asks', async () => {
    const search = new Search({ refusals: refused(4), retryAfterMs: 45_000 });
    await search.arrive(1);
    await search.arrive(3);
    await search.settle();
    assert.equal(search.fetches.length, 5);
    assert.ok(search.clock.now() >= 4 * 45_000_000);
  });

  test('gives up in the end, and says what is missing and why', async () => {
    const search = new Search({ refusals: refused(100) });
    for (const id of [1, 5]) await search.arrive(id);
    await search.settle();
    assert.equal(search.fetches.length, 10);
    const [letter] = search.intake.open.deadLetters;
    assert.equal(letter?.reason, 'gap');
    assert.equal(
      letter?.detail,
      '3 trades of X are missing, ids 2 to 4: GET http://x was answered with HTTP 503',
    );
    assert.equal(search.gaps.trouble, '3 trades could not be had');
    const [gap] = search.intake.open.givenUp;
    assert.deepEqual([gap?.from, gap?.to], [2, 4], 'no later run looks for them');
  });

  test('an abort ends the search and leaves a dead letter', async () => {
    const search = new Search({ refusals: refused(100) });
    for (const id of [1, 5]) await search.arrive(id);
    search.stop.abort();
    await search.gaps.settled();
    assert.deepEqual(search.buried(), new Set([2, 3, 4]));
    assert.deepEqual(search.intake.open.givenUp, [], 'the next run looks for them again');
  });

  test('an absurd id is neither followed nor does it blind', async () => {
    const search = new Search({});
    for (const id of [1, 9_000_000_000, 2, 4]) await search.arrive(id);
    assert.deepEqual(search.order, [1, 9_000_000_000, 2, 3, 4]);
    assert.equal(search.fetches.length, 1);
  });

  test('a numbering that goes on far away is followed, and the jump is told', async () => {
    const search = new Search({});
    for (const id of [1, 5_000_000, 5_000_001, 5_000_003]) await search.arrive(id);
    assert.deepEqual(search.order, [1, 5_000_000, 5_000_001, 5_000_002, 5_000_003]);
    const [letter] = search.intake.open.deadLetters;
    assert.match(letter?.detail ?? '', /4999999 trades of X are missing, .*: too many to fetch/);
  });

  test('a numbering that starts anew is followed', async () => {
    const search = new Search({});
    for (const id of [5_000_000, 1, 3]) await search.arrive(id);
    assert.deepEqual(search.order, [5_000_000, 1, 2, 3]);
  });

  test('the number of waiting gaps is bounded', async () => {
    const search = new Search({ refusals: refused(1_000), gapsMax: 3 });
    for (let id = 1; id < 20; id += 2) await search.arrive(id);
    assert.equal(search.intake.open.deadLetters.length, 6);
    await search.settle();
    assert.equal(search.buried().size, 9);
  });

  test('a bug in fetching is not taken for an exchange that is down', async () => {
    const search = new Search({ bug: new TypeError('no such field') });
    await search.arrive(1);
    await assert.rejects(search.arrive(3), TypeError);
  });
});

function refused(times: number): boolean[] {
  return Array.from({ length: times }, () => true);
}

interface SearchOptions {
  /** Trades per answer. */
  readonly page?: number;
  /** Ids that the exchange does not list. */
  readonly unlisted?: readonly number[];
  /** Whether the next answers are refusals. */
  readonly refusals?: boolean[];
  readonly retryAfterMs?: number;
  readonly gapsMax?: number;
  readonly bug?: Error;
}

/** A stream of ids of one symbol X with an exchange beside it; time passes while it waits. */
class Search {
  readonly clock = new ManualClock(0);
  readonly stop = new AbortController();
  readonly intake = new Intake('test', 'test');
  readonly fetches: Gap[] = [];
  readonly gaps: TradeGaps;
  readonly #options: SearchOptions;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.gaps = new TradeGaps({
      intake: this.intake,
      fetchTrades: (gap) => this.#fetch(gap),
      clock: this.clock,
      random: prng(1),
      signal: this.stop.signal,
      limits: { gapsMax: options.gapsMax ?? 1_000 },
    });
  }

  get order(): number[] {
    const { id, count } = this.intake.open.trades;
    return [...id.subarray(0, count)];
  }

  get pushed(): Set<number> {
    return new Set(this.order);
  }

  async arrive(id: number): Promise<void> {
    await this.#pass(this.gaps.before('X', id));
    this.#push(id);
    this.gaps.pushed('X', id, micros(id * 1_000));
  }

  async settle(): Promise<void> {
    await this.#pass(this.gaps.settled());
  }

  /** The ids that dead letters name. */
  buried(): Set<number> {
    const ranges = this.intake.open.deadLetters.map(
      ({ raw }) => JSON.parse(Buffer.from(raw, 'base64').toString()) as Gap,
    );
    return new Set(
      ranges.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, index) => from + index),
      ),
    );
  }

  #push(id: number): void {
    const { trades } = this.intake.open;
    const tag = trades.tagOf('', '', '');
    trades.push(trades.instrumentOf('X'), tag, id * 1_000, this.clock.now(), 1, 1, id);
  }

  async #fetch(gap: Gap): Promise<readonly ListedTrade[]> {
    const { page = 100, unlisted = [], refusals = [], retryAfterMs = 0, bug } = this.#options;
    this.fetches.push(gap);
    if (bug) throw bug;
    if (refusals.shift()) throw new HttpRefusal('http://x', 503, retryAfterMs);
    const listed: ListedTrade[] = [];
    for (let id = gap.from; id <= gap.to + 3 && listed.length < page; id++) {
      if (unlisted.includes(id)) continue;
      listed.push({ id, eventTime: micros(id * 1_000), push: () => this.#push(id) });
    }
    return listed;
  }

  /** Waits for a promise while the clock goes on, a second at a time. */
  async #pass(promise: Promise<void> | undefined): Promise<void> {
    let done = promise === undefined;
    const settled = promise?.finally(() => {
      done = true;
    });
    settled?.catch(() => undefined);
    for (let turns = 0; !done; turns++) {
      assert.ok(turns < 100_000, 'it is done while the clock goes on');
      await new Promise(setImmediate);
      if (!done) await this.clock.advance(1_000);
    }
    await promise;
  }
}

test('a refusal is an outside failure that may pass', () => {
  const refusal = new HttpRefusal('http://x', 503, 0);
  assert.ok(refusal instanceof Failure && refusal.kind.retryable);
});
