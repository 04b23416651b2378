// Where damaged batches go: their raw bytes, one file each, so that somebody can look at them when
// retention has long taken the rest. Each is kept and counted once, however often it is met.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/failure.ts';
import { recordsName } from './environment.ts';
import type { Signal } from './signal.ts';

/** The part of a pino logger that is used here. */
export interface LogLogger {
  warn(fields: object, message: string): void;
}

export class Quarantine {
  readonly #folder: string;
  readonly #signal: Signal;
  readonly #logger: LogLogger;

  constructor(folder: string, signal: Signal, logger: LogLogger) {
    this.#folder = join(folder, 'quarantine');
    this.#signal = signal;
    this.#logger = logger;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Batches kept so far, in earlier runs too. */
  count(): number {
    return readdirSync(this.#folder).length;
  }

  /** Keeps the batch that is stored under `end`, unless it is kept already. */
  keep(slot: number, end: number, value: Uint8Array): void {
    const name = `${recordsName(slot).replace('/', '-')}-to-${end}.bin`;
    const path = join(this.#folder, name);
    try {
      writeFileSync(path, value, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if (isExisting(error)) return;
      this.#logger.warn({ err: error }, `cannot keep a damaged batch: ${messageOf(error)}`);
    }
    this.#signal.addDamagedBatches(1);
    this.#logger.warn({ path, end }, `the batch of ${recordsName(slot)} before ${end} is damaged`);
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
