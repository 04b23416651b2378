// For whoever runs it: is it alive, can it serve, how does it fare, and what can be asked of it.

import { type TSchema, Type } from 'typebox';
import type { Clock } from '../../base/clock.ts';
import { Failure, messageOf } from '../../base/failure.ts';
import {
  type GatewayHealth,
  type Health,
  type HealthReport,
  healthOf,
  healthSchema,
  notReadyReason,
  unknownFigures,
} from '../health.ts';
import { rateLimitHeaders } from '../request-rate.ts';
import { revalidate } from '../revalidation.ts';
import type { HttpServer } from '../server.ts';
import { asyncApi } from './async-api.ts';
import { problems } from './context.ts';

/** `H` is what `/health` answers. */
export interface Operations<H> {
  readonly healthSchema: TSchema;
  readonly healthNow: () => Promise<H>;
  /** Why the process is not ready; null when it is. */
  readonly unready: (health: H) => string | null;
  readonly metricsText: () => Promise<string>;
}

export interface GatewayOperations {
  readonly health: () => Promise<HealthReport>;
  readonly own: () => GatewayHealth;
  readonly metricsText: () => Promise<string>;
  readonly clock: Clock;
}

/** How long a part may take to say how it is. */
const healthMsMax = 2_000;

/** Those of a gateway, which has documents of its streams too. */
export function gatewayOperations(app: HttpServer, options: GatewayOperations): void {
  const { metricsText } = options;
  operationRoutes(app, {
    healthSchema,
    healthNow: async () => await healthNow(options),
    unready: notReadyReason,
    metricsText,
  });
  void app.register(async (documents: HttpServer) => {
    revalidate(documents);
    documents.get('/asyncapi.json', { schema: { hide: true } }, () => asyncApi());
  });
}

export function operationRoutes<H>(app: HttpServer, operations: Operations<H>): void {
  app.get(
    '/health',
    {
      schema: {
        summary: '200 while the process lives, with the state of each part',
        tags: ['operations'],
        response: { 200: operations.healthSchema },
      },
    },
    async () => await operations.healthNow(),
  );

  app.get(
    '/ready',
    {
      schema: {
        summary: '200 once it does its work, 503 with the reason before',
        tags: ['operations'],
        response: { 200: Type.Object({ ready: Type.Literal(true) }), ...problems },
      },
    },
    async () => {
      const reason = operations.unready(await operations.healthNow());
      if (reason === null) return { ready: true as const };
      const sentence = reason.endsWith('.') ? reason : `${reason}.`;
      throw new Failure('not-ready', sentence, 'Wait; /health shows the state of each part.');
    },
  );

  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Prometheus text',
        tags: ['operations'],
        response: { 200: { content: { 'text/plain': { schema: Type.String() } } } },
      },
    },
    async (_request, reply) => {
      reply.type('text/plain; version=0.0.4; charset=utf-8');
      return await operations.metricsText();
    },
  );

  void app.register(async (documents: HttpServer) => {
    revalidate(documents);
    documents.get('/openapi.json', { schema: { hide: true } }, () => openApi(app));
  });
}

async function healthNow({ health, own, clock }: GatewayOperations): Promise<Health> {
  const answered = new AbortController();
  try {
    const late = clock.wait(healthMsMax, answered.signal).then(() => unknownHealth('no answer'));
    return healthOf(await Promise.race([health(), late]), own());
  } catch (error) {
    return healthOf(unknownHealth(messageOf(error)), own());
  } finally {
    answered.abort();
  }
}

function unknownHealth(detail: string): HealthReport {
  const part = { state: 'down' as const, detail: `its state could not be asked: ${detail}` };
  return { log: part, engine: part, store: part, feeds: {}, ...unknownFigures };
}

interface OpenApiParameter {
  required?: boolean;
  readonly schema?: { readonly default?: unknown };
}

interface OpenApiOperation {
  readonly parameters?: readonly OpenApiParameter[];
  readonly responses?: Readonly<Record<string, { headers?: object }>>;
}

interface OpenApiDocument {
  readonly paths?: Readonly<Record<string, object | undefined>> | undefined;
  readonly components?: object;
}

function operationsOf(path: object = {}): OpenApiOperation[] {
  return Object.values(path) as OpenApiOperation[];
}

/**
 * A parameter with a default is filled in before it is checked, so clients may leave it out. What
 * holds for every answer is said once.
 */
function openApi(app: HttpServer): object {
  const document: OpenApiDocument = structuredClone(app.swagger());
  const names = Object.keys(rateLimitHeaders);
  const headers = names.map((name) => [name, { $ref: `#/components/headers/${name}` }]);
  for (const operation of Object.values(document.paths ?? {}).flatMap(operationsOf)) {
    for (const parameter of operation.parameters ?? []) {
      if (parameter.schema?.default !== undefined) parameter.required = false;
    }
    for (const response of Object.values(operation.responses ?? {})) {
      response.headers = { ...response.headers, ...Object.fromEntries(headers) };
    }
  }
  return { ...document, components: { ...document.components, headers: rateLimitHeaders } };
}
