import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { micros } from '../../src/base/clock.ts';
import { formatTime } from '../../src/contracts/time.ts';
import type { Signal } from '../../src/contracts/wire-objects.ts';
import { parseSignalCursor } from '../../src/gateway/cursor.ts';
import { RecentSignals } from '../../src/gateway/recent/recent-signals.ts';
import { signalPage } from '../../src/gateway/seam/signal-pages.ts';
import { MemoryHistory } from './memory-history.ts';
import { MemoryLog } from './memory-log.ts';
import { rig } from './rig.ts';
import { seeded } from './seed.ts';
import { Tape } from './tape.ts';

const opening = Date.UTC(2024, 4, 6, 14, 30) * 1000;
const end = formatTime(opening + 3e6);

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

  test('come page by page, each in its newest version once, wherever that is', async () => {
    const picked = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      second: fc.integer({ min: 0, max: 3 }),
      symbol: fc.constantFrom('AAPL', 'MSFT'),
    });
    const runs = fc.record({
      written: fc.array(picked, { maxLength: 30 }),
      storedPart: fc.double({ min: 0, max: 1, noNaN: true }),
      partitions: fc.integer({ min: 1, max: 2 }),
      limit: fc.integer({ min: 1, max: 4 }),
      from: fc.integer({ min: 0, max: 2 }),
    });
    const pages = fc.asyncProperty(
      runs,
      async ({ written, storedPart, partitions, limit, from }) => {
        const logs = Array.from({ length: partitions }, (_, index) => new MemoryLog(index));
        const tapes = logs.map((log) => new Tape(log));
        const [history, signals] = [new MemoryHistory(...logs), new RecentSignals(3)];
        const newest = new Map<string, Signal>();
        for (const { id, second, symbol } of written) {
          const known = newest.get(id);
          const first = { time: formatTime(opening + second * 1e6), symbol };
          const next = signal(id, { ...(known ?? first), revision: (known?.revision ?? -1) + 1 });
          newest.set(id, next);
          await tapes[id.charCodeAt(0) % partitions].signals(next);
          signals.put(next);
        }
        for (const [partition, log] of logs.entries()) {
          const { end } = log.range('market.signals');
          await history.persist('market.signals', Math.floor(storedPart * end), partition);
        }
        const all = logs.map((log, partition) => ({
          sources: { log, ...history.of(partition), unstoredRecordsMax: 100 },
        }));
        const shards = { all, memory: { signals } };
        const span = { from: micros(opening + from * 1e6), to: micros(opening + 3e6) };
        const told: Signal[] = [];
        for (let next: string | null | undefined; next !== null; ) {
          const before = next === undefined ? undefined : parseSignalCursor(next);
          const page = await signalPage(shards, history, {
            symbol: 'AAPL',
            limit,
            before,
            ...span,
          });
          assert(page.signals.length <= limit);
          told.push(...page.signals);
          next = page.next;
        }
        const wanted = [...newest.values()].filter(({ symbol, time }) => {
          return symbol === 'AAPL' && Date.parse(time) * 1e3 >= span.from && time < end;
        });
        wanted.sort((a, b) => Date.parse(b.time) - Date.parse(a.time) || (a.id < b.id ? -1 : 1));
        assert.deepEqual(told, wanted);
      },
    );
    await fc.assert(pages, seeded());
  });

  test('of a span, and of what is before a page', async (t) => {
    const one = await rig(t);
    const days = [6, 7, 8].map((day) => signal(`${day}`, { time: `2024-05-0${day}T14:31:00Z` }));
    await one.tape.signals(...days);
    await one.settled();
    const first = await one.get('/api/v1/alerts?from=2024-05-06&to=2024-05-08&limit=1');
    assert.deepEqual(first.body.alerts, [days[1]]);
    const rest = `from=2024-05-06&to=2024-05-08&limit=1&cursor=${first.body.next}`;
    assert.deepEqual((await one.get(`/api/v1/alerts?${rest}`)).body, {
      alerts: [days[0]],
      next: null,
    });
  });

  test('refuse a cursor and times that are none', async (t) => {
    const one = await rig(t);
    for (const wrong of ['cursor=zzz', 'from=yesterday', 'from=2024-05-07&to=2024-05-06']) {
      assert.equal((await one.get(`/api/v1/alerts?${wrong}`)).status, 400, wrong);
    }
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
