// The HTTP server: Fastify with our limits, errors as problem documents and security headers on
// every answer. One TypeBox schema gives a route its type, its check and its OpenAPI.

import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import compress from '@fastify/compress';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { Failure } from '../base/failure.ts';
import { encodings } from './answers.ts';
import type { GatewayLimits } from './limits.ts';
import { securityHeaders } from './listener.ts';
import type { GatewayLogger } from './logger.ts';
import type { HttpMetrics } from './metrics.ts';
import {
  failureOf,
  internalProblem,
  type ParameterSchemas,
  type Problem,
  problemMessage,
  problemOf,
  problemSchema,
  problemType,
} from './problem.ts';

export type HttpServer = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered at once, by Answers, which also compress. */
    isOfMemory?: boolean;
  }
}

export interface HttpApp {
  readonly app: HttpServer;
  /** What answers requests, once the app is ready. */
  readonly handle: RequestListener;
}

/** On a server that listens already, and is its owner's to close. */
export async function httpApp(
  server: Server,
  limits: GatewayLimits,
  metrics: HttpMetrics,
  logger: GatewayLogger,
): Promise<HttpApp> {
  let handle: RequestListener = () => undefined;
  const app = fastify({
    serverFactory(handler) {
      handle = handler;
      return server;
    },
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytesMax,
    return503OnClosing: false,
    routerOptions: { maxParamLength: limits.paramLengthMax },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply, logger),
    clientErrorHandler: refuseConnection,
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.addHook('onRoute', (route) => {
    // A deadline and another look at the encoding cost a quarter of such an answer.
    if (route.config?.isOfMemory === true) route.compress = false;
    else route.handlerTimeout = limits.answerMsMax;
  });
  app.addHook('onResponse', (request, reply, done) => {
    const labels = { route: request.routeOptions.url ?? 'none', status: reply.statusCode };
    metrics.requests.observe(labels, reply.elapsedTime / 1000);
    done();
  });
  await guard(app, limits);
  answerProblems(app, logger);
  await describe(app);
  return { app, handle };
}

/** What is checked, and said, of every request before its route sees it. */
async function guard(app: HttpServer, limits: GatewayLimits): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(securityHeaders).header('cache-control', 'no-store');
    if (request.url.length <= limits.urlLengthMax) return done();
    const detail = `The URL has ${request.url.length} characters.`;
    done(new Failure('bad-request', detail, `Use at most ${limits.urlLengthMax}.`));
  });
  await app.register(compress, {
    encodings,
    threshold: limits.compressedBytesMin,
    // Longer ones are compressed on another thread.
    syncThreshold: limits.compressedAtOnceBytesMax,
    globalDecompression: false,
  });
}

function answerProblems(app: HttpServer, logger: GatewayLogger): void {
  app.setErrorHandler((error: FastifyError, request, reply) =>
    answerError(error, request, reply, logger),
  );
  app.setNotFoundHandler((request) => {
    throw new Failure(
      'not-found',
      `There is nothing at ${request.method} ${request.url.split('?', 1)[0]}.`,
      /^\/ws(?=[/?]|$)/.test(request.url)
        ? 'Connect with a WebSocket client.'
        : 'See /openapi.json for what there is.',
    );
  });
}

/** OpenAPI, from the schemas of the routes that are added after this. */
async function describe(app: HttpServer): Promise<void> {
  app.addSchema(problemSchema);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tapeline',
        version: '1',
        description:
          'Market data as it arrives and as it was. Prices and sizes are exact decimal strings, ' +
          'times ISO 8601 in UTC, errors problem documents (RFC 9457). /api/X is the same as ' +
          '/api/v1/X. Live streams are at /ws, many on one socket, and ready-made at ' +
          '/ws/trades/{symbol}, /ws/quotes/{symbol}, ' +
          '/ws/candles/{symbol}?interval=&price=&indicators= and /ws/alerts; as server-sent ' +
          'events at /api/v1/stream.',
      },
    },
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, index) => nameOf(schema, index),
    },
    transform: ({ schema, url }) => ({ schema: isAlias(url) ? { hide: true } : schema, url }),
  });
}

function isAlias(url: string): boolean {
  return url.startsWith('/api/') && !url.startsWith('/api/v1/');
}

function nameOf({ $id }: { $id?: unknown }, index: number): string {
  return typeof $id === 'string' ? $id : `def-${index}`;
}

function answerError(
  error: FastifyError | Failure,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: GatewayLogger,
): FastifyReply {
  reply.headers(securityHeaders);
  const parameters = parametersOf(request);
  const given = { ...(request.params as object), ...(request.query as object) };
  const failure = failureOf(error, given, parameters);
  if (!failure) logger.error({ error, url: request.url }, 'a request failed');
  const status = error instanceof Failure ? undefined : error.statusCode;
  const problem = failure ? problemOf(failure, request.url, status) : internalProblem(request.url);
  if (failure?.kind.retryable) reply.header('retry-after', reply.getHeader('retry-after') ?? 1);
  return reply
    .code(problem.status)
    .header('content-type', problemType)
    .header('cache-control', 'no-store')
    .serializer((body: Problem) => JSON.stringify(body))
    .send(problem);
}

function parametersOf(request: FastifyRequest): ParameterSchemas {
  const { params, querystring } = request.routeOptions.schema ?? {};
  const ofPath = (params as { properties?: ParameterSchemas } | undefined)?.properties;
  const ofQuery = (querystring as { properties?: ParameterSchemas } | undefined)?.properties;
  return { ...ofPath, ...ofQuery };
}

/** What is no HTTP, too large or too slow gets an answer, if it can be given, and is hung up on. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const isSlow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const isLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const detail = isSlow
    ? 'The request did not arrive in time.'
    : isLarge
      ? 'The headers are too large.'
      : 'This is not a valid HTTP request.';
  const status = isSlow ? 408 : isLarge ? 431 : 400;
  const failure = new Failure('bad-request', detail, 'Send a whole, valid HTTP/1.1 request.');
  socket.end(problemMessage(problemOf(failure, '', status)), () => socket.destroy());
}
