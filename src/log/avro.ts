// Rows as Avro, by the contract that also says what they are as JSON: a decimal is a decimal, a
// time a timestamp of microseconds, and what may be null has null for its default. Field by field
// the same, so that who knows one form knows the other.

import { strict as assert } from 'node:assert/strict';
import type { TObject, TSchema } from 'typebox';
import { parseTime } from '../contracts/time.ts';
import type { Row } from './rows.ts';

type AvroType = string | readonly AvroType[] | { readonly [attribute: string]: unknown };

/** How a kind of value is declared, and what the encoder takes for one. */
interface Kind {
  readonly type: AvroType;
  readonly toAvro: (value: unknown) => unknown;
}

/** What of a contract's JSON Schema says which kind it is. */
interface Declared {
  readonly type?: string;
  readonly format?: string;
  readonly decimal?: { readonly precision: number; readonly scale: number };
  readonly anyOf?: readonly TSchema[];
  readonly description?: string;
}

/** The schema of the rows of a contract. */
export function avroSchemaOf(contract: TObject): AvroType {
  const { $id: name, description: doc } = contract as { $id?: string; description?: string };
  return {
    type: 'record',
    name,
    namespace: 'tapeline',
    doc,
    fields: Object.entries(contract.properties).map(([field, schema]) => {
      const { type } = kindOf(schema);
      const { description } = schema as Declared;
      return {
        name: field,
        type,
        ...(Array.isArray(type) ? { default: null } : {}),
        ...(description === undefined ? {} : { doc: description }),
      };
    }),
  };
}

/** What makes of a row what an encoder of its schema takes. */
export function avroRecordsOf(contract: TObject) {
  const fields = Object.entries(contract.properties).map(
    ([name, schema]) => [name, kindOf(schema).toAvro] as const,
  );
  return (row: NonNullable<Row['value']>): Record<string, unknown> =>
    Object.fromEntries(fields.map(([name, toAvro]) => [name, toAvro(row[name])]));
}

const asItIs = (value: unknown): unknown => value;

function kindOf(schema: TSchema): Kind {
  const { type, format, decimal, anyOf } = schema as Declared;
  if (decimal) {
    return {
      type: { type: 'bytes', logicalType: 'decimal', ...decimal },
      toAvro: (text) => decimalBytes(text as string, decimal.scale),
    };
  }
  if (format === 'date-time') {
    return {
      type: { type: 'long', logicalType: 'timestamp-micros' },
      toAvro: (text) => parseTime(text as string),
    };
  }
  if (type === 'integer') return { type: 'long', toAvro: asItIs };
  if (type === 'string') return { type: 'string', toAvro: asItIs };
  const [told, nothing] = anyOf ?? [];
  assert(told && (nothing as Declared).type === 'null', 'rows have texts, integers, or null');
  const kind = kindOf(told);
  return {
    type: ['null', kind.type],
    toAvro: (value) => (value === null ? null : kind.toAvro(value)),
  };
}

/** The unscaled value of a decimal as Avro has it: two's complement, the highest byte first. */
function decimalBytes(text: string, scale: number): Buffer {
  const [whole = '', fraction = ''] = text.split('.');
  const unscaled = BigInt(whole + fraction.padEnd(scale, '0'));
  let bits = 8;
  while (BigInt.asIntN(bits, unscaled) !== unscaled) bits += 8;
  return Buffer.from(
    BigInt.asUintN(bits, unscaled)
      .toString(16)
      .padStart(bits / 4, '0'),
    'hex',
  );
}
