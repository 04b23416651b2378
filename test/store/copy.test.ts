// Every value through the binary COPY of a real PostgreSQL and back, and read as PostgreSQL prints
// it.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { formatBigDecimal } from '../../src/contracts/decimal.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { wideFromBigInt } from '../../src/contracts/wide.ts';
import { copyIn, copyOut } from '../../src/store/copy.ts';
import { CopyReader, CopyWriter, storable } from '../../src/store/copy-binary.ts';
import { connected, linesOf, testCluster } from './cluster.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const cluster = testCluster();

const safe = fc.maxSafeInteger();
/** Where decimal groups, signs and limbs change. */
const edges = [0, 1, -1, 9, 10, 9_999, 10_000, 10_001, 99_999_999, 2 ** 31, 2 ** 32, 2 ** 52];
const integer = fc.oneof(fc.constantFrom(...edges, 2 ** 53 - 1, 1 - 2 ** 53), safe);

suite('the binary COPY format', () => {
  test('a decimal is stored exactly, without zeros at its end, at every scale', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query('create temporary table decimals (position int, value numeric)');
    const values = fc.array(fc.tuple(integer, fc.integer({ min: 0, max: 12 })), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(values, async (decimals) => {
        await copyIn(
          client,
          'decimals',
          written(decimals, (writer, [value, scale]) => {
            writer.decimal(value, scale);
          }),
        );
        const stored = await linesOf(client, 'select value from decimals order by position');
        await client.query('truncate decimals');
        const wanted = decimals.map(([value, scale]) => formatBigDecimal(BigInt(value), scale));
        assert.deepEqual(stored, wanted);
      }),
      { seed, numRuns: 100 },
    );
  });

  test('a sum of 2^105 is stored exactly at scale 24', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query('create temporary table sums (position int, value numeric)');
    const sum = fc.bigInt({ min: 0n, max: 2n ** 105n - 1n });
    const values = fc.array(fc.tuple(sum, fc.integer({ min: 0, max: 24 })), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(values, async (sums) => {
        await copyIn(
          client,
          'sums',
          written(sums, (writer, [value, scale]) => {
            const { high, low } = wideFromBigInt(value);
            writer.wideDecimal(high, low, scale);
          }),
        );
        const stored = await linesOf(client, 'select value from sums order by position');
        await client.query('truncate sums');
        assert.deepEqual(
          stored,
          sums.map(([value, scale]) => formatBigDecimal(value, scale)),
        );
      }),
      { seed, numRuns: 100 },
    );
  });

  test('what was written is read back, wherever chunks end', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query(`
      create temporary table things (
        position int, whole bigint, at timestamptz, name text, raw bytea, none int
      )`);
    const time = fc.integer({ min: 0, max: Date.UTC(2200, 0) * 1000 });
    const text = fc.string({ unit: 'binary' }).map(storable);
    const thing = fc.record({ whole: safe, time, text, raw: fc.uint8Array() });
    await fc.assert(
      fc.asyncProperty(fc.array(thing, { minLength: 1 }), async (things) => {
        await copyIn(
          client,
          'things',
          written(
            things,
            (writer, { whole, time: at, text: name, raw }) => {
              writer.int8(whole);
              writer.time(at);
              writer.text(name);
              writer.bytes(raw);
              writer.nil();
            },
            6,
          ),
        );
        const sql = 'select whole, at, name, none, position from things order by position';
        const back: unknown[] = [];
        const take = (reader: CopyReader): void => {
          const [whole, at, name] = [reader.int8(), reader.time(), reader.text()];
          back.push([whole, at, name, reader.isNil(), reader.int4()]);
        };
        const counts: number[] = [];
        for await (const count of copyOut(client, sql, 3, take)) counts.push(count);
        const { rows } = await client.query<{ raw: Buffer; at: string }>(
          `select raw, at::text as at from things order by position`,
        );
        await client.query('truncate things');
        assert.deepEqual(
          back,
          things.map(({ whole, time: at, text: name }, index) => [whole, at, name, true, index]),
        );
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          things.length,
        );
        assert.deepEqual(
          rows.map(({ raw }) => [...raw]),
          things.map(({ raw }) => [...raw]),
        );
      }),
      { seed, numRuns: 50 },
    );
  });

  test('a reader takes chunks that end anywhere', () => {
    const writer = new CopyWriter();
    for (let row = 0; row < 20; row++) {
      writer.row(2);
      writer.int4(row);
      writer.text('x'.repeat(row));
    }
    const bytes = Buffer.from(writer.end());
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const reader = new CopyReader();
        const rows: [number, string][] = [];
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        for (let index = 1; index < places.length; index++) {
          reader.push(bytes.subarray(places[index - 1], places[index]));
          while (reader.next()) rows.push([reader.int4(), reader.text()]);
        }
        assert.deepEqual(
          rows,
          Array.from({ length: 20 }, (_, row) => [row, 'x'.repeat(row)]),
        );
      }),
      { seed },
    );
  });

  test('a text larger than the buffer goes through', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query('create temporary table texts (position int, value text)');
    const long = 'é'.repeat(1_000_000);
    await copyIn(
      client,
      'texts',
      written([long, 'short'], (writer, text) => writer.text(text)),
    );
    const stored = await linesOf(client, 'select value from texts order by position');
    assert.deepEqual(stored, [long, 'short']);
  });

  test('what PostgreSQL cannot hold in a text becomes the replacement character', () => {
    assert.equal(storable('a\0b'), 'a\ufffdb');
    assert.equal(storable('\ud800x'), '\ufffdx');
    assert.equal(storable('plain 🙂'), 'plain 🙂');
  });

  test('times print as they are', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query('create temporary table times (position int, value timestamptz)');
    const times = [0, 1, Date.UTC(1971, 0) * 1000, Date.UTC(2199, 11, 31, 23, 59, 59) * 1000 + 7];
    await copyIn(
      client,
      'times',
      written(times, (writer, time) => writer.time(time)),
    );
    const stored = await linesOf(client, 'select value::text from times order by position');
    const wanted = times.map((time) => formatTime(time).replace('T', ' ').replace('Z', '+00'));
    assert.deepEqual(stored, wanted);
  });
});

