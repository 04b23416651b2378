// Rows as Avro: the schema of today is the one that is kept, all that were ever kept can read each
// other, and what is encoded says the same as the JSON.

import { strict as assert } from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import avsc from 'avsc';
import fc from 'fast-check';
import { tradeRowSchema } from '../../src/contracts/trade-row.ts';
import { avroRecordsOf, avroSchemaOf } from '../../src/log/avro.ts';
import { jsonOf, keptSchemas } from '../avro-rows.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const contracts = { trade: tradeRowSchema };

suite('Avro schemas', () => {
  for (const [name, contract] of Object.entries(contracts)) {
    test(`of a ${name} are kept, the newest as the contract has it`, () => {
      const newest = keptSchemas(name).at(-1);
      const cure = `Keep it as the next ${name}-N.avsc, and add to a row only what may be null.`;
      assert.deepEqual(newest, avroSchemaOf(contract), cure);
    });

    test(`of a ${name} read what all others have written`, () => {
      const versions = keptSchemas(name).map((schema) => avsc.Type.forSchema(schema));
      for (const reader of versions) {
        for (const writer of versions) reader.createResolver(writer);
      }
    });
  }

  test('of every kept file belong to a contract', () => {
    const folder = join(import.meta.dirname, '../../src/contracts/avro');
    const names = readdirSync(folder).map((file) => file.replace(/-\d+\.avsc$/, ''));
    assert.deepEqual(new Set(names), new Set(Object.keys(contracts)));
  });
});

suite('rows as Avro', () => {
  /** The largest that the encoder takes. */
  const wholeMax = Number.MAX_SAFE_INTEGER - 1;
  const decimal = (whole: bigint, digits: number) =>
    fc
      .tuple(fc.bigInt({ min: -whole, max: whole }), fc.stringMatching(/^\d*$/))
      .map(([amount, fraction]) => {
        const behind = fraction.slice(0, digits).replace(/0+$/, '');
        return behind === '' ? String(amount) : `${amount}.${behind}`;
      });

  test(`say what they say as JSON (seed ${seed})`, () => {
    const type = avsc.Type.forSchema(avroSchemaOf(tradeRowSchema) as avsc.Schema);
    const toRecord = avroRecordsOf(tradeRowSchema);
    const rows = fc.record(
      {
        symbol: fc.string({ unit: 'binary' }),
        time: fc.constantFrom('2013-10-07T13:30:00.000001Z', '1969-12-31T23:59:59Z'),
        price: decimal(10n ** 16n - 1n, 12),
        size: decimal(10n ** 16n - 1n, 12),
        notional: decimal(10n ** 18n - 1n, 20),
        side: fc.constantFrom('buy', ''),
        venue: fc.string(),
        conditions: fc.string(),
        source: fc.string(),
        verdict: fc.constant('late'),
        eventTime: fc.nat(wholeMax),
        order: fc.nat(wholeMax),
        moves: fc.constantFrom('YYY', 'NNY'),
        dayMoves: fc.constant('NYY'),
        dayStart: fc.integer({ min: -1e15, max: 1e15 }),
        session: fc.option(fc.nat(wholeMax)),
        sizeDigits: fc.nat(12),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(rows, (row) => {
        const read = type.fromBuffer(type.toBuffer(toRecord(row)));
        assert.deepEqual(jsonOf(read, tradeRowSchema), row);
      }),
      { seed },
    );
  });
});
