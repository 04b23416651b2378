// Questions to a real worker thread, and what becomes of them when it dies.

import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Remote } from '../../src/app/remote.ts';
import { Failure } from '../../src/base/failure.ts';

/** Does as it is told: echoes, fails, never answers, or dies. */
const thread = `
  import { answer } from '${import.meta.resolve('../../src/app/remote.ts')}';
  import { Failure } from '${import.meta.resolve('../../src/base/failure.ts')}';
  const cause = new Error('errno 28');
  const failure = () => new Failure('disk-full', 'no space', 'Free space.', { cause });
  answer(async (question) => {
    if (question === 'fail') throw failure();
    if (question === 'hang') return await new Promise(() => undefined);
    if (question === 'die') setImmediate(() => { throw failure(); });
    if (question === 'break') setImmediate(() => { throw new RangeError('a bug'); });
    if (question === 'exit') process.exit(3);
    return [question];
  });`;

function startThread(): Remote {
  return new Remote(`data:text/javascript,${encodeURIComponent(thread)}`, null);
}

function isDiskFull(error: unknown): true {
  assert(error instanceof Failure, String(error));
  const { code, message, cure, kind } = error;
  const told = { code, message, cure, retryable: kind.retryable };
  const expected = { code: 'disk-full', message: 'no space', cure: 'Free space.', retryable: true };
  assert.deepEqual(told, expected);
  return true;
}

suite('a thread', () => {
  test('answers, and its Failures are Failures here', async (t) => {
    const remote = startThread();
    t.after(() => remote.end());
    assert.deepEqual(await Promise.all([remote.ask(1), remote.ask(2)]), [[1], [2]]);
    await assert.rejects(remote.ask('fail'), isDiskFull);
  });

  test('that a Failure ends gives it to all who wait, and to those who ask later', async () => {
    const remote = startThread();
    const waiting = [remote.ask('hang'), remote.ask('hang')];
    const refused = waiting.map(async (one) => await assert.rejects(one, isDiskFull));
    await remote.ask('die').catch(() => undefined);
    await assert.rejects(remote.died, isDiskFull);
    await Promise.all(refused);
    await assert.rejects(remote.ask(1), isDiskFull);
  });

  test('that a bug ends, or that leaves, says so', async () => {
    for (const [last, reason] of [
      ['break', /a bug/],
      ['exit', /ended \(3\)/],
    ] as const) {
      const remote = startThread();
      const waiting = assert.rejects(remote.ask('hang'), reason);
      remote.ask(last).catch(() => undefined);
      await assert.rejects(remote.died, reason);
      await waiting;
      await assert.rejects(remote.ask(1), reason);
    }
  });

  test('leaves nothing here of a question once it is answered', async (t) => {
    const remote = startThread();
    t.after(() => remote.end());
    const ask = async (times: number): Promise<void> => {
      for (let index = 0; index < times; index++) await remote.ask(index);
    };
    await ask(1_000);
    const before = heapBytes();
    await ask(5_000);
    const perQuestion = (heapBytes() - before) / 5_000;
    assert(perQuestion < 100, `${perQuestion} bytes are kept of each question`);
  });
});

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