suite('a COPY into a table', () => {
  test('takes chunks that all lie in one buffer, however small and many', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query('create temporary table numbers (value int)');
    const count = 20_000;
    function* chunks(): Generator<Uint8Array> {
      const writer = new CopyWriter();
      for (let value = 0; value < count; value++) {
        writer.row(1);
        writer.int4(value);
        yield writer.take();
      }
      yield writer.end();
    }
    await copyIn(client, 'numbers', chunks());
    const sql = 'select count(*), count(distinct value), min(value), max(value) from numbers';
    assert.deepEqual(await linesOf(client, sql), [`${count}|${count}|0|${count - 1}`]);
  });

  test('that the server refuses rejects, and leaves the connection in use', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query('create temporary table small (value int primary key)');
    const same = written(Array.from({ length: 100_000 }), () => undefined, 1);
    await copyIn(client, 'small', same);
    const again = written(Array.from({ length: 100_000 }), () => undefined, 1);
    await assert.rejects(copyIn(client, 'small', again), { code: '23505' });
    await assert.rejects(copyIn(client, 'nowhere', again), { code: '42P01' });
    assert.deepEqual(await linesOf(client, 'select count(*) from small'), ['100000']);
  });

  test('whose rows cannot be made stores none of them', async (t) => {
    const client = await connected(t, cluster.address);
    await client.query('create temporary table none (value int)');
    function* failing(): Generator<Uint8Array> {
      const writer = new CopyWriter();
      writer.row(1);
      writer.int4(1);
      yield writer.take();
      throw new Error('no more');
    }
    await assert.rejects(copyIn(client, 'none', failing()), /no more/);
    assert.deepEqual(await linesOf(client, 'select count(*) from none'), ['0']);
  });
});

/** Rows of (position, …), the rest as `write` says. */
function* written<T>(
  values: readonly T[],
  write: (writer: CopyWriter, value: T) => void,
  fields = 2,
): Generator<Uint8Array> {
  const writer = new CopyWriter();
  for (const [position, value] of values.entries()) {
    writer.row(fields);
    writer.int4(position);
    write(writer, value);
    if (writer.isFull) yield writer.take();
  }
  yield writer.end();
}
