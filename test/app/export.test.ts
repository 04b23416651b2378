// `tapeline export` as a user runs it: what can be wrong with what was asked for.

import { strict as assert } from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { csv, run, withDataFolder } from './command.ts';

test('a symbol may be written in lower case, to replay and to export', async () => {
  await withDataFolder(async (data) => {
    const file = join(data, 'trades.csv');
    await writeFile(file, 'time,price,size\n2024-05-06T14:30:00Z,10,100\n');
    const replayed = await run(data, ['replay', '--symbol', 'acme', file]);
    assert.equal(replayed.code, 0, replayed.stderr);
    const exported = await run(data, ['export', 'trades', '--symbol', 'acme']);
    assert.deepEqual(
      csv(exported.stdout).map(({ symbol }) => symbol),
      ['ACME'],
      exported.stderr,
    );
  });
});

test('an output that cannot be written is named, with the cure', async () => {
  await withDataFolder(async (data) => {
    const folder = join(data, 'folder');
    const file = join(data, 'file');
    await mkdir(folder);
    await writeFile(file, 'old');
    for (const [output, words] of [
      [join(data, 'absent', 'x.csv'), /its folder does not exist\.\n.*Make that folder/],
      [folder, /it is a folder\.\n.*a file in it/],
      [join(file, 'x.csv'), /a part of its path is a file\.\n.*--output/],
      ...(process.platform === 'linux' ? ([['/dev/full', /its disk is full/]] as const) : []),
    ] as const) {
      const { code, stderr } = await run(data, ['export', 'trades', '--output', output]);
      assert.equal(code, 1);
      assert(stderr.startsWith(`tapeline: --output ${output}: `), stderr);
      assert.match(stderr, words);
      assert.doesNotMatch(stderr, /\n {4}at /);
    }
    const { code, stderr } = await run(data, ['export', 'trades', '--output', file]);
    assert.equal(code, 0, stderr);
    assert.match(await readFile(file, 'utf8'), /^symbol,.*\n$/);
  });
});

test('a day that does not exist is refused', async () => {
  await withDataFolder(async (data) => {
    const { code, stderr } = await run(data, ['export', 'trades', '--from', '2013-02-30']);
    assert.equal(code, 1);
    assert.match(stderr, /--from.*2013-02-30.*Give a date/);
  });
});
