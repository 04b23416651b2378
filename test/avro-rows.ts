// Rows of Avro as tests look at them: the schemas that were kept, and what was read as the JSON
// that it stands for. Written from the Avro specification, not from what encodes.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schema } from 'avsc';
import type { TObject } from 'typebox';
import { micros } from '../src/base/clock.ts';
import { formatBigDecimal } from '../src/contracts/decimal.ts';
import { formatTime } from '../src/contracts/time.ts';

const folder = join(import.meta.dirname, '../src/contracts/avro');

/** From the first version to the newest. */
export function keptSchemas(name: string): Schema[] {
  const versions = readdirSync(folder).filter((file) => file.startsWith(`${name}-`));
  return versions
    .map((file) => ({ file, version: Number(/-(\d+)\.avsc$/.exec(file)?.[1]) }))
    .sort((one, other) => one.version - other.version)
    .map(({ file }) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Schema);
}

/** What a reader that knows no logical types has read, as the row that was published. */
export function jsonOf(read: Readonly<Record<string, unknown>>, { properties }: TObject) {
  return Object.fromEntries(
    Object.entries(read).map(([name, value]) => {
      const { decimal, format } = properties[name] as {
        decimal?: { scale: number };
        format?: string;
      };
      if (decimal) return [name, formatBigDecimal(twosComplement(value as Buffer), decimal.scale)];
      if (format === 'date-time') return [name, formatTime(micros(value as number))];
      return [name, value];
    }),
  );
}

function twosComplement(bytes: Buffer): bigint {
  return bytes.reduce(
    (value, byte) => (value << 8n) | BigInt(byte),
    (bytes[0] ?? 0) > 127 ? -1n : 0n,
  );
}
