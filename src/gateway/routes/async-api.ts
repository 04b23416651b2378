// AsyncAPI 3.0 of the WebSockets, made of the schemas that check what clients say, and that tests
// hold what the server says against.

import type { TSchema } from 'typebox';
import { clientMessages } from '../stream/client-messages.ts';
import { serverMessages, streamHello } from '../stream/server-messages.ts';

const always = ['gap', 'skip', 'pong', 'error'] as const;
const symbol = { symbol: { description: 'As /api/v1/symbols lists it; lower case will do' } };

/** Channels by name: where they are, and what the server says there. */
const channels = {
  many: {
    address: '/ws',
    description: 'Any number of subscriptions on one socket; see docs/WEBSOCKET.md',
    told: Object.keys(serverMessages),
    said: Object.keys(clientMessages),
  },
  trades: ready('/ws/trades/{symbol}', 'policy, cursor', ['trade'], symbol),
  quotes: ready('/ws/quotes/{symbol}', 'policy, cursor', ['quote'], symbol),
  candles: ready(
    '/ws/candles/{symbol}',
    'interval, price, indicators, policy, cursor',
    ['candle', 'mark'],
    symbol,
  ),
  alerts: ready('/ws/alerts', 'symbol, severity, policy, cursor', ['alert']),
};

function ready(address: string, query: string, told: readonly string[], parameters = {}) {
  return {
    address,
    description: `One subscription. Query parameters: ${query}`,
    parameters,
    told: ['streamHello', ...told, ...always],
    said: ['ping'],
  };
}

export function asyncApi(): object {
  const payloads = { ...clientMessages, ...serverMessages, streamHello };
  const messages = Object.entries(payloads).map(([name, schema]) => [
    name,
    { name, payload: withoutId(schema) },
  ]);
  const operations = Object.entries(channels).flatMap(([name, { told, said }]) => [
    [`${name}Told`, operation('send', name, told)],
    [`${name}Said`, operation('receive', name, said)],
  ]);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tapeline',
      version: '1',
      description: 'Live market data. Prices and sizes are exact decimal strings.',
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      Object.entries(channels).map(([name, { told, said, ...channel }]) => [
        name,
        { ...channel, messages: references([...told, ...said]) },
      ]),
    ),
    operations: Object.fromEntries(operations),
    components: { messages: Object.fromEntries(messages) },
  };
}

function operation(action: 'send' | 'receive', channel: string, names: readonly string[]): object {
  return {
    action,
    channel: { $ref: `#/channels/${channel}` },
    messages: names.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` })),
  };
}

function references(names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

/** An $id is for OpenAPI, where it names a component. */
function withoutId(schema: TSchema & { readonly $id?: string }): object {
  const { $id: _named, ...rest } = schema;
  return rest;
}
