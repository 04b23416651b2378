// The market-wide alerts: signals that everybody may see, newest first, page by page from memory
// into the store.

import { Type } from 'typebox';
import { severities } from '../../contracts/signal.ts';
import { signalSchema } from '../../contracts/wire-objects.ts';
import { parseSignalCursor } from '../cursor.ts';
import { signalPage } from '../seam/signal-pages.ts';
import type { HttpServer } from '../server.ts';
import {
  nextSchema,
  parseSpan,
  problems,
  type RouteContext,
  requireReady,
  spanParameters,
} from './context.ts';

const query = Type.Object(
  {
    symbol: Type.Optional(Type.String({ description: 'As /api/v1/symbols lists it; all without' })),
    severity: Type.Optional(Type.Enum([...severities])),
    limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
    ...spanParameters,
  },
  { additionalProperties: false },
);

const answer = Type.Object({ alerts: Type.Array(signalSchema), next: nextSchema });

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
    async ({ query: { symbol, severity, limit, cursor, ...span } }) => {
      requireReady(shards);
      const { signals, next } = await signalPage(shards, history, {
        // Of a symbol that nobody knows yet there are none yet.
        symbol: symbol?.toUpperCase(),
        severity,
        limit,
        before: cursor === undefined ? undefined : parseSignalCursor(cursor),
        ...parseSpan(span),
      });
      return { alerts: signals, next };
    },
  );
}
