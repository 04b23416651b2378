// Errors as RFC 9457 problem documents: what happened, and what the reader can do about it.
// Whatever a request ends in, it comes out of `problemOf`.

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Static, Type } from 'typebox';
import { Failure, type FailureCode } from '../base/failure.ts';

export const problemType = 'application/problem+json; charset=utf-8';

/** What OpenAPI calls it. */
export const problemName = 'Problem';

export const problemSchema = Type.Object(
  {
    type: Type.String({ description: 'Names the kind of problem, stable: a URN' }),
    title: Type.String({ description: 'The kind of problem, for a person' }),
    status: Type.Integer({ description: 'The HTTP status' }),
    detail: Type.String({ description: 'What happened this time' }),
    instance: Type.String({ description: 'The path that was asked for' }),
    cure: Type.String({ description: 'What can be done about it' }),
  },
  { $id: problemName },
);

export type Problem = Static<typeof problemSchema>;

/** What Fastify says of a request that it refuses itself. */
interface RefusedRequest {
  readonly code?: string;
  readonly message: string;
  readonly statusCode?: number;
  readonly validation?: readonly ValidationError[] | undefined;
  readonly validationContext?: string | undefined;
}

interface ValidationError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

interface ParameterSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

export type ParameterSchemas = Readonly<Record<string, ParameterSchema>>;

/** `status` where HTTP has a closer one than the table. */
export function problemOf(
  failure: Failure,
  url: string,
  status: number = failure.kind.status,
): Problem {
  const title = failure.code.replaceAll('-', ' ');
  return {
    type: `urn:tapeline:problem:${failure.code}`,
    title: title[0].toUpperCase() + title.slice(1),
    status,
    detail: failure.message,
    instance: url.split('?', 1)[0].slice(0, 256),
    cure: failure.cure,
  };
}

/** Of a bug, or of a failure that was not foreseen: it goes to the log, not to the client. */
export function internalProblem(url: string): Problem {
  return {
    type: 'urn:tapeline:problem:internal',
    title: 'Internal error',
    status: 500,
    detail: 'The server failed to answer this request.',
    instance: url.split('?', 1)[0].slice(0, 256),
    cure: 'Look into the log of the server for this path, and report what it says.',
  };
}

/** The whole answer, for a socket that the server's own answers no longer reach; it then closes. */
export function problemMessage(problem: Problem, ...headers: readonly string[]): string {
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Connection: close',
    `Content-Type: ${problemType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Of a request to upgrade to a WebSocket. */
export function refuseUpgrade(socket: Duplex, url: string, failure: Failure): void {
  const retry = failure.kind.retryable ? ['Retry-After: 1'] : [];
  socket.once('finish', () => socket.destroy());
  socket.end(problemMessage(problemOf(failure, url), ...retry));
}

/** What Fastify refused, as a Failure of ours; null when it was no fault of the client. */
export function failureOf(
  error: RefusedRequest,
  given: unknown,
  parameters: ParameterSchemas,
): Failure | null {
  if (error instanceof Failure) return error;
  if (error.validation?.[0]) return invalid(error.validation[0], given, parameters);
  if (error.code === 'FST_ERR_HANDLER_TIMEOUT') {
    return new Failure(
      'not-ready',
      'The answer took too long.',
      'Ask for less at once, or again later.',
    );
  }
  const { statusCode = 500 } = error;
  if (statusCode < 400 || statusCode >= 500) return null;
  const code: FailureCode = statusCode === 404 ? 'not-found' : 'bad-request';
  return new Failure(code, `${error.message}.`, 'See /openapi.json for what can be asked.');
}

export function unknownSymbol(symbol: string): Failure {
  return new Failure(
    'not-found',
    `There is no symbol "${symbol}".`,
    'See /api/v1/symbols for the symbols there are.',
  );
}

function invalid(
  { keyword, instancePath, params, message }: ValidationError,
  given: unknown,
  parameters: ParameterSchemas,
): Failure {
  if (keyword === 'additionalProperties') {
    const names = Object.keys(parameters).map((name) => `"${name}"`);
    return new Failure(
      'bad-request',
      `There is no parameter "${String(params.additionalProperty)}" here.`,
      names.length > 0 ? `Leave it out; there are ${names.join(', ')}.` : 'Leave it out.',
    );
  }
  const name = instancePath.slice(1);
  const value = (given as Readonly<Record<string, unknown>> | null)?.[name];
  const schema = parameters[name];
  return new Failure(
    'bad-request',
    `The parameter "${name}" is ${JSON.stringify(value) ?? 'missing'}, which it cannot be.`,
    schema ? `Give ${allowed(schema)}.` : `Mend it: ${message ?? keyword}.`,
  );
}

function allowed({ type, enum: values, minimum, maximum, maxLength }: ParameterSchema): string {
  if (values) return `one of ${values.join(', ')}`;
  if (type === 'integer') return `one whole number from ${minimum} to ${maximum}`;
  return maxLength === undefined ? 'one text' : `one text of at most ${maxLength} characters`;
}
