// The command line. It reads what was asked for, runs one command, and turns a Failure into two
// lines that say what happened and how to mend it.

import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { Micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { priceKinds } from '../contracts/candle.ts';
import { adjustments } from '../contracts/corporate-action.ts';
import { type Interval, intervals } from '../contracts/interval.ts';
import { isDate, parseSpanEnd, parseTime } from '../contracts/time.ts';
import { tapes } from '../contracts/trade.ts';
import { type JobName, jobNames } from '../flink/names.ts';
import { readConfig } from './config.ts';
import { type PartitionedRole, partitionedRoles } from './roles.ts';

const program = new Command('tapeline')
  .description('A ticker plant for everyone: feeds in, candles out, nothing lost.')
  .showHelpAfterError('(add --help for what it takes)')
  .configureHelp({ sortSubcommands: false });

program
  .command('start')
  .description('run everything: feeds, log, engine, database, API and page')
  .addHelpText('after', `\nSettings are environment variables; see docs/CONFIGURATION.md.`)
  .action(async () => {
    const { start } = await import('./commands/start.ts');
    await start(readConfig(process.env));
  });

program
  .command('run')
  .description('run one role in a process of its own; many processes meet in Kafka')
  .addArgument(new Argument('<role>').choices([...partitionedRoles, 'gateway']))
  .addHelpText('after', '\nWhat each role needs is in docs/CLUSTER.md.')
  .action(async (role: PartitionedRole | 'gateway') => {
    if (role === 'gateway') {
      const { runGateway } = await import('./commands/run-gateway.ts');
      return await runGateway(readConfig(process.env));
    }
    const { runRole } = await import('./commands/run.ts');
    await runRole(readConfig(process.env), role);
  });

program
  .command('replay')
  .description('take recorded market data through the same code that runs live')
  .argument('<files...>', 'LEAN ticks or bars, Kraken trades, raw frames, or CSV; found by content')
  .addOption(
    new Option('--speed <N>', 'times real time, such as 1 or 60; or max')
      .argParser(parseSpeed)
      .default(Number.POSITIVE_INFINITY, 'max'),
  )
  .option('--symbol <symbol>', 'where the file does not say', upperCase)
  .option('--date <YYYY-MM-DD>', 'where the path does not say')
  .option('--time-zone <zone>', 'IANA name or offset such as -05:00; default by source')
  .addOption(new Option('--interval <interval>', 'of bars, else by name').choices(intervals))
  .addOption(
    new Option('--tape <name>', 'whose conditions a CSV has, where no column tape says').choices(
      tapes.filter((tape) => tape !== ''),
    ),
  )
  .option(
    '--calendar <name>',
    'whose days a symbol has, where the file does not say: XNYS, XLON, XTKS, …; default 24/7',
    upperCase,
  )
  .option('--cluster', 'into the log over Kafka, which the processes of `tapeline run` share')
  .option('--quiet', 'no progress')
  .action(async (files: string[], options) => {
    const { replay } = await import('./commands/replay.ts');
    await replay(readConfig(process.env, 'warn'), files, options);
  });

const exporting = program
  .command('export')
  .description('write stored candles or trades to standard output');
for (const what of ['candles', 'trades'] as const) {
  const command = exporting
    .command(what)
    .description(`the stored ${what} of a span`)
    .option('--symbol <symbol>', 'all when not given', upperCase)
    .addOption(new Option('--format <format>').choices(['csv', 'json', 'parquet']).default('csv'))
    .option('--from <time>', 'ISO 8601, UTC unless it says otherwise; included', parseInstant)
    .option('--to <time>', 'not included; a date alone includes that whole day', parseEnd)
    .option('--output <file>', 'instead of standard output');
  if (what === 'candles') {
    command
      .addOption(new Option('--interval <interval>', 'all when not given').choices(intervals))
      .addOption(new Option('--price <kind>').choices(priceKinds).default('trade'))
      .addOption(
        new Option('--adjustment <kind>', 'for corporate actions; raw is as traded')
          .choices(adjustments)
          .default('raw'),
      )
      .option('--asof <date>', 'whose symbol it was then, and actions up to then', parseDate)
      .option('--empty', 'also the intervals without a candle, as no_trades or no_data');
  }
  command.action(async (options) => {
    const { exportRows } = await import('./commands/export.ts');
    await exportRows(readConfig(process.env, 'warn'), what, options);
  });
}

const explaining = program
  .command('explain')
  .description('why a stored candle or signal is what it is');
explaining
  .command('candle')
  .description('its trades, the rules of their tape, and the candle computed anew from them')
  .argument('<symbol>', '', upperCase)
  .addArgument(new Argument('<interval>').choices(intervals))
  .argument('<start>', 'ISO 8601, as export prints it; any time within the candle')
  .addOption(new Option('--price <kind>').choices(priceKinds).default('trade'))
  .option('--limit <n>', 'trades listed; all of them are counted', parseLimit, 50)
  .option('--cursor <cursor>', 'lists the trades that follow those of an earlier answer')
  .addOption(formatOption())
  .action(async (symbol: string, interval: Interval, start: string, options) => {
    const { explainACandle } = await import('./commands/explain.ts');
    const config = readConfig(process.env, 'warn');
    await explainACandle(config, { symbol, interval, start, ...options }, options.format);
  });
explaining
  .command('signal')
  .description('its definition, and the candles it rests on')
  .argument('<id>', 'as /api/v1/alerts tells it')
  .addOption(formatOption())
  .action(async (id: string, options) => {
    const { explainASignal } = await import('./commands/explain.ts');
    await explainASignal(readConfig(process.env, 'warn'), id, options.format);
  });

program
  .command('actions')
  .description('corporate actions: splits, cash dividends, renames')
  .command('import')
  .description('take corporate actions from files; again changes nothing (docs/ADJUSTMENTS.md)')
  .argument('<files...>', 'LEAN factor and map files, or CSV: symbol,date,kind,value')
  .option('--symbol <symbol>', 'where a LEAN file is not named after it')
  .option('--calendar <name>', 'whose days the dates are: XNYS, XLON, XTKS, XTSE, …', 'XNYS')
  .option('--quiet', 'no progress')
  .action(async (files: string[], options) => {
    const { importActionFiles } = await import('./commands/actions.ts');
    await importActionFiles(readConfig(process.env, 'warn'), files, options);
  });

program
  .command('rebuild')
  .description('compute candles and signals anew from stored trades, and compare or replace them')
  .addHelpText('after', '\nEnds with 2 when there are differences that were not replaced.')
  .option('--from <time>', 'ISO 8601; every candle that overlaps the span is rebuilt', parseInstant)
  .option('--to <time>', 'not included; a date alone includes that whole day', parseEnd)
  .option('--symbols <symbols>', 'separated by commas; all when not given', upperCase)
  .option('--replace', 'put what is computed in the place of what differs')
  .option('--limit <n>', 'differences told one by one', parseLimit, 20)
  .addOption(formatOption())
  .action(async (options) => {
    const { rebuildStored } = await import('./commands/rebuild.ts');
    await rebuildStored(readConfig(process.env, 'warn'), options);
  });

const flink = program.command('flink').description('the engine as jobs of Flink (docs/FLINK.md)');
const jobArgument = () => new Argument('[jobs...]', 'all when not given').choices(jobNames);
flink
  .command('submit')
  .description('start jobs that run on without us; prints their ids')
  .addArgument(jobArgument())
  .option('--from <path>', 'a savepoint or checkpoint to go on from')
  .option('--parallelism <n>', 'tasks of each operator', parseLimit, 1)
  .option('--checkpoint-seconds <n>', 'results are seen this often', parseLimit, 10)
  .option('--state-hours <n>', 'forget what nothing touched for so long', parseLimit)
  .addHelpText(
    'after',
    `\nTheir rows come from tapeline start, or of a cluster: tapeline run publish.`,
  )
  .action(async (jobs: JobName[], options) => {
    const { submitJobs } = await import('./commands/flink.ts');
    await submitJobs(readConfig(process.env, 'warn'), jobs.length > 0 ? jobs : jobNames, options);
  });
flink
  .command('status')
  .description('how the jobs are')
  .addOption(formatOption())
  .action(async (options) => {
    const { tellStatus } = await import('./commands/flink.ts');
    await tellStatus(readConfig(process.env, 'warn'), options.format);
  });
flink
  .command('stop')
  .description('stop jobs with a savepoint; prints it, for submit --from')
  .addArgument(jobArgument())
  .action(async (jobs: JobName[]) => {
    const { stopJobs } = await import('./commands/flink.ts');
    await stopJobs(readConfig(process.env, 'warn'), jobs.length > 0 ? jobs : jobNames);
  });

program
  .command('status')
  .description('what runs on the data folder, and what it holds')
  .option('--json', 'for programs')
  .action(async (options) => {
    const { status } = await import('./commands/status.ts');
    await status(readConfig(process.env, 'warn'), options);
  });

program
  .command('watch')
  .description('candles, trades, quotes or alerts as they come, from a Tapeline that runs')
  .argument('[symbols...]', 'all when not given')
  .addOption(new Option('--interval <interval>', 'of candles').choices(intervals).default('1m'))
  .addOption(new Option('--trades').conflicts(['quotes', 'alerts']))
  .addOption(new Option('--quotes').conflicts(['alerts', 'history']))
  .option('--alerts')
  .option('--history <n>', 'begins with so many of the past, of each symbol', parseLimit)
  .option('--url <url>', 'such as ws://host:8000; that of the data folder when not given')
  .addOption(
    new Option('--format <format>', 'table on a terminal, else json').choices(['table', 'json']),
  )
  .action(async (symbols: string[], options) => {
    const { watch } = await import('./commands/watch.ts');
    await watch(readConfig(process.env, 'warn'), symbols, options);
  });

program
  .command('bench')
  .description('measure this machine; without a name, lists what there is')
  .argument('[name]')
  .argument('[args...]')
  .allowUnknownOption()
  .action(async (name: string | undefined, args: string[]) => {
    const { bench } = await import('./commands/bench.ts');
    await bench(name, args);
  });

try {
  await program.parseAsync();
} catch (thrown) {
  const error = firstError(thrown);
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`tapeline: ${error.message}\n          ${error.cure}\n`);
  process.exitCode = 1;
}

