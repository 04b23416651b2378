// Finds trades that an exchange made and did not send us, and fetches them. It rests on ids that
// count 1, 2, 3, … per instrument: a jump is a gap, whether a message was dropped or the line was
// down. The stream waits a while for the fetch, so that trades reach ingest in order and candles
// are right the first time; if it takes longer, live trades go on and the missing ones come late,
// however long ago they were made.
//
// Invariant: each id between the first and the newest one seen is pushed, or stands in a dead
// letter with reason `gap`.

import { Backoff, type BackoffOptions } from '../base/backoff.ts';
import type { Clock, Micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Prng } from '../base/prng.ts';
import { deadLetter } from '../contracts/dead-letter.ts';
import { late } from '../contracts/verdict.ts';
import type { Gap, Intake, Observations } from './feed.ts';
import { HttpRefusal } from './http-get.ts';
import type { FeedLogger } from './websocket-session.ts';

/** A trade that the exchange's record lists; `push` appends it, or a dead letter in its place. */
export interface ListedTrade {
  readonly id: number;
  readonly eventTime: Micros | null;
  push(into: Observations): void;
}

/**
 * Fetches the oldest part of a gap that fits in one answer, in order of id; it may hold others too.
 * Throws a Failure when the exchange gives no answer now.
 */
export type FetchTrades = (gap: Gap, signal: AbortSignal) => Promise<readonly ListedTrade[]>;

export interface GapLimits {
  readonly backoff: BackoffOptions;
  /** How long the stream waits for missing trades. */
  readonly holdMsMax: number;
  /** Tries without progress before ids are given up: without an answer, and with one. */
  readonly unansweredMax: number;
  readonly unlistedMax: number;
  /** A larger jump is not believed; if the numbering goes on there, it is too much to fetch. */
  readonly tradesMax: number;
  /** Gaps that may wait at a time. */
  readonly gapsMax: number;
  readonly retryAfterMsMax: number;
}

export const gapLimits: GapLimits = {
  backoff: { msMin: 1_000, msMax: 30_000 },
  holdMsMax: 10_000,
  unansweredMax: 10,
  unlistedMax: 3,
  tradesMax: 1_000_000,
  gapsMax: 1_000,
  retryAfterMsMax: 600_000,
};

export interface TradeGapsOptions {
  readonly intake: Intake;
  readonly fetchTrades: FetchTrades;
  readonly clock: Clock;
  readonly random: Prng;
  /** Ends all fetching; what is then still missing becomes dead letters. */
  readonly signal: AbortSignal;
  readonly limits?: Partial<GapLimits> | undefined;
  readonly logger?: FeedLogger | undefined;
}

/** What is known of one instrument's numbering. */
interface Line {
  newest: number;
  newestTime: Micros | null;
  /** A newest id that was too far away to be believed. */
  doubtful: number;
  /** Gaps being fetched. */
  gaps: number;
}

export class TradeGaps {
  readonly #options: TradeGapsOptions;
  readonly #limits: GapLimits;
  readonly #lines = new Map<string, Line>();
  #fetching: Promise<void> = Promise.resolve();
  #gaps = 0;
  #behind = false;
  #lost = 0;

  constructor(options: TradeGapsOptions) {
    this.#options = options;
    this.#limits = { ...gapLimits, ...options.limits };
  }

  /** For a person; empty while nothing was lost. */
  get trouble(): string {
    return this.#lost > 0 ? `${this.#lost} trades could not be had` : '';
  }

  /** True while nothing that is known to exist is missing. */
  isWhole(symbol: string): boolean {
    return (this.#lines.get(symbol)?.gaps ?? 0) === 0;
  }

  /** The newest id seen; null before the first. */
  newest(symbol: string): number | null {
    return this.#lines.get(symbol)?.newest ?? null;
  }

  /** The numbering is known up to here from elsewhere: what follows may have a gap before it. */
  begin(symbol: string, id: number, eventTime: Micros | null): void {
    this.#lines.set(symbol, { newest: id, newestTime: eventTime, doubtful: -1, gaps: 0 });
  }

  /**
   * To be called before trade `id` is pushed. Resolves when what lies before it was fetched, or
   * when that takes too long; undefined when nothing is missing, which is nearly always.
   */
  before(symbol: string, id: number): Promise<void> | undefined {
    const line = this.#lines.get(symbol);
    if (!line || id <= line.newest + 1) return undefined;
    const tooFar = id - line.newest > this.#limits.tradesMax;
    if (tooFar && id !== line.doubtful + 1) {
      line.doubtful = id;
      return undefined;
    }
    const gap: Gap = { symbol, from: line.newest + 1, to: id - 1, after: line.newestTime };
    line.newest = gap.to;
    if (tooFar) {
      this.#bury(gap, 'too many to fetch');
      return undefined;
    }
    return this.#hold(this.#open(gap, line));
  }

  /** To be called once trade `id` is pushed. */
  pushed(symbol: string, id: number, eventTime: Micros): void {
    const line = this.#lines.get(symbol);
    if (!line) {
      this.begin(symbol, id, eventTime);
      return;
    }
    // Far below what was taken for the newest: that was wrong, or the exchange numbers anew.
    const restarts = line.newest - id > this.#limits.tradesMax;
    if ((id <= line.newest && !restarts) || id === line.doubtful) return;
    line.newest = id;
    line.newestTime = eventTime;
  }

  /** Resolves when nothing is being fetched any more. */
  async settled(): Promise<void> {
    while (this.#gaps > 0) await this.#fetching;
  }

  async #hold(fetched: Promise<void>): Promise<void> {
    // Already late: live trades do not wait a second time.
    if (this.#behind) return;
    const done = new AbortController();
    const wait = this.#options.clock.wait(this.#limits.holdMsMax, done.signal);
    await Promise.race([fetched, wait]);
    this.#behind = this.#gaps > 0;
    done.abort();
  }

  /** Fetches one gap after the other, to be light on the exchange. */
  #open(gap: Gap, line: Line): Promise<void> {
    if (this.#gaps >= this.#limits.gapsMax) {
      this.#bury(gap, 'too many gaps are waiting');
      return Promise.resolve();
    }
    this.#gaps++;
    line.gaps++;
    this.#fetching = this.#fetching.then(async () => {
      await this.#fill(gap);
      line.gaps--;
      this.#gaps--;
      if (this.#gaps === 0) this.#behind = false;
    });
    return this.#fetching;
  }

