import { strict as assert } from 'node:assert/strict';
import { test } from 'node:test';
import { micros } from '../../src/base/clock.ts';
import { partitionOf } from '../../src/contracts/partition.ts';
import { Observations } from '../../src/feeds/feed.ts';
import { keepShard } from '../../src/pipeline/shard.ts';

test('the partition of a symbol is its FNV-1a hash, the same for ever', () => {
  // Vectors of draft-eastlake-fnv, 32 bits.
  assert.equal(partitionOf('', 2 ** 32), 0x811c9dc5);
  assert.equal(partitionOf('a', 2 ** 32), 0xe40c292c);
  assert.equal(partitionOf('foobar', 2 ** 32), 0xbf9cf968);
  assert.equal(partitionOf('foobar', 3), 0xbf9cf968 % 3);
});

const symbols = ['AAA', 'BBB', 'CCC', 'DDD', 'EEE', 'FFF'];

function seen(): Observations {
  const observations = new Observations('test', 'test');
  const { trades, quotes } = observations;
  for (let row = 0; row < 60; row++) {
    const symbol = symbols[row % symbols.length] as string;
    const instrument = trades.instrumentOf(symbol, 0, 0);
    const time = micros(row);
    trades.push(instrument, 0, time, time, 100 + row, 1, row);
    quotes.instrumentOf(symbol, 0, 0);
  }
  const heartbeat = { source: 'test', eventTime: 60, complete: false, receiveTime: 60 };
  observations.heartbeats.push({ ...heartbeat, symbols });
  return observations;
}

test('of what a feed saw each partition keeps its symbols, and together they keep all', () => {
  const ids: number[] = [];
  const beats: string[] = [];
  for (let partition = 0; partition < 3; partition++) {
    const observations = seen();
    keepShard(observations, { partition, of: 3 });
    const { trades, heartbeats } = observations;
    for (let row = 0; row < trades.count; row++) {
      const { symbol } = trades.instruments[trades.instrument[row] as number]!;
      assert.equal(partitionOf(symbol, 3), partition);
      assert.equal(symbols[(trades.id[row] as number) % symbols.length], symbol);
      ids.push(trades.id[row] as number);
    }
    beats.push(...heartbeats.flatMap((heartbeat) => heartbeat.symbols));
  }
  assert.deepEqual(
    ids.sort((a, b) => a - b),
    Array.from({ length: 60 }, (_, id) => id),
  );
  assert.deepEqual(beats.sort(), symbols);
});