/** What went wrong first, of all that did while what had begun was ended. */
function firstError(thrown: unknown): unknown {
  return thrown instanceof SuppressedError ? firstError(thrown.suppressed) : thrown;
}

function upperCase(symbol: string): string {
  return symbol.toUpperCase();
}

function parseSpeed(text: string): number {
  const speed = text === 'max' ? Number.POSITIVE_INFINITY : Number(text.replace(/x$/, ''));
  if (!(speed > 0)) throw new InvalidArgumentError('Give a number above 0, such as 60, or max.');
  return speed;
}

function formatOption(): Option {
  return new Option('--format <format>').choices(['table', 'json']).default('table');
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 100_000) return limit;
  throw new InvalidArgumentError('Give a whole number from 1 to 100000.');
}

function parseInstant(text: string): Micros {
  return instantOr(parseTime(text));
}

function parseEnd(text: string): Micros {
  return instantOr(parseSpanEnd(text));
}

function parseDate(text: string): string {
  if (isDate(text)) return text;
  throw new InvalidArgumentError('Give a date such as 2014-06-09.');
}

function instantOr(time: Micros | null): Micros {
  if (time !== null) return time;
  throw new InvalidArgumentError('Give a date or time such as 2013-10-07 or 2013-10-07T14:30Z.');
}
