import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, type TestContext, test } from 'node:test';
import { instanceOf, lockDataFolder } from '../../src/app/data-folder.ts';
import { Failure, type FailureCode } from '../../src/base/failure.ts';

const details = { started: '2026-11-21T08:00:00.000Z', command: 'tapeline start', port: 8000 };
const module = import.meta.resolve('../../src/app/data-folder.ts');

let scratch = '';
let folders = 0;

before(async () => {
  scratch = await fs.mkdtemp(join(tmpdir(), 'tapeline-test-'));
});

after(async () => {
  await fs.rm(scratch, { recursive: true, force: true });
});

/** The path of a folder that does not exist yet. */
function newFolder(): string {
  folders += 1;
  return join(scratch, `data-${folders}`);
}

interface Holder {
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;
  /** The code of the Failure that it met, or `held`. */
  readonly outcome: string;
  readonly errorOutput: () => string;
}

/** Another process that takes the folder and keeps it until it is killed. */
async function startHolder(t: TestContext, folder: string, setUp = ''): Promise<Holder> {
  const code = `
    const { lockDataFolder } = await import('${module}');
    ${setUp}
    const taken = lockDataFolder('${folder}', ${JSON.stringify(details)});
    console.log(await taken.then(() => 'held', (error) => error.code));
    setInterval(() => undefined, 1_000_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code]);
  const exited = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const [outcome] = await Promise.race([once(createInterface(child.stdout), 'line'), exited]);
  return { process: child, exited, outcome: String(outcome), errorOutput: () => errors };
}

function failsWith(code: FailureCode, ...texts: RegExp[]): (error: unknown) => true {
  return (error) => {
    assert(error instanceof Failure, String(error));
    assert.equal(error.code, code);
    for (const text of texts) assert.match(`${error.message}. ${error.cure}`, text);
    return true;
  };
}

test('the folder is made for us alone, and says who holds it', async () => {
  const folder = newFolder();
  assert.equal(await instanceOf(folder), null);
  const lock = await lockDataFolder(folder, details);
  assert.equal((await fs.stat(folder)).mode & 0o777, 0o700);
  assert.deepEqual(await instanceOf(folder), { pid: process.pid, ...details });
  lock.release();
});

test('a second process is refused and told who is in the way and what to do', async (t) => {
  const folder = newFolder();
  const holder = await startHolder(t, folder);
  assert.equal(holder.outcome, 'held');
  const { pid } = holder.process;
  await assert.rejects(
    lockDataFolder(folder, details),
    failsWith('data-folder-in-use', new RegExp(`process ${pid}`), /port 8000/, /DATA_DIR/),
  );
  assert.deepEqual(await instanceOf(folder), { pid, ...details });
});

test('the same process cannot take a folder twice', async () => {
  const folder = newFolder();
  const lock = await lockDataFolder(folder, details);
  await assert.rejects(lockDataFolder(folder, details), failsWith('data-folder-in-use'));
  lock.release();
});

test('a released folder is free, also after a second release', async () => {
  const folder = newFolder();
  const first = await lockDataFolder(folder, details);
  first.release();
  assert.equal(await instanceOf(folder), null);
  const second = await lockDataFolder(folder, details);
  first.release();
  assert.equal((await instanceOf(folder))?.pid, process.pid);
  second.release();
});

test('the folder of a killed process is free at once', async (t) => {
  const folder = newFolder();
  const holder = await startHolder(t, folder);
  holder.process.kill('SIGKILL');
  await holder.exited;
  assert.equal(await instanceOf(folder), null);
  const lock = await lockDataFolder(folder, details);
  assert.equal((await instanceOf(folder))?.pid, process.pid);
  lock.release();
});

test('taking the folder prints no warning', async (t) => {
  const holder = await startHolder(t, newFolder());
  assert.equal(holder.outcome, 'held');
  assert.equal(holder.errorOutput(), '');
});

for (const [age, version] of [
  ['a newer', 99],
  ['an older', 1],
] as const) {
  test(`a folder written by ${age} version is refused and left as it is`, async () => {
    const folder = newFolder();
    await fs.mkdir(folder);
    await fs.writeFile(join(folder, 'format.json'), `{"version":${version}}`);
    await assert.rejects(
      lockDataFolder(folder, details),
      failsWith('data-folder-version', new RegExp(`${age} .*format ${version}`), /DATA_DIR/),
    );
    assert.deepEqual(await fs.readdir(folder), ['format.json']);
  });
}

test('a folder that cannot be made is a failure that says the cure', async () => {
  const file = newFolder();
  await fs.writeFile(file, '');
  await assert.rejects(
    lockDataFolder(join(file, 'data'), details),
    failsWith('data-folder-unusable', /DATA_DIR/),
  );
});

test('a folder that cannot be written is unusable', async (t) => {
  const folder = newFolder();
  await fs.mkdir(folder, { mode: 0o555 });
  await fs.chmod(scratch, 0o755);
  const asNobody = process.getuid?.() === 0 ? 'process.setgid(65534); process.setuid(65534);' : '';
  const holder = await startHolder(t, folder, asNobody);
  assert.equal(holder.outcome, 'data-folder-unusable', holder.errorOutput());
});

test('damaged files of our own do not keep the folder from being taken', async () => {
  const folder = newFolder();
  await fs.mkdir(folder);
  for (const name of ['lock.db', 'instance.json', 'format.json']) {
    await fs.writeFile(join(folder, name), 'not what it should be '.repeat(50));
  }
  assert.equal(await instanceOf(folder), null);
  const lock = await lockDataFolder(folder, details);
  assert.equal((await instanceOf(folder))?.pid, process.pid);
  lock.release();
});
