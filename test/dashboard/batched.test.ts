import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { batched } from '../../dashboard/src/batched.ts';

suite('what is asked for within a moment', () => {
  test('is asked for at once, each key once and not more than may be', async () => {
    const asked: (readonly string[])[] = [];
    const lengthOf = batched(2, async (keys) => {
      asked.push(keys);
      return Object.fromEntries(keys.map((key) => [key, key.length]));
    });
    const answers = await Promise.all(['a', 'bb', 'a', 'ccc'].map((key) => lengthOf(key)));
    assert.deepEqual(answers, [1, 2, 1, 3]);
    assert.deepEqual(asked, [['a', 'bb'], ['ccc']]);
    assert.equal(await lengthOf('a'), 1);
    assert.equal(asked.length, 3);
  });

  test('fails for all who asked together, and for nobody after them', async () => {
    let failures = 1;
    const value = batched(9, async () => {
      if (failures-- > 0) throw new Error('away');
      return { a: 1 };
    });
    const together = await Promise.allSettled([value('a'), value('b')]);
    assert.deepEqual(
      together.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(await value('a'), 1);
    assert.equal(await value('b'), undefined);
  });
});
