import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Feed, Intake } from '../../src/feeds/feed.ts';
import type { LiveFeedOptions } from '../../src/feeds/live-feed.ts';
import { WebsocketSession, type WireProtocol } from '../../src/feeds/websocket-session.ts';
import { ExchangeStandIn, type TapeTrade } from './exchange-stand-in.ts';
import { LiveRun, until } from './live-run.ts';

suite('a WebSocket session', () => {
  test('subscribes on each new connection, with the same messages', async (t) => {
    const { exchange, run } = await connect(t);
    exchange.cut();
    await run.reconnect(exchange);
    assert.deepEqual(exchange.received, ['subscribe', 'subscribe']);
    assert.equal(run.feed.status?.().reconnects, 1);
  });

  test('takes frames in order, also those that came just before a cut', async (t) => {
    const { exchange, run, taken } = await connect(t);
    const frames = Array.from({ length: 1_000 }, (_, index) => `frame ${index}`);
    for (const frame of frames) exchange.send(frame);
    exchange.bye();
    await until(() => run.state === 'waiting', 'the end');
    assert.deepEqual(taken, frames);
  });

  test('takes the frames that still wait when the line is cut', async (t) => {
    const { exchange, run, taken, gate } = await connect(t);
    for (const frame of ['hold', 'one', 'two', 'three']) exchange.send(frame);
    await until(() => taken.length === 1, 'the frame that holds the others up');
    exchange.bye();
    await until(() => exchange.open === 0, 'the cut');
    assert.equal(run.endings.length, 0);
    gate.resolve();
    await until(() => run.state === 'waiting', 'the end');
    assert.deepEqual(taken, ['hold', 'one', 'two', 'three']);
  });

  test('a bug in taking a frame comes out, and the socket does not stay open', async (t) => {
    const { exchange, run } = await connect(t);
    exchange.send('bug');
    await assert.rejects(run.done, TypeError);
    await until(() => exchange.open === 0, 'the socket is closed');
  });

  test('waits longer and longer when it is refused, never less than the floor', async (t) => {
    const exchange = await new EchoStandIn().listen();
    t.after(() => exchange.close());
    exchange.refuse = () => ({ status: 503, body: '' });
    const { run } = start(t, exchange);
    await endings(run, 12);
    assertBackedOff(run.waits);
    assert.match(run.endings[0] ?? '', /refused with HTTP 503; trying again in 1\.0 s/);
    assert.equal(exchange.accepted, 0);
  });

  test('backs off from a server that accepts and closes at once', async (t) => {
    const exchange = await new EchoStandIn().listen();
    t.after(() => exchange.close());
    exchange.closeAtOnce = true;
    const { run } = start(t, exchange);
    await endings(run, 12);
    assertBackedOff(run.waits);
    assert.match(run.endings[0] ?? '', /closed by the exchange: 1013/);
    assert.equal(exchange.accepted, 12);
  });

  test('backs off from a server that answers the subscription and then closes', async (t) => {
    const { exchange, run } = await connect(t);
    for (let round = 0; round < 8; round++) {
      exchange.send('alive');
      await until(() => run.state === 'live', 'life');
      exchange.cut();
      if (round < 7) await run.reconnect(exchange);
    }
    await until(() => run.waits.length === 8, 'eight ends');
    assertBackedOff(run.waits);
  });

  test('starts the backoff anew once a connection has proved itself', async (t) => {
    const { exchange, run } = await connect(t);
    for (let round = 0; round < 4; round++) {
      exchange.cut();
      await run.reconnect(exchange);
    }
    for (let second = 0; second < 11; second++) {
      await run.clock.advance(1_000);
      exchange.send('alive');
      await until(() => run.state === 'live', 'life');
    }
    const before = run.waits.length;
    await until(() => run.intake.open.count === 0, 'all is taken');
    exchange.cut();
    await until(() => run.waits.length > before, 'the end');
    assert.equal(run.waits.at(-1), 1_000);
    assert.ok((run.waits.at(-2) ?? 0) > 1_000);
  });

  test('leaves a server alone for as long as it asks, within reason', async (t) => {
    const exchange = await new EchoStandIn().listen();
    t.after(() => exchange.close());
    let seconds = '30';
    const headers = () => ({ 'retry-after': seconds });
    exchange.refuse = () => ({ status: 429, body: '', headers: headers() });
    const { run } = start(t, exchange);
    await endings(run, 1);
    assert.equal(run.waits[0], 30_000);
    seconds = '999999999';
    await endings(run, 2);
    assert.equal(run.waits[1], 600_000);
  });

  test('an open but mute connection turns stale, and then is replaced', async (t) => {
    const { exchange, run } = await connect(t);
    exchange.send('alive');
    await until(() => run.state === 'live', 'life');
    exchange.mute = true;
    await run.clock.advance(8_000);
    assert.equal(run.state, 'stale');
    await run.clock.advance(7_000);
    await until(() => run.state === 'waiting', 'the feed gives up');
    assert.match(run.endings[0] ?? '', /open but mute for 15 s/);
    exchange.mute = false;
    await run.reconnect(exchange);
    exchange.send('alive');
    await until(() => run.state === 'live', 'life again');
  });

  test('frames that show no life do not keep a connection', async (t) => {
    const { exchange, run, taken } = await connect(t);
    for (let second = 0; second < 15; second++) {
      exchange.send('noise');
      await until(() => taken.length > second || run.endings.length > 0, 'noise');
      await run.clock.advance(1_000);
    }
    await until(() => run.endings.length === 1, 'the feed gives up');
    assert.match(run.endings[0] ?? '', /open but mute/);
  });

  test('a server that never answers the handshake is given up', async (t) => {
    const exchange = await new EchoStandIn().listen();
    t.after(() => exchange.close());
    exchange.refuse = () => 'never';
    const { run } = start(t, exchange);
    await until(() => exchange.hanging === 1, 'the attempt');
    await run.clock.advance(10_000);
    await until(() => run.endings.length === 1, 'the feed gives up');
    assert.match(run.endings[0] ?? '', /no answer for 10 s/);
  });

  test('a server that is not there is backed off too', async (t) => {
    const exchange = await new EchoStandIn().listen();
    const { run } = start(t, exchange, () => exchange.close());
    await endings(run, 6);
    assertBackedOff(run.waits);
    assert.match(run.endings[0] ?? '', /ECONNREFUSED/);
  });

  test('a binary frame is one dead letter', async (t) => {
    const { exchange, run } = await connect(t);
    exchange.send(Uint8Array.of(1, 2, 3));
    await until(() => run.deadLetters.length === 1, 'the dead letter');
    assert.equal(run.deadLetters[0]?.raw, 'AQID');
  });

  test('an abort closes the socket with a goodbye, in whatever state it is', async (t) => {
    const { exchange, run } = await connect(t);
    await run.stop();
    await until(() => exchange.open === 0, 'the socket is closed');
    assert.equal(exchange.closeCode, 1000);
    assert.equal(run.state, 'ended');

    const refusing = await new EchoStandIn().listen();
    t.after(() => refusing.close());
    refusing.refuse = () => 'never';
    const connecting = start(t, refusing);
    await until(() => refusing.hanging === 1, 'the attempt');
    await connecting.run.stop();
    refusing.refuse = () => ({ status: 503, body: '' });
    const waiting = start(t, refusing);
    await endings(waiting.run, 1);
    await waiting.run.stop();
    assert.equal(waiting.run.state, 'ended');
  });

  test('a thousand reconnects leave nothing behind', { timeout: 60_000 }, async (t) => {
    const { exchange, run, taken } = await connect(t);
    const round = async (): Promise<void> => {
      exchange.send('alive');
      await until(() => run.state === 'live', 'life');
      exchange.cut();
      await run.reconnect(exchange);
    };
    const measure = () => ({
      heap: heapBytes(),
      listeners: getEventListeners(run.stopping.signal, 'abort').length,
      sleepers: run.clock.sleeping,
      open: exchange.open,
    });
    // What the test itself wrote down does not count.
    const forget = (): void => {
      for (const list of [exchange.received, taken, run.waits, run.endings]) list.length = 0;
    };
    for (let count = 0; count < 200; count++) await round();
    forget();
    const before = measure();
    for (let count = 0; count < 1_000; count++) await round();
    assert.equal(exchange.received.length, 1_000);
    forget();
    const after = measure();
    // A connection that stays behind would be several kilobytes each time.
    const grown = after.heap - before.heap;
    assert.ok(grown < 2_000_000, `${grown} bytes more after a thousand reconnects`);
    assert.deepEqual({ ...after, heap: 0 }, { ...before, heap: 0 });
  });
});

