// `tapeline rebuild`: candles and signals computed anew from stored trades, compared with what is
// stored, and put in its place with --replace. Comparing works beside a running instance.

import type { Micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { type RebuildReport, rebuild } from '../../pipeline/rebuild.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import { table } from '../table.ts';
import { borrowDatabase, openRework, ownDatabase, unstoredRecords } from '../wire.ts';

export interface RebuildStoredOptions {
  readonly from?: Micros;
  readonly to?: Micros;
  /** Separated by commas. */
  readonly symbols?: string;
  readonly replace?: boolean;
  readonly limit: number;
  readonly format: 'table' | 'json';
}

/** The exit code where something differs and was not replaced. */
const differentCode = 2;

export async function rebuildStored(config: Config, options: RebuildStoredOptions): Promise<void> {
  const { from, to, symbols, replace = false, limit, format } = options;
  const logger = openLogger(config.logLevel, 'stderr');
  await using ends = new AsyncDisposableStack();
  const open = replace ? ownDatabase : borrowDatabase;
  const database = await open(config, 'rebuild', logger);
  ends.defer(() => database.stop());
  if (replace) requireAllStored(await unstoredRecords(config, logger, database.connection));
  const store = await openRework(database.connection);
  ends.defer(() => store.close());
  const report = await rebuild(store, {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    symbols: symbols?.split(',') ?? null,
    replace,
    differencesMax: limit,
  });
  const text =
    format === 'json' ? JSON.stringify(report, null, 2) : Array.from(describe(report)).join('\n');
  process.stdout.write(`${text}\n`);
  const different = report.candles.different + report.signals.different;
  if (different > report.replaced) process.exitCode = differentCode;
}

/** What is stored later would otherwise undo what was replaced. */
function requireAllStored(unstored: number): void {
  if (unstored === 0) return;
  const what = `the log holds ${unstored} records that are not in the database yet`;
  const cure = 'Run tapeline start and stop it with Ctrl+C, which stores them; then rebuild.';
  throw new Failure('not-ready', what, cure);
}

function* describe({ candles, signals, replaced, differences }: RebuildReport): Generator<string> {
  const count = (value: number): string => value.toLocaleString('en').padStart(12);
  yield `candles${count(candles.compared)} compared`;
  yield `       ${count(candles.different)} different`;
  yield `       ${count(candles.open)} left alone: open`;
  yield `       ${count(candles.withoutTrades)} left alone: not of stored trades alone`;
  yield `       ${count(candles.ofQuotes)} left alone: made of quotes`;
  yield `signals${count(signals.compared)} compared`;
  yield `       ${count(signals.different)} different`;
  if (replaced > 0) yield `       ${count(replaced)} candles and signals replaced`;
  if (differences.length === 0) return;
  yield '';
  yield* table(
    ['', 'start', 'field', 'stored', 'recomputed'],
    differences.flatMap(({ symbol, what, start, fields }) =>
      fields.map(({ field, stored, recomputed }, index) => [
        index === 0 ? `${symbol} ${what}` : '',
        index === 0 ? start : '',
        field,
        stored ?? '-',
        recomputed ?? '-',
      ]),
    ),
  );
  const more = candles.different + signals.different - differences.length;
  if (more > 0) yield `and ${more.toLocaleString('en')} more; --limit tells of more`;
}
