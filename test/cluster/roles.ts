// What tests of the roles as processes share: processes that are started again when they are
// killed, trades to feed them, and the rows by which two runs are compared.

import type { TestContext } from 'node:test';
import type { Client } from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import { type Prng, prng } from '../../src/base/prng.ts';
import { decodeJson } from '../../src/contracts/frame.ts';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { openKafkaLog } from '../../src/log/log-kafka.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { type Finished, start } from '../app/command.ts';
import { linesOf } from '../store/cluster.ts';

export const partitions = 3;

type Environment = Readonly<Record<string, string>>;

export interface Place {
  readonly database: DatabaseAddress;
  readonly bootstrap: string;
  readonly prefix: string;
}

export function environmentOf({ database, bootstrap, prefix }: Place): Environment {
  return {
    DATABASE_URL: addressOf(database),
    KAFKA_BOOTSTRAP_SERVERS: bootstrap,
    KAFKA_PARTITIONS: String(partitions),
    KAFKA_PREFIX: prefix,
  };
}

export function addressOf({ user, host, port, database }: DatabaseAddress): string {
  return `postgres://${user}@${encodeURIComponent(host)}:${port}/${database}`;
}

/** A process that is started again whenever it is killed. */
export class Kept {
  readonly name: string;
  /** How it ended when nobody had killed it. */
  readonly finished: Promise<Finished>;
  readonly #start: () => ReturnType<typeof start>;
  #running: ReturnType<typeof start>;
  #isKilled = false;
  #isEnded = false;

  constructor(name: string, folder: string, args: readonly string[], env: Environment) {
    this.name = name;
    this.#start = () => start(folder, args, { ...env, INSTANCE_ID: name });
    this.#running = this.#start();
    this.finished = this.#keep();
  }

  async #keep(): Promise<Finished> {
    for (;;) {
      const last = await this.#running.finished;
      if (!this.#isKilled || this.#isEnded) return last;
      this.#isKilled = false;
      this.#running = this.#start();
    }
  }

  get isOver(): boolean {
    const { exitCode, signalCode } = this.#running.child;
    return exitCode !== null || signalCode !== null;
  }

  /** What it has said since it was last started. */
  get said(): string {
    const { stdout, stderr } = this.#running.output;
    return stdout + stderr;
  }

  /** kill -9; false when there was nothing to kill. */
  kill(): boolean {
    if (this.isOver) return false;
    this.#isKilled = true;
    this.#signal('SIGKILL');
    return true;
  }

  /** Ends it, and starts it again once it has ended. */
  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.isOver) return;
    const { finished } = this.#running;
    this.#isKilled = true;
    this.#signal(signal);
    await finished;
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#isEnded = true;
    if (!this.isOver) this.#signal(signal);
    await this.finished;
  }

  #signal(signal: NodeJS.Signals): void {
    process.kill(-(this.#running.child.pid as number), signal);
  }
}

/** Ends with the test. */
export function keep(
  t: TestContext,
  folder: string,
  env: Environment,
  args: readonly string[],
  name: string,
): Kept {
  const kept = new Kept(name, folder, args, env);
  t.after(async () => await kept.end('SIGKILL'));
  return kept;
}

const symbols = ['AAA', 'BBB', 'CCC', 'DDD', 'EEE', 'FFF', 'GGG'];
const meanMs = 140;

/** Trades of several symbols, in quiet and wild times, as one CSV file after the other. */
export class TestTape {
  readonly #random: Prng;
  readonly #prices: number[];
  #time = Date.UTC(2024, 4, 6, 14);

  constructor(seed: number) {
    this.#random = prng(seed);
    this.#prices = symbols.map(() => 5_000 + this.#random.integer(5_000));
  }

  /** `speed` times as fast as it was recorded, it takes `seconds`. */
  next(seconds: number, speed: number): string {
    const trades = Math.round((seconds * speed * 1_000) / meanMs);
    const lines = [
      'symbol,time,price,size',
      ...Array.from({ length: trades }, () => this.#trade()),
    ];
    return `${lines.join('\n')}\n`;
  }

  #trade(): string {
    const random = this.#random;
    this.#time += random.integer(2 * meanMs);
    const at = random.integer(symbols.length);
    const isWild = random.integer(2_000) === 0;
    const price = Math.max(100, this.#prices[at]! + random.integer(7) - 3 + (isWild ? 700 : 0));
    this.#prices[at] = price;
    const size = 1 + random.integer(100) + (isWild ? 5_000 : 0);
    const time = new Date(this.#time).toISOString();
    return `${symbols[at]},${time},${(price / 100).toFixed(2)},${size}`;
  }
}

/** What must be the same: all but how candles came to be, and where in a log records stand. */
const queries = {
  trades: `select symbol, source, sequence, time, price, size, id, verdict from trades
    order by symbol, sequence`,
  candles: `select symbol, price, interval, start, open, high, low, close, volume, notional,
      trades, priced
    from candles order by symbol, price, interval, start`,
  signals: `select id, kind, symbol, time, start, severity, state, text, "values" from signals
    order by id`,
};

/** How many trades, candles and signals are stored, between bars. */
export async function counts(client: Client): Promise<string> {
  const of = Object.values(queries).map((query) => `(select count(*) from (${query}) rows)`);
  return (await linesOf(client, `select ${of.join(', ')}`)).join();
}

export async function rowsOf(client: Client) {
  const rows: Record<string, string[]> = {};
  for (const [name, query] of Object.entries(queries)) rows[name] = await linesOf(client, query);
  return rows;
}

/** Those symbols whose sequences have a gap or a repeat, as they are stored. */
export async function brokenSequences(client: Client): Promise<string[]> {
  return await linesOf(
    client,
    `select symbol, count(*), min(sequence), max(sequence) from trades group by 1
     having min(sequence) <> 0 or max(sequence) <> count(*) - 1
       or count(distinct sequence) <> count(*)`,
  );
}

/** All versions of signals in the log, as `id revision`. */
export async function signalsIn({ bootstrap, prefix }: Place): Promise<string[]> {
  const found: string[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const log = await openKafkaLog({
      bootstrapServers: [bootstrap],
      clientId: 'test',
      prefix,
      partition,
      role: null,
      writes: [],
      follows: ['market.signals'],
      clock: systemClock,
      logger: { warn: () => undefined },
    });
    for (let next = 0; next < log.range('market.signals').end; ) {
      const read = await log.read('market.signals', next, 2 ** 20);
      const signals = read.batches.flatMap(({ bytes }) => decodeJson<Signal>(bytes));
      found.push(...signals.map(({ id, revision }) => `${id} ${revision}`));
      next = read.next;
    }
    await log.close();
  }
  return found;
}
