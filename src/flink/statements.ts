// The jobs as SQL text, one file each, with the names of a deployment put in, and `${plain(x)}` for
// a decimal as text. A file is a list of statements, each ended by a semicolon at the end of its
// line.

import { readFileSync } from 'node:fs';
import { Failure } from '../base/failure.ts';

/** What the text of a job leaves open. */
export interface Names {
  /** `bootstrap.servers` as Flink reaches Kafka. */
  readonly bootstrap: string;
  /** Consumer group and prefix of transactions: a job's own. */
  readonly group: string;
  readonly trades: string;
  readonly candles: string;
  readonly signals: string;
}

/** The statements of a file beside this one, in order, without their semicolons. */
export function statementsOf(file: string, names: Names): readonly string[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const filled = text
    .replaceAll(/\$\{plain\((.*?)\)\}/g, (_, amount: string) => plain(amount))
    .replaceAll(/\$\{(\w+)\}/g, (_, name: keyof Names) => checked(name, names));
  return filled
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/** A decimal that has a point as text without zeros at its end: SQL has no function for that. */
function plain(amount: string): string {
  return `TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(${amount} AS STRING)))`;
}

/** A name stands in quotes in the text, which it must not end. */
function checked(name: keyof Names, names: Names): string {
  const value = names[name];
  if (/^[\w.:,[\]-]+$/.test(value)) return value;
  throw new Failure(
    'bad-configuration',
    `'${value}' cannot be the ${name} of a Flink job.`,
    'Use letters, digits, dots, colons, commas, hyphens and underscores.',
  );
}
