import { strict as assert } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { everything, highLow, movesOf, openClose, volume } from '../../src/engine/tape-rules.ts';

suite('what conditions allow', () => {
  test('is worked out once for a combination, tape by tape', () => {
    // An average price: B on tapes A and B; on tape C it is a bunched trade, which moves all.
    const average = { within: volume, day: volume, unknown: 0 };
    const bunched = { within: everything, day: everything, unknown: 0 };
    for (let again = 0; again < 2; again++) {
      assert.deepEqual(movesOf('sip-ab', 'B'), average);
      assert.deepEqual(movesOf('sip-c', 'B'), bunched);
    }
    assert.equal(movesOf('sip-ab', 'B'), movesOf('sip-ab', 'B'));
  });

  test('is right, and forgotten at last, however many combinations there are', () => {
    // Sold out of sequence: volume only, and the high and low of the day.
    const first = movesOf('sip-c', 'Z');
    for (let flags = 0; flags < 5_000; flags++) movesOf('lean', flags.toString(16));
    const again = movesOf('sip-c', 'Z');
    assert.deepEqual(again, { within: volume, day: highLow | volume, unknown: 0 });
    assert.deepEqual(again, first);
    assert.notEqual(again, first);
    const long = 'x'.repeat(20_000);
    assert.deepEqual(movesOf('lean', long), { within: volume, day: volume, unknown: 1 });
    assert.notEqual(movesOf('lean', long), movesOf('lean', long));
    assert.equal(movesOf('lean', '1').within, openClose | highLow | volume);
  });
});
