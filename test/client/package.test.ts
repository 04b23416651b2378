// The package as it is published: built, it needs nothing but the platform, and its types stand
// alone.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { rig } from '../gateway/rig.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const tsc = join(root, 'node_modules', '.bin', 'tsc');
const env = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH}` };

async function built(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-client-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const project = join(root, 'client', 'tsconfig.build.json');
  await run(tsc, ['--project', project, '--outDir', folder], { env });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

test('the built package runs as plain JavaScript, and its types need no others', async (t) => {
  const [folder, one] = [await built(t), await rig(t)];
  for (const name of readdirSync(folder).filter((file) => /\.(js|d\.ts)$/.test(file))) {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, from] of text.matchAll(/from ['"](.+?)['"]/g))
      assert.match(from, /^\.\/[a-z-]+\./);
  }
  const program = `
    import { connect } from './index.js';
    const client = connect('${one.gateway.url}');
    const { length } = await client.subscribe({ stream: 'summary', symbols: '*' }).snapshot;
    console.log(length);
    client.close();`;
  const ran = await run(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
  });
  assert.equal(ran.stdout, '2\n');
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
  await run(tsc, [...options.split(' '), '', 'user.ts'], { cwd: folder, env }).catch(
    ({ stdout }: { stdout: string }) => assert.fail(stdout),
  );
});
