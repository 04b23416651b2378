// Writes client/wire-types.ts: the objects of the API as plain TypeScript, made from the schemas
// with which the server checks and documents them, so that the client library follows them and yet
// stands alone. A test holds the file against the schemas.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { articleSchema } from '../src/contracts/article.ts';
import {
  candleSchema,
  markSchema,
  quoteSchema,
  signalSchema,
  tradeSchema,
} from '../src/contracts/wire-objects.ts';
import { healthSchema, partSchema } from '../src/gateway/health.ts';
import { summarySchema } from '../src/gateway/market-summary.ts';
import { statisticsSchema } from '../src/gateway/statistics.ts';

/** What JSON Schema says of the objects that are sent. */
interface Schema {
  readonly $id?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const schemas: readonly Schema[] = [
  tradeSchema,
  quoteSchema,
  candleSchema,
  markSchema,
  signalSchema,
  articleSchema,
  summarySchema,
  statisticsSchema,
  partSchema,
  healthSchema,
];

const columnsMax = 100;
const basic: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null',
};

/** The whole file. */
export function clientTypes(): string {
  const head = [
    '// The objects of the API, made by scripts/client-types.ts from the schemas of the server.',
    '// After a change of those run `./tapeline node scripts/client-types.ts`.',
  ].join('\n');
  return `${[head, ...schemas.map(declaration)].join('\n\n')}\n`;
}

function declaration(schema: Schema): string {
  const lines = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const mark = schema.required?.includes(name) ? '' : '?';
    return [...comment(property, '  '), ...field(`  readonly ${name}${mark}:`, property)];
  });
  return [
    ...comment(schema, ''),
    `export interface ${schema.$id ?? schema.title} {`,
    ...lines,
    '}',
  ].join('\n');
}

function field(head: string, schema: Schema): string[] {
  const line = `${head} ${typeOf(schema)};`;
  if (line.length <= columnsMax) return [line];
  const members = typeOf(schema).split(' | ');
  return [head, ...members.map((one, index) => `    | ${one}${members[index + 1] ? '' : ';'}`)];
}

function typeOf(schema: Schema): string {
  const { title, enum: values, anyOf, items, type = '', patternProperties } = schema;
  if (title !== undefined) return title;
  if (values) return values.map((value) => `'${String(value)}'`).join(' | ');
  if (anyOf) return anyOf.map(typeOf).join(' | ');
  if (items) return `readonly ${typeOf(items)}[]`;
  const [value] = Object.values(patternProperties ?? {});
  if (value) return `Readonly<Record<string, ${typeOf(value)}>>`;
  if (basic[type]) return basic[type];
  throw new Error(`No TypeScript is known for ${JSON.stringify(schema)}.`);
}

function comment({ description }: Schema, indent: string): string[] {
  if (description === undefined) return [];
  const whole = `${indent}/** ${description} */`;
  if (whole.length <= columnsMax) return [whole];
  const lines = [`${indent} *`];
  for (const word of description.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length > columnsMax) lines.push(`${indent} * ${word}`);
    else lines[lines.length - 1] = longer;
  }
  return [`${indent}/**`, ...lines, `${indent} */`];
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, '..', 'client', 'wire-types.ts'), clientTypes());
}
