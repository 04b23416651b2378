// The market-wide alerts: signals that everybody may see, newest first, from memory and the store.

import { Type } from 'typebox';
import { severities } from '../../contracts/signal.ts';
import { signalSchema } from '../../contracts/wire-objects.ts';
import type { HttpServer } from '../server.ts';
import { problems, type RouteContext, requireReady } from './context.ts';

const query = Type.Object(
  {
    symbol: Type.Optional(Type.String({ description: 'As /api/v1/symbols lists it; all without' })),
    severity: Type.Optional(Type.Enum([...severities])),
    limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
  },
  { additionalProperties: false },
);

const answer = Type.Object({ alerts: Type.Array(signalSchema) });

export function alertRoutes(app: HttpServer, { shards, history }: RouteContext): void {
  app.get(
    '/alerts',
    {
      schema: {
        summary: 'Market-wide alerts, newest first; each with its state, also once retracted',
        tags: ['market'],
        querystring: query,
        response: { 200: answer, ...problems },
      },
    },
    async ({ query: { symbol: given, severity, limit } }) => {
      requireReady(shards);
      // Of a symbol that nobody knows yet there are none yet.
      const symbol = given?.toUpperCase();
      const ofSeverity = severity === undefined ? {} : { severity };
      const query = { ...(symbol === undefined ? {} : { symbol }), ...ofSeverity };
      const filter = {
        ...(symbol === undefined ? {} : { symbols: new Set([symbol]) }),
        ...ofSeverity,
      };
      const stored = await history.signals({ ...query, limit });
      return { alerts: shards.memory.signals.with(stored, filter, limit) };
    },
  );
}
