// Structured logs: one JSON object a line. A service writes them to standard output; a command that
// prints data writes them to standard error, so that a pipe gets only data.

import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';

export function openLogger(level: Config['logLevel'], to: 'stdout' | 'stderr'): Logger {
  const options = {
    level,
    base: { service: 'tapeline' },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return pino(options, pino.destination({ dest: to === 'stdout' ? 1 : 2, sync: true }));
}
