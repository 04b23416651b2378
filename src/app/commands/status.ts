// `tapeline status`: what runs on the data folder and what it holds, without disturbing it.

import { formatTime } from '../../contracts/time.ts';
import type { Config } from '../config.ts';
import { instanceOf } from '../data-folder.ts';
import { openLogger } from '../logger.ts';
import { borrowDatabase, type OpenHistory, openHistory } from '../wire.ts';

export interface StatusOptions {
  readonly json?: boolean;
}

const lettersShown = 5;

export async function status(config: Config, options: StatusOptions): Promise<void> {
  const logger = openLogger(config.logLevel, 'stderr');
  const instance = await instanceOf(config.dataDir);
  await using ends = new AsyncDisposableStack();
  const database = await borrowDatabase(config, 'status', logger);
  ends.defer(() => database.stop());
  const history = await openHistory(database.connection);
  ends.defer(() => history.close());
  const holdings = await history.holdings();
  const deadLetters = await history.deadLetters(lettersShown);
  const report = { dataDir: config.dataDir, instance, ...holdings, deadLetters };
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : describe(report));
}

type Report = { readonly dataDir: string } & {
  readonly instance: Awaited<ReturnType<typeof instanceOf>>;
} & Awaited<ReturnType<OpenHistory['holdings']>> & {
    readonly deadLetters: Awaited<ReturnType<OpenHistory['deadLetters']>>;
  };

function describe({ dataDir, instance, symbols, deadLetterCount, deadLetters }: Report): string {
  const lines = [`data folder  ${dataDir}`];
  lines.push(
    instance
      ? `running      ${instance.command}, process ${instance.pid}, since ${instance.started}`
      : 'running      nothing',
  );
  lines.push(`symbols      ${symbols.length}`);
  for (const { symbol, trades, from, to } of symbols) {
    const span = from === null || to === null ? '' : `${formatTime(from)} to ${formatTime(to)}`;
    lines.push(
      `  ${symbol.padEnd(12)} ${trades.toLocaleString('en').padStart(13)} trades  ${span}`,
    );
  }
  lines.push(`dead letters ${deadLetterCount.toLocaleString('en')}`);
  for (const { where, reason, detail } of deadLetters) {
    lines.push(`  ${reason}: ${where}: ${detail}`);
  }
  return `${lines.join('\n')}\n`;
}
