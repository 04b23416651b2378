import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { statementsOf } from '../../src/flink/statements.ts';

const names = {
  bootstrap: '10.0.0.1:9092,10.0.0.2:9092',
  group: 'tapeline-candles',
  trades: 'market.trades',
  candles: 'market.candles',
  signals: 'market.signals',
};

suite('the text of a job', () => {
  test('is a list of statements that hold the names of the deployment', () => {
    const tables = statementsOf('./tables.sql', names);
    assert.ok(tables.every((statement) => /CREATE TEMPORARY TABLE/.test(statement)));
    assert.ok(tables.some((statement) => statement.includes("'topic' = 'market.trades'")));
    assert.ok(tables.every((statement) => statement.includes(`'${names.bootstrap}'`)));
    const jobs = ['./candles.sql', './signals.sql'].flatMap((file) => statementsOf(file, names));
    assert.ok([...tables, ...jobs].every((statement) => !/\$|;$/.test(statement)));
  });

  test('refuses a name that would end its quotes', () => {
    const wrong = { ...names, trades: "x', 'properties.ssl.truststore.location' = '/etc/passwd" };
    assert.throws(() => statementsOf('./tables.sql', wrong), { code: 'bad-configuration' });
  });
});
