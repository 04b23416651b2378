// A command ends when it is told to or when something fails, wherever it is at that moment.

import { strict as assert } from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { run, start, withDataFolder } from './command.ts';

const limit = { timeout: 60_000 };

/** A recording of an hour, to be replayed at the speed at which it happened. */
async function hour(folder: string): Promise<string> {
  const file = join(folder, 'hour.csv');
  const rows = ['time,price,size', '2024-05-06T14:00:00Z,1,1', '2024-05-06T15:00:00Z,1,1'];
  await writeFile(file, `${rows.join('\n')}\n`);
  return file;
}

/** A server at which nothing is ever answered. */
async function silentServer(t: TestContext) {
  const server = createServer();
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

for (const command of [['replay', 'any.csv'], ['start']]) {
  test(`${command[0]} ends with the reason when the log cannot be opened`, limit, async () => {
    await withDataFolder(async (folder) => {
      await writeFile(join(folder, 'log'), 'in the way of the folder');
      const { code, stderr } = await run(folder, command, { PORT: '0' });
      assert.equal(code, 1, stderr);
      assert.match(stderr, /log/);
      assert.match(stderr, /Let the user who runs Tapeline own|DATA_DIR/);
      assert.doesNotMatch(stderr, /\n {4}at /);
      assert.equal(existsSync(join(folder, 'instance.json')), false);
    });
  });
}

test('a replay that is interrupted before it has begun ends', limit, async (t) => {
  await withDataFolder(async (folder) => {
    const file = await hour(folder);
    const args = ['replay', '--symbol', 'ACME', '--speed', '1', file];
    const { child, finished } = start(folder, args);
    t.after(() => child.kill('SIGKILL'));
    await eventually(() => existsSync(join(folder, 'instance.json')), 'the folder is locked');
    child.kill('SIGINT');
    const { code, stderr } = await finished;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /nothing new/);
  });
});

test('a second signal ends a replay at once, whatever it waits for', limit, async (t) => {
  await withDataFolder(async (folder) => {
    const { server, port } = await silentServer(t);
    const file = await hour(folder);
    const { child, finished } = start(folder, ['replay', '--symbol', 'ACME', file], {
      DATABASE_URL: `postgres://tapeline@127.0.0.1:${port}/tapeline`,
    });
    t.after(() => child.kill('SIGKILL'));
    const [socket] = await once(server, 'connection');
    t.after(() => socket.destroy());
    child.kill('SIGINT');
    child.kill('SIGTERM');
    const { code, stderr } = await finished;
    assert.equal(code, 130, stderr);
  });
});

test('start finds a port in use before anything has run', limit, async (t) => {
  await withDataFolder(async (folder) => {
    const { port } = await silentServer(t);
    const { code, stdout, stderr } = await run(folder, ['start'], { PORT: String(port) });
    assert.equal(code, 1, stdout);
    assert.match(stderr, new RegExp(`Port ${port} on 127.0.0.1 is in use.*\\n.*PORT=${port + 1}`));
    assert.equal((await readdir(folder)).includes('log'), false);
    assert.equal((await readdir(folder)).includes('postgres'), false);
  });
});