  async #fill(gap: Gap): Promise<void> {
    const { intake, clock, random, signal } = this.#options;
    const backoff = new Backoff(this.#limits.backoff, random);
    let missing: readonly Gap[] = [gap];
    for (let tries = 1; ; tries++) {
      const before = size(missing);
      const { left, why, answered, waitMs } = await this.#fetch(missing);
      missing = left;
      intake.offer();
      if (missing.length === 0) return;
      if (size(missing) < before) tries = 0;
      const triesMax = answered ? this.#limits.unlistedMax : this.#limits.unansweredMax;
      if (signal.aborted || tries >= triesMax) {
        for (const part of missing) this.#bury(part, why);
        return;
      }
      await clock.wait(Math.max(backoff.next(), waitMs), signal);
    }
  }

  /** One try at what is missing: what is left of it, and why. */
  async #fetch(missing: readonly Gap[]): Promise<Try> {
    const left: Gap[] = [];
    for (const [index, gap] of missing.entries()) {
      let rest: Gap | null = gap;
      while (rest) {
        let listed: readonly ListedTrade[];
        try {
          listed = await this.#options.fetchTrades(rest, this.#options.signal);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          left.push(rest, ...missing.slice(index + 1));
          const asked = error instanceof HttpRefusal ? error.retryAfterMs : 0;
          const waitMs = Math.min(asked, this.#limits.retryAfterMsMax);
          return { left, why: error.message, answered: false, waitMs };
        }
        rest = await this.#take(rest, listed, left);
      }
    }
    return { left, why: 'the exchange does not list them', answered: true, waitMs: 0 };
  }

  /** Pushes what an answer brought; notes what it passed over; returns what lies beyond it. */
  async #take(gap: Gap, listed: readonly ListedTrade[], left: Gap[]): Promise<Gap | null> {
    const { intake } = this.#options;
    let { from: next, after } = gap;
    for (const trade of listed) {
      if (trade.id < next) continue;
      const end = Math.min(trade.id - 1, gap.to);
      if (end >= next) left.push({ ...gap, from: next, to: end });
      next = trade.id + 1;
      if (trade.id > gap.to) return null;
      after = trade.eventTime ?? after;
      const { trades } = intake.open;
      const first = trades.count;
      trade.push(intake.open);
      trades.verdict.fill(late, first, trades.count);
      if (trades.count === first) {
        // It was refused, into the dead letters, and would be again.
        intake.open.givenUp.push({ ...gap, from: trade.id, to: trade.id, after });
      }
      if (intake.free <= 0) await intake.room();
    }
    if (next > gap.to) return null;
    const rest = { ...gap, from: next, after };
    if (next > gap.from) return rest;
    // An answer without anything of use: there is no more to be had now.
    left.push(rest);
    return null;
  }

  #bury(gap: Gap, why: string): void {
    const { intake, clock, logger } = this.#options;
    const { symbol, from, to } = gap;
    const count = to - from + 1;
    this.#lost += count;
    const detail = `${count} trades of ${symbol} are missing, ids ${from} to ${to}: ${why}`;
    const receiveTime = clock.now();
    const fields = { source: intake.source, receiveTime, where: symbol, reason: 'gap', detail };
    intake.open.deadLetters.push(deadLetter(fields, JSON.stringify(gap)));
    // When it is stopped, the next run looks for them again.
    if (!this.#options.signal.aborted) intake.open.givenUp.push(gap);
    logger?.warn({ feed: intake.source, symbol, from, to }, detail);
  }
}

interface Try {
  readonly left: readonly Gap[];
  readonly why: string;
  readonly answered: boolean;
  /** How long the exchange asked to be left alone. */
  readonly waitMs: number;
}

function size(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}
