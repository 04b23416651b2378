// What a client of /ws may say, as schemas: they check each message, and describe it.

import { type Static, type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Failure } from '../../base/failure.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { intervals } from '../../contracts/interval.ts';
import { severities } from '../../contracts/signal.ts';

/** `summary` is made of memory; the others are topics of the log. */
export const streams = ['trades', 'quotes', 'candles', 'alerts', 'news', 'summary'] as const;
export type Stream = (typeof streams)[number];

/** Whether it tells of rare events, each for itself: their symbols need not be known yet. */
export function isOfEvents(stream: Stream): boolean {
  return stream === 'alerts' || stream === 'news';
}

/** What happens to a subscription while its client is slow; see docs/WEBSOCKET.md. */
export const policies = ['lossless', 'conflate', 'skip', 'close'] as const;
export type Policy = (typeof policies)[number];

const id = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'Names the subscription on its connection',
});

const subscribeSchema = Type.Object(
  {
    op: Type.Literal('subscribe'),
    id,
    stream: Type.Enum([...streams]),
    symbols: Type.Union(
      [Type.Literal('*'), Type.Array(Type.String({ minLength: 1, maxLength: 32 }))],
      { description: 'A list, or "*" for every symbol, those that are introduced later too' },
    ),
    interval: Type.Optional(Type.Enum([...intervals], { description: 'Of candles; 1m without' })),
    price: Type.Optional(Type.Enum([...priceKinds], { description: 'Of candles; trade without' })),
    indicators: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), { description: 'Of candles, such as sma:20' }),
    ),
    severity: Type.Optional(
      Type.Enum([...severities], { description: 'Of alerts; any severity without' }),
    ),
    policy: Type.Optional(Type.Enum([...policies], { description: 'While the client is slow' })),
    cursor: Type.Optional(
      Type.String({
        maxLength: 16_384,
        description:
          'Goes on after it, from the log if need be: the newest of each partition that the ' +
          'subscription is of, with commas between',
      }),
    ),
    history: Type.Optional(
      Type.Integer({ minimum: 1, description: 'How many of the past, of each symbol' }),
    ),
    from: Type.Optional(
      Type.String({ maxLength: 40, description: 'ISO 8601: all of the past since then' }),
    ),
  },
  { additionalProperties: false, $id: 'Subscribe' },
);

const unsubscribeSchema = Type.Object(
  { op: Type.Literal('unsubscribe'), id },
  { additionalProperties: false, $id: 'Unsubscribe' },
);

const pingSchema = Type.Object(
  { op: Type.Literal('ping') },
  { additionalProperties: false, $id: 'Ping' },
);

export type Subscribe = Static<typeof subscribeSchema>;
type ClientMessage = Subscribe | Static<typeof unsubscribeSchema> | Static<typeof pingSchema>;

/** By op. */
export const clientMessages = {
  subscribe: subscribeSchema,
  unsubscribe: unsubscribeSchema,
  ping: pingSchema,
};
type Op = keyof typeof clientMessages;

interface Refusal {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message: string;
}

interface Check {
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly Refusal[];
}

const compile = (schema: TSchema): Check => Compile(schema) as unknown as Check;

const checks: Record<Op, Check> = {
  subscribe: compile(clientMessages.subscribe),
  unsubscribe: compile(clientMessages.unsubscribe),
  ping: compile(clientMessages.ping),
};

const ops = Object.keys(checks) as Op[];

/** Throws Failure `bad-request`. */
export function parseMessage(text: string): ClientMessage {
  const message = parseJson(text);
  const op = ops.find((one) => one === (message as { op?: unknown } | null)?.op);
  if (op === undefined) {
    const cure = `Send an object whose "op" is one of ${ops.join(', ')}; see docs/WEBSOCKET.md.`;
    throw new Failure('bad-request', 'This message has no "op" that is known.', cure);
  }
  requireValid(checks[op], message);
  return message as ClientMessage;
}

/** Throws Failure `bad-request`. */
export function parseSubscribe(given: unknown): Subscribe {
  requireValid(checks.subscribe, given);
  return given as Subscribe;
}

/** The id of a message, if it has one that can be answered, whatever else is wrong with it. */
export function idOf(text: string): string | null {
  try {
    const given = (JSON.parse(text) as { id?: unknown } | null)?.id;
    return typeof given === 'string' ? given.slice(0, 64) : null;
  } catch {
    return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('bad-request', 'This message is no JSON.', 'Send one JSON object.');
  }
}

function requireValid(check: Check, given: unknown): void {
  if (check.Check(given)) return;
  const refusals = check.Errors(given);
  const unknown = refusals.find(({ keyword }) => keyword === 'additionalProperties');
  if (unknown) {
    const names = (unknown.params.additionalProperties as string[]).map((name) =>
      name.slice(0, 64),
    );
    const detail = `"${names[0]}" is unknown here.`;
    throw new Failure('bad-request', detail, 'Leave it out; see docs/WEBSOCKET.md.');
  }
  // The deepest says most: of a list, which of it.
  const depthOf = ({ instancePath }: Refusal): number => instancePath.split('/').length;
  const refusal = refusals.reduce((most, one) => (depthOf(one) > depthOf(most) ? one : most));
  const { keyword, instancePath, params, message } = refusal;
  if (keyword === 'required') {
    const names = (params.requiredProperties as string[]).map((name) => `"${name}"`);
    throw new Failure('bad-request', `There is no ${names.join(', ')}.`, 'Add it.');
  }
  const [name, ...more] = instancePath.slice(1).split('/');
  const value = JSON.stringify((given as Readonly<Record<string, unknown>>)[name]) ?? '';
  const shown = value.length > 64 ? `${value.slice(0, 64)}…` : value;
  const place = more.length > 0 ? ` (at ${more.join(', ')})` : '';
  const detail = `"${name}" is ${shown}${place}, which it cannot be.`;
  const allowed = params.allowedValues as readonly string[] | undefined;
  if (allowed) throw new Failure('bad-request', detail, `Give one of ${allowed.join(', ')}.`);
  // Of `symbols`, that it is no "*".
  const cure = keyword === 'const' ? 'Give a list, or "*".' : `Mend it: it ${message}.`;
  throw new Failure('bad-request', detail, cure);
}
