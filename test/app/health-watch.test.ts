import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { HealthWatch } from '../../src/app/commands/start.ts';

test('the watch of health asks nothing more once it is stopped', async () => {
  let questions = 0;
  const asked = Promise.withResolvers<void>();
  const pipeline = {
    async health() {
      questions++;
      assert(questions < 100, 'it asks without end');
      return { feeds: [] };
    },
  };
  const store = {
    async troubles() {
      asked.resolve();
      return [];
    },
  };
  const watch = new HealthWatch({ pipeline, store } as never, {} as never, {
    bytes: async () => 1,
  });
  const run = watch.run();
  await asked.promise;
  watch.stop();
  await run;
  assert.equal(questions, 1);
});
