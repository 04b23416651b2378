// Streams as server-sent events: what /ws tells, for whoever has HTTP only. Docs: WEBSOCKET.md.

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { Failure } from '../../base/failure.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { sharing } from '../origin.ts';
import type { HttpServer } from '../server.ts';
import { clientMessages, type Subscribe } from '../stream/client-messages.ts';
import { subscribesByQuery } from '../stream/event-query.ts';
import { answerLater, EventTransport, wantsEvents } from '../stream/transport-sse.ts';
import type { Streams } from '../streams.ts';
import { problems } from './context.ts';

const { stream, id, interval, price, severity, policy, cursor, history, from } =
  clientMessages.subscribe.properties;

/** Describes only: each may come once for each subscription, and their order counts. */
const query = Type.Object({
  stream: Type.Enum(stream.enum, { description: 'Begins a subscription; what follows is of it' }),
  symbols: Type.String({ description: 'With commas between, or * for every symbol' }),
  id: Type.Optional({ ...id, description: 'Names the subscription; its number without' }),
  interval,
  price,
  indicators: Type.Optional(Type.String({ description: 'Of candles, with semicolons between' })),
  severity,
  policy,
  cursor,
  history,
  from,
});

const headers = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'That of the last event: goes on after it. Browsers say it' }),
  ),
});

const events = {
  description: 'An event for each message that /ws would tell, as its data; see /asyncapi.json',
  content: { 'text/event-stream': { schema: Type.String() } },
};

export function streamRoutes(app: HttpServer, streams: Streams, metrics: GatewayMetrics): void {
  app.get(
    '/stream',
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'Live messages as server-sent events: any number of subscriptions on one answer',
        description: 'See docs/WEBSOCKET.md, server-sent events.',
        tags: ['market'],
        querystring: query,
        headers,
        response: { 200: events, ...problems },
      },
      validatorCompiler: () => () => true,
    },
    async ({ raw }, reply) => {
      try {
        streams.requireOrigin(raw);
        const asked = askedBy(raw);
        if (!isLetIn(streams, raw)) {
          reply.hijack();
          answerLater(reply.raw, headersOf(reply, raw));
          return;
        }
        const cursors = new Map(asked.map((one) => [one.id, one.cursor ?? '']));
        const transport = new EventTransport(reply.raw, raw.socket, cursors);
        const session = streams.join(transport);
        streams.admit(raw, reply.raw);
        const open = (): void => {
          reply.hijack();
          transport.open(headersOf(reply, raw));
        };
        session.fixAll(asked, open, streams.epoch);
      } catch (error) {
        if (error instanceof Failure) metrics.refused.inc({ reason: error.code });
        throw error;
      }
    },
  );
}

/** A browser comes back from what passes by itself, where any problem would end it for good. */
function isLetIn(streams: Streams, request: IncomingMessage): boolean {
  try {
    streams.requireReady();
    streams.requireRoom(request);
    return true;
  } catch (error) {
    if (error instanceof Failure && wantsEvents(request)) return false;
    throw error;
  }
}

/** What has a browser show the answer to a page of another origin, which may have it. */
function headersOf(reply: FastifyReply, request: IncomingMessage): OutgoingHttpHeaders {
  return { ...(reply.getHeaders() as OutgoingHttpHeaders), ...sharing(request) };
}

function askedBy({ url = '', headers }: IncomingMessage): readonly Subscribe[] {
  const { searchParams } = new URL(url, 'http://host');
  return subscribesByQuery(searchParams, String(headers['last-event-id'] ?? ''));
}
