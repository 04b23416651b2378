// What the pieces of one start share.

import type { Clock } from '../../base/clock.ts';
import type { Launch } from './launch.ts';

/** The part of a pino logger that is used here. */
export interface PostgresLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Run {
  readonly folder: string;
  readonly cluster: string;
  readonly launch: Launch;
  readonly logger: PostgresLogger;
  readonly clock: Clock;
}

export const pollMs = 5;
export const earlierRunMsMax = 30_000;
