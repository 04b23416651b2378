// The log on one machine: LMDB in the data folder, in this process, nothing else to install.
// See log.ts for what it promises, and embedded/ for how: the writer groups commits into one fsync,
// readers in any thread see what is durable, and recovery makes a damaged file sound before LMDB
// opens it. The folder belongs to one process (src/app/data-folder.ts) and has one writer in it.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { dataFile, type Environment, openEnvironment, transact } from './embedded/environment.ts';
import { type Facts, identityFacts, newFacts, readFacts } from './embedded/facts.ts';
import { openingFailure } from './embedded/failures.ts';
import { type LogLogger, Quarantine } from './embedded/quarantine.ts';
import { LogReader } from './embedded/reader.ts';
import { readSealed, seal } from './embedded/record.ts';
import { makeSound, markClosed, syncFolder } from './embedded/recovery.ts';
import { Signal, signalBytes } from './embedded/signal.ts';
import { LogWriter } from './embedded/writer.ts';
import {
  type Log,
  type LogStats,
  type ReadResult,
  type Retention,
  type Topic,
  type Transaction,
  topics,
} from './log.ts';
import { Tail } from './tail.ts';

export type { LogLogger } from './embedded/quarantine.ts';

export interface EmbeddedLogOptions {
  /** Made with mode 0700 when absent. */
  readonly folder: string;
  readonly logger: LogLogger;
  readonly clock: Clock;
  /** `signalBytes` of memory that all threads with this log open share; made when left out. */
  readonly signal?: SharedArrayBuffer;
  /**
   * For reading only. With the signal of a log that is open for writing in another thread it reads
   * beside it, and is closed before that log is opened again. Without a signal it opens the folder
   * as the only one to do so, mending it when needed. A thread with a log open ends by itself:
   * `Worker.terminate` during a call of lmdb-js ends the whole process.
   */
  readonly readOnly?: boolean;
}

export interface EmbeddedLog extends Log {
  /** For the readers in other threads. */
  readonly signal: SharedArrayBuffer;
}

/**
 * Rejects with Failure `data-folder-version`, `data-folder-unusable`, `disk-full` or
 * `log-unavailable`; never because of damage, which is in `warnings` and in the logger.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const { folder, readOnly = false } = options;
  const isBesideWriter = readOnly && options.signal !== undefined;
  const signal = new Signal(options.signal ?? new SharedArrayBuffer(signalBytes));
  try {
    return isBesideWriter ? openReader(options, signal) : await openFirst(options, signal);
  } catch (error) {
    const isOurs = error instanceof Failure || error instanceof assert.AssertionError;
    throw isOurs ? error : openingFailure(folder, error);
  }
}

function openReader({ folder, logger }: EmbeddedLogOptions, signal: Signal): EmbeddedLog {
  assert(signal.generation > 0, 'a reader opens the log after its writer has');
  const environment = openEnvironment(folder, true);
  const quarantine = new Quarantine(folder, signal, logger);
  const facts = readStoredFacts(environment);
  assert(facts, 'an open log has facts');
  return new OpenLog({ folder, environment, signal, quarantine, epoch: facts.epoch, warnings: [] });
}

async function openFirst(options: EmbeddedLogOptions, signal: Signal): Promise<EmbeddedLog> {
  const { folder, logger, clock, readOnly = false } = options;
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  const warnings = await makeSound(folder, clock);
  const environment = openEnvironment(folder, false);
  const facts = readStoredFacts(environment) ?? (await begin(folder, environment));
  for (const warning of warnings) logger.warn({ folder, epoch: facts.epoch }, warning);
  const quarantine = new Quarantine(folder, signal, logger);
  signal.begin(quarantine.count());
  const { epoch, reaches } = facts;
  const tails = topics.map(() => new Tail());
  const writer = new LogWriter({ folder, environment, reaches, signal, quarantine, clock, tails });
  const parts = { folder, environment, signal, quarantine, epoch, warnings, tails };
  return new OpenLog({ ...parts, writer, isWritable: !readOnly });
}

function readStoredFacts(environment: Environment): Facts | null {
  const stored = new Map<string, Uint8Array>();
  for (const { key, value } of environment.facts.getRange()) {
    const fact = readSealed(key, value);
    if (fact) stored.set(key.toString(), fact);
  }
  return readFacts(stored);
}

async function begin(folder: string, environment: Environment): Promise<Facts> {
  const facts = newFacts();
  await transact(environment, () =>
    identityFacts(facts).map(([key, value]) => environment.facts.put(key, seal(key, value))),
  );
  await syncFolder(folder);
  return facts;
}

interface Parts {
  readonly folder: string;
  readonly environment: Environment;
  readonly signal: Signal;
  readonly quarantine: Quarantine;
  readonly epoch: string;
  readonly warnings: readonly string[];
  /** Absent beside a writer in another thread. */
  readonly writer?: LogWriter;
  /** By slot. */
  readonly tails?: readonly Tail[];
  readonly isWritable?: boolean;
}

class OpenLog implements EmbeddedLog {
  readonly epoch: string;
  readonly partition = 0;
  readonly warnings: readonly string[];
  readonly #parts: Parts;
  readonly #reader: LogReader;
  #closing: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.epoch = parts.epoch;
    this.warnings = parts.warnings;
    this.#parts = parts;
    const { environment, signal, quarantine, tails } = parts;
    this.#reader = new LogReader(environment, signal, quarantine, tails);
  }

  get signal(): SharedArrayBuffer {
    return this.#parts.signal.memory;
  }

  async commit(transaction: Transaction): Promise<readonly number[]> {
    return await this.#writer.commit(transaction);
  }

  async read(topic: Topic, offset: number, bytesMax: number): Promise<ReadResult> {
    return this.#reader.read(topic, offset, bytesMax);
  }

  range(topic: Topic): { readonly start: number; readonly end: number } {
    return this.#reader.range(topic);
  }

  async grown(generation: number, signal?: AbortSignal): Promise<number> {
    return await this.#reader.grown(generation, signal);
  }

  async state(key: string): Promise<Uint8Array | null> {
    return this.#reader.state(key);
  }

  async *states(prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
    yield* this.#reader.states(prefix);
  }

  async stateKeys(from: string, to: string, max: number): Promise<readonly string[]> {
    return this.#reader.stateKeys(from, to, max);
  }

  async trim(retention: Retention): Promise<number> {
    return await this.#writer.trim(retention);
  }

  stats(): LogStats {
    const { folder, signal, writer } = this.#parts;
    return {
      commits: writer?.commits ?? 0,
      commitMs: writer?.takeCommitMs() ?? [],
      bytesOnDisk: statSync(join(folder, dataFile)).size,
      damagedBatches: signal.damagedBatches,
      trouble: null,
    };
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const { folder, environment, signal, writer } = this.#parts;
    this.#reader.close();
    await writer?.close();
    await environment.root.close();
    if (writer) await markClosed(folder, signal.isSuspect);
  }

  get #writer(): LogWriter {
    const { writer, isWritable } = this.#parts;
    assert(writer && isWritable, 'this log was opened for reading');
    return writer;
  }
}
