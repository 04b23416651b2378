// `tapeline rebuild` and `explain` as a user runs them, on what a replay has stored.

import { strict as assert } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDataFolder } from '../../src/app/data-folder.ts';
import { connect } from '../../src/store/database.ts';
import { startPostgres } from '../../src/store/embedded-postgres.ts';
import { csv, run, withDataFolder } from './command.ts';

const quiet = { info: () => undefined, warn: () => undefined };

async function query(data: string, sql: string): Promise<void> {
  const server = await startPostgres({ folder: join(data, 'postgres'), logger: quiet });
  const client = await connect(server.connection, { application: 'test', statementSeconds: 30 });
  await client.query(sql);
  await client.end();
  await server.stop();
}

test('a wrong candle is explained, told of by the exit code, and replaced', async () => {
  await withDataFolder(async (data) => {
    const file = join(data, 'acme.csv');
    const rows = [
      'ACME,2024-05-06T14:30:01Z,10.5,100',
      'ACME,2024-05-06T14:30:02Z,10.25,0.5',
      'ACME,2024-05-06T14:31:09Z,10.5,1',
    ];
    await writeFile(file, ['symbol,time,price,size', ...rows].join('\n'));
    assert.equal((await run(data, ['replay', file])).code, 0);
    const explained = ['explain', 'candle', 'acme', '1m', '2024-05-06T14:30:30Z'];
    const table = (await run(data, explained)).stdout;
    assert.match(table, /^matches {2}yes$/m);
    assert.match(table, /^close +10\.25 +10\.25 +the trade at 2024-05-06T14:30:02Z, offset 1$/m);
    await query(data, 'update candle_rows set close = 11 where interval_id = 1');
    const told = JSON.parse((await run(data, [...explained, '--format', 'json'])).stdout);
    assert.deepEqual(told.differences, [{ field: 'close', stored: '11', recomputed: '10.25' }]);

    const compared = await run(data, ['rebuild', '--symbols', 'acme']);
    assert.equal(compared.code, 2, compared.stderr);
    assert.match(compared.stdout, /^ACME 1m +2024-05-06T14:30:00Z +close +11 +10\.25$/m);
    const lock = await lockDataFolder(data, { started: '', command: 'tapeline start', port: null });
    const refused = await run(data, ['rebuild', '--replace']);
    lock.release();
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, /in use/);
    assert.equal((await run(data, ['rebuild', '--replace'])).code, 0);
    assert.equal((await run(data, ['rebuild'])).code, 0);
    const exported = await run(data, ['export', 'candles', '--interval', '1m']);
    const [{ close, revision, state }] = csv(exported.stdout);
    assert.deepEqual([close, revision, state], ['10.25', '1', 'revised']);
  });
});

test('nothing is replaced while the log holds what the database does not', async () => {
  await withDataFolder(async (data) => {
    const file = join(data, 'acme.csv');
    await writeFile(file, 'symbol,time,price,size\nACME,2024-05-06T14:30:01Z,10.5,100\n');
    assert.equal((await run(data, ['replay', file])).code, 0);
    await query(data, `update consumed set next_offset = 0 where topic = 'market.trades'`);
    const refused = await run(data, ['rebuild', '--replace']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /not in the database yet/);
  });
});
