// `tapeline watch`: live candles, trades, quotes or alerts of a Tapeline that runs, here or
// elsewhere. On a terminal it is a view; in a pipe it is a line of JSON for each message, and a
// reader that is slow gets all of it, later.

import { once } from 'node:events';
import { styleText } from 'node:util';
import {
  type Client,
  type ConnectionState,
  connect,
  type Interval,
  type Message,
  type StreamRequest,
  type Subscription,
  TapelineError,
} from '../../../client/index.ts';
import { systemClock } from '../../base/clock.ts';
import { Failure, type FailureCode, failureKinds } from '../../base/failure.ts';
import type { Config } from '../config.ts';
import { instanceOf } from '../data-folder.ts';
import { LiveView } from '../live-view.ts';
import { columnsOf, rowsOf, type WatchedStream } from '../watch-rows.ts';

export interface WatchOptions {
  readonly interval: Interval;
  readonly trades?: boolean;
  readonly quotes?: boolean;
  readonly alerts?: boolean;
  readonly history?: number;
  readonly url?: string;
  /** As the output is when it is not given: a table for a terminal, else JSON. */
  readonly format?: 'table' | 'json';
}

const drawMs = 100;

export async function watch(
  config: Config,
  symbols: readonly string[],
  options: WatchOptions,
): Promise<void> {
  const client = clientOf(options.url ?? (await ownAddress(config)));
  const stop = (): void => client.close();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  const out = process.stdout;
  out.on('error', stop); // whoever reads, such as `head`, has seen enough
  const stream = streamOf(options);
  const isTable = (options.format ?? (out.isTTY ? 'table' : 'json')) === 'table';
  try {
    const told = client.subscribe(requestOf(stream, symbols, options));
    if (isTable) await show(client, told, stream);
    else await print(client, told);
  } catch (error) {
    throw error instanceof TapelineError ? asFailure(error) : error;
  } finally {
    client.close();
  }
}

function streamOf({ trades, quotes, alerts }: WatchOptions): WatchedStream {
  if (trades) return 'trades';
  if (quotes) return 'quotes';
  return alerts ? 'alerts' : 'candles';
}

function requestOf(
  stream: WatchedStream,
  symbols: readonly string[],
  { interval, history }: WatchOptions,
): StreamRequest & { readonly stream: WatchedStream } {
  const list = symbols.length > 0 ? symbols : '*';
  const past = history === undefined ? {} : { history };
  if (stream === 'quotes') return { stream, symbols: list };
  if (stream === 'candles') return { stream, symbols: list, interval, ...past };
  return { stream, symbols: list, ...past };
}

/** Whatever runs on the data folder; else where `start` would serve. */
async function ownAddress({ host, port, dataDir }: Config): Promise<string> {
  const instance = await instanceOf(dataDir);
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `ws://${name.includes(':') ? `[${name}]` : name}:${instance?.port ?? port}`;
}

function clientOf(url: string): Client {
  try {
    return connect(url);
  } catch (error) {
    const cure = 'Give it as ws://localhost:8000.';
    throw new Failure('bad-request', `"${url}" is no address.`, cure, { cause: error });
  }
}

async function print(client: Client, told: AsyncIterable<Message>): Promise<void> {
  client.onState((state) => {
    if (state.status === 'waiting') process.stderr.write(`tapeline: ${trouble(client, state)}\n`);
  });
  const out = process.stdout;
  for await (const message of told) {
    if (!out.write(`${JSON.stringify(message)}\n`) && !out.errored) await once(out, 'drain');
  }
}

async function show(
  client: Client,
  told: Subscription<WatchedStream>,
  stream: WatchedStream,
): Promise<void> {
  const view = new LiveView(process.stdout, columnsOf[stream]);
  let messages = 0;
  const status = (): string => statusLine(client, messages);
  client.onState(() => view.draw(status(), true));
  view.draw(status(), true);
  const ended = new AbortController();
  const drawing = (async () => {
    while (!ended.signal.aborted) {
      await systemClock.wait(drawMs, ended.signal);
      if (!view.draw(status())) await once(process.stdout, 'drain', ended).catch(() => undefined);
    }
  })();
  try {
    for await (const message of told) {
      messages++;
      for (const row of rowsOf(message)) view.add(row);
    }
  } finally {
    ended.abort();
    await drawing;
    view.draw(status());
    view.end();
  }
}

function statusLine(client: Client, messages: number): string {
  const { state, url } = client;
  if (state.status === 'waiting') return styleText('yellow', `○ ${trouble(client, state)}`);
  if (state.status !== 'live') return styleText('dim', `○ ${state.status}: ${url}`);
  const count = `${messages.toLocaleString('en')} messages`;
  return `${styleText('green', '●')} live: ${url}  ${count}  ${styleText('dim', 'Ctrl-C ends')}`;
}

function trouble({ url }: Client, state: ConnectionState & { readonly status: 'waiting' }): string {
  const seconds = (state.ms / 1_000).toFixed(1);
  return `${url}: ${state.why} Trying again in ${seconds} s.`;
}

function asFailure({ code, message, cure }: TapelineError): Failure {
  const known = Object.hasOwn(failureKinds, code) ? (code as FailureCode) : 'bad-request';
  return new Failure(known, message, cure);
}
