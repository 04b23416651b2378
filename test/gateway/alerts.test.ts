import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { rig } from './rig.ts';

function signal(id: string, fields: Partial<Signal> = {}): Signal {
  return {
    id,
    kind: 'volatility',
    symbol: 'AAPL',
    time: '2024-05-06T14:31:00Z',
    start: '2024-05-06T14:30:00Z',
    severity: 'low',
    state: 'raised',
    revision: 0,
    text: 'AAPL swung 2.5 % in a minute, trend up',
    values: { percent: '2.5' },
    ...fields,
  };
}

suite('alerts', () => {
  test('are answered newest first, from the store and from what it lacks yet', async (t) => {
    const one = await rig(t);
    const early = signal('a', { time: '2024-05-06T14:30:00Z' });
    const late = signal('b', { time: '2024-05-06T14:30:00.5Z', symbol: 'MSFT', severity: 'high' });
    await one.tape.signals(early, signal('c'));
    await one.history.persistAll();
    const retracted = signal('c', { state: 'retracted', revision: 1 });
    await one.tape.signals(late, retracted);
    await one.settled();
    const alerts = async (query: string) => (await one.get(`/api/v1/alerts${query}`)).body.alerts;
    assert.deepEqual(await alerts(''), [retracted, late, early]);
    assert.deepEqual(await alerts('?limit=2'), [retracted, late]);
    assert.deepEqual(await alerts('?symbol=msft'), [late]);
    assert.deepEqual(await alerts('?severity=low'), [retracted, early]);
    assert.deepEqual(await alerts('?symbol=NOPE'), []);
    assert.equal((await one.get('/api/v1/alerts?severity=loud')).status, 400);
  });

  test('stream to everybody who wants them, each with its cursor', async (t) => {
    const one = await rig(t);
    const all = await one.connect('/ws/alerts');
    const some = await one.connect('/ws/alerts?symbol=msft&severity=high');
    assert.equal(all.hello.stream, 'alerts');
    assert.equal(all.hello.snapshot, null);
    const high = signal('b', { symbol: 'MSFT', severity: 'high' });
    await one.tape.signals(signal('a'), high, signal('c', { symbol: 'MSFT' }));
    const told = await all.take(3);
    assert.deepEqual(
      told.map(({ id, cursor }) => [id, cursor]),
      ['a', 'b', 'c'].map((id, offset) => [id, `${one.log.epoch}:0:${offset}`]),
    );
    const { type, cursor: _cursor, ...alert } = await some.next();
    assert.equal(type, 'alert');
    assert.deepEqual(alert, high);
    const later = await one.connect('/ws/alerts?severity=high');
    assert.deepEqual(later.hello.snapshot, high);
  });
});
