// The package as it is published: built, it needs nothing but the platform, and its types stand
// alone.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { rig } from '../gateway/rig.ts';
import { buildClient, compile } from './build.ts';

test('the built package runs as plain JavaScript, and its types need no others', async (t) => {
  const [folder, one] = [await buildClient(t), await rig(t)];
  for (const name of readdirSync(folder).filter((file) => /\.(js|d\.ts)$/.test(file))) {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, from] of text.matchAll(/from ['"](.+?)['"]/g)) {
      assert.match(from, /^\.\/[a-z-]+\./);
    }
  }
  const program = `
    import { connect } from './index.js';
    const client = connect('${one.gateway.url}');
    const { length } = await client.subscribe({ stream: 'summary', symbols: '*' }).snapshot;
    console.log(length);
    client.close();`;
  const run = promisify(execFile);
  const args = ['--input-type=module', '--eval', program];
  assert.equal((await run(process.execPath, args, { cwd: folder })).stdout, '2\n');
  const user = `
    import { connect } from './index.js';
    const candles = connect('ws://x').subscribe({ stream: 'candles', symbols: ['A'], history: 2 });
    for (const { close } of await candles.snapshot) close satisfies string;
    for await (const message of candles) {
      if (message.type === 'mark') message.end satisfies string;
      // @ts-expect-error: candles have no trades
      if (message.type === 'trade') break;
    }
    // @ts-expect-error: quotes have no history
    connect('ws://x').subscribe({ stream: 'quotes', symbols: '*', history: 2 });`;
  await writeFile(join(folder, 'user.ts'), user);
  const options = '--strict --noEmit --target es2022 --module nodenext --lib es2022,dom --types';
  await compile(folder, ...options.split(' '), '', 'user.ts');
});