/** An exchange without trades: it takes any message for a subscription. */
class EchoStandIn extends ExchangeStandIn {
  constructor() {
    super([]);
  }

  protected override reply(): readonly string[] {
    return [];
  }

  protected override frameOf(_trade: TapeTrade): string {
    return '';
  }

  protected override restAnswer(): string | null {
    return null;
  }
}

interface Connected {
  readonly exchange: EchoStandIn;
  readonly run: LiveRun;
  /** Frames in the order in which the protocol got them. */
  readonly taken: string[];
  /** What a frame `hold` waits for. */
  readonly gate: PromiseWithResolvers<void>;
}

async function connect(t: TestContext): Promise<Connected> {
  const exchange = await new EchoStandIn().listen();
  t.after(() => exchange.close());
  const started = start(t, exchange);
  await until(() => exchange.hasSubscriber, 'the subscription');
  return { exchange, ...started };
}

/** A feed that is nothing but a session. */
function start(
  t: TestContext,
  exchange: EchoStandIn,
  prepare: () => Promise<void> = async () => undefined,
): Omit<Connected, 'exchange'> {
  const taken: string[] = [];
  const gate = Promise.withResolvers<void>();
  const protocol: WireProtocol = {
    prepare,
    greeting: () => ['subscribe'],
    take(frame) {
      taken.push(frame);
      if (frame === 'bug') throw new TypeError('a bug');
      return frame === 'hold' ? gate.promise.then(() => true) : frame === 'alive';
    },
    trouble: '',
  };
  const make = ({ clock, random, urls, logger }: LiveFeedOptions): Feed => {
    const session = new WebsocketSession({
      url: urls?.socket ?? '',
      protocol,
      clock,
      random,
      logger,
    });
    return {
      name: 'session',
      run: (intake: Intake, signal) => session.run(intake, signal),
      status: () => session.status(),
    };
  };
  return { run: new LiveRun(t, exchange, make), taken, gate };
}

/** Lets the session wait and try until it has ended this many times. */
async function endings(run: LiveRun, count: number): Promise<void> {
  for (;;) {
    const seen = run.endings.length;
    if (seen >= count) return;
    if (seen > 0) await run.clock.advance(run.waits.at(-1) ?? 0);
    await until(() => run.endings.length > seen, `end number ${seen + 1}`);
  }
}

/** The floor holds, and the ceiling grows from it up to the bound. */
function assertBackedOff(waits: readonly number[]): void {
  for (const [attempt, wait] of waits.entries()) {
    assert.ok(wait >= 1_000, waits.join());
    assert.ok(wait <= Math.min(60_000, 1_000 * 2 ** attempt) + 1, waits.join());
  }
  const mean = (some: readonly number[]) => some.reduce((sum, ms) => sum + ms, 0) / some.length;
  assert.ok(mean(waits.slice(-3)) > 4 * mean(waits.slice(0, 2)), waits.join());
  assert.ok(new Set(waits.slice(1)).size > waits.length / 2, `no jitter: ${waits.join()}`);
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
