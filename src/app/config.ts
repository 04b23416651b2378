// What the environment says, checked once at start. A wrong value is refused with its name, what
// was given and what is allowed; nothing secret has a default.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, messageOf } from '../base/failure.ts';

export const feedNames = ['simulator', 'coinbase', 'kraken'] as const;
export type FeedName = (typeof feedNames)[number];

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

const switches = ['on', 'off'] as const;

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Where roles that serve nothing else tell how they fare; null: nowhere. */
  readonly metricsPort: number | null;
  /** Origins whose pages may have live streams, beside our own. */
  readonly allowedOrigins: readonly string[];
  /** Whether WebSockets that can are told compressed messages. */
  readonly webSocketCompression: boolean;
  /** Absolute. Holds the log and, unless `databaseUrl` is set, the database. */
  readonly dataDir: string;
  readonly databaseUrl: string | null;
  /** Where rows are published and where the processes that `tapeline run` starts meet. */
  readonly kafka: KafkaConfig | null;
  /** May hold a password; null: rows are published as JSON alone. */
  readonly schemaRegistryUrl: string | null;
  readonly flinkSqlGatewayUrl: string;
  /** Of the job manager. */
  readonly flinkRestUrl: string;
  readonly redisUrl: string | null;
  /** Where the log is; null: in `dataDir`. */
  readonly rabbitMqUrl: string | null;
  readonly feeds: readonly FeedName[];
  /** Empty: each feed's own default. */
  readonly symbols: readonly string[];
  /** Of the simulator. */
  readonly tradesPerSecond: number;
  /** How far behind a trade or cancel may be and still change candles; null: as the command. */
  readonly correctionHours: number | null;
  readonly retentionHours: number;
  readonly retentionGigabytes: number;
  readonly logLevel: (typeof logLevels)[number];
}

export interface KafkaConfig {
  /** `host:port` of some servers. */
  readonly servers: readonly string[];
  readonly security: KafkaSecurity;
  readonly partitions: number;
  /** What the names of topics, groups and transactions begin with. */
  readonly prefix: string;
  /** Names this process among those of its role, also after a restart; null for none. */
  readonly instance: string | null;
}

export interface KafkaSecurity {
  /** `ca` is PEM; null: whom this machine trusts. */
  readonly tls: { readonly ca: string | null } | null;
  readonly sasl: {
    readonly mechanism: (typeof saslMechanisms)[number];
    readonly username: string;
    readonly password: string;
  } | null;
}

/** As Kafka writes them. */
const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

export type Environment = Readonly<Record<string, string | undefined>>;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Throws Failure `bad-configuration`, naming the variable and the cure. */
export function readConfig(env: Environment, logLevel: Config['logLevel'] = 'info'): Config {
  return {
    host: text(env, 'HOST', '127.0.0.1'),
    port: whole(env, 'PORT', 8000, 0, 65_535),
    metricsPort: optional(env, 'METRICS_PORT', 0, 65_535),
    allowedOrigins: list(env, 'ALLOWED_ORIGINS', []),
    webSocketCompression:
      oneOf('WEBSOCKET_COMPRESSION', text(env, 'WEBSOCKET_COMPRESSION', 'off'), switches) === 'on',
    dataDir: resolve(text(env, 'DATA_DIR', resolve(root, 'data'))),
    databaseUrl: databaseUrl(env),
    kafka: kafka(env),
    schemaRegistryUrl: schemaRegistryUrl(env),
    flinkSqlGatewayUrl: httpUrl(env, 'FLINK_SQL_GATEWAY_URL', 'http://127.0.0.1:8083'),
    flinkRestUrl: httpUrl(env, 'FLINK_REST_URL', 'http://127.0.0.1:8081'),
    redisUrl: redisUrl(env),
    rabbitMqUrl: rabbitMqUrl(env),
    feeds: list(env, 'FEEDS', ['simulator']).map((name) => oneOf('FEEDS', name, feedNames)),
    symbols: list(env, 'SYMBOLS', []).map((symbol) => symbol.toUpperCase()),
    tradesPerSecond: whole(env, 'TRADES_PER_SECOND', 100, 1, 1_000_000),
    correctionHours: optional(env, 'CORRECTION_HORIZON_HOURS', 1, 1_000_000),
    retentionHours: whole(env, 'LOG_RETENTION_HOURS', 7 * 24, 1, 100_000),
    retentionGigabytes: whole(env, 'LOG_RETENTION_GB', 10, 1, 100_000),
    logLevel: oneOf('LOG_LEVEL', text(env, 'LOG_LEVEL', logLevel), logLevels),
  };
}

function given(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function text(env: Environment, name: string, fallback: string): string {
  return given(env, name) ?? fallback;
}

function list(env: Environment, name: string, fallback: readonly string[]): readonly string[] {
  const value = given(env, name);
  if (value === undefined) return fallback;
  const items = value.split(',').map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ''))];
}

function whole(env: Environment, name: string, fallback: number, min: number, max: number): number {
  return optional(env, name, min, max) ?? fallback;
}

function optional(env: Environment, name: string, min: number, max: number): number | null {
  const value = given(env, name);
  if (value === undefined) return null;
  const parsed = Number(value);
  if (!/^\d+$/.test(value) || parsed < min || parsed > max) {
    throw refused(name, value, `a whole number from ${min} to ${max}`);
  }
  return parsed;
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value.toLowerCase());
  if (found === undefined) throw refused(name, value, `one of ${allowed.join(', ')}`);
  return found;
}

function databaseUrl(env: Environment): string | null {
  return address(env, 'DATABASE_URL', 'a PostgreSQL address', /^postgres(ql)?:\/\/.+/, {
    as: 'postgres://user:password@host:5432/database',
    without: 'to use our own',
  });
}

function redisUrl(env: Environment): string | null {
  return address(env, 'REDIS_URL', 'a Redis address', /^rediss?:\/\/.+/, {
    as: 'redis://user:password@host:6379/0 (rediss:// for TLS)',
    without: 'where there is one gateway',
  });
}

function schemaRegistryUrl(env: Environment): string | null {
  const name = 'SCHEMA_REGISTRY_URL';
  const url = address(env, name, 'the address of a schema registry', /^https?:\/\/[^/\s]+/, {
    as: 'http://user:password@host:8081, with the path of its interface where it has one',
    without: 'to publish no Avro',
  });
  if (url === null || kafka(env) !== null) return url;
  throw new Failure(
    'bad-configuration',
    `${name} is set, and without KAFKA_BOOTSTRAP_SERVERS no rows are published.`,
    `Set KAFKA_BOOTSTRAP_SERVERS to host:port of brokers, or leave ${name} out.`,
  );
}

function rabbitMqUrl(env: Environment): string | null {
  return address(env, 'RABBITMQ_URL', 'a RabbitMQ address', /^amqps?:\/\/.+/, {
    as: 'amqp://user:password@host:5672/virtual-host (amqps:// for TLS)',
    without: 'to keep the log in the data folder',
  });
}

/** The value may hold a password: it is not repeated. */
function address(
  env: Environment,
  name: string,
  what: string,
  pattern: RegExp,
  cure: { readonly as: string; readonly without: string },
): string | null {
  const value = given(env, name);
  if (value === undefined) return null;
  if (pattern.test(value) && URL.canParse(value)) return value;
  throw new Failure(
    'bad-configuration',
    `${name} is not ${what}.`,
    `Give it as ${cure.as}, or leave it out ${cure.without}.`,
  );
}

function kafka(env: Environment): KafkaConfig | null {
  const servers = list(env, 'KAFKA_BOOTSTRAP_SERVERS', []);
  if (servers.length === 0) return null;
  const wrong = servers.find((server) => !/^[^\s:/]+:\d{1,5}$/.test(server));
  if (wrong !== undefined) {
    throw refused('KAFKA_BOOTSTRAP_SERVERS', wrong, 'host:port, separated by commas');
  }
  const prefix = text(env, 'KAFKA_PREFIX', 'tapeline');
  if (!/^[a-zA-Z0-9._-]{1,100}$/.test(prefix)) {
    throw refused('KAFKA_PREFIX', prefix, 'up to 100 letters, digits, dots, dashes, underscores');
  }
  return {
    servers,
    security: { tls: kafkaTls(env), sasl: kafkaSasl(env) },
    partitions: whole(env, 'KAFKA_PARTITIONS', 3, 1, 1_000),
    prefix,
    instance: given(env, 'INSTANCE_ID') ?? null,
  };
}

function kafkaTls(env: Environment): KafkaSecurity['tls'] {
  const isWanted = oneOf('KAFKA_TLS', text(env, 'KAFKA_TLS', 'false'), ['true', 'false']);
  const file = given(env, 'KAFKA_TLS_CA_FILE');
  if (isWanted === 'true') return { ca: file === undefined ? null : certificatesIn(file) };
  if (file === undefined) return null;
  throw new Failure(
    'bad-configuration',
    'KAFKA_TLS_CA_FILE is set, and KAFKA_TLS is not true.',
    'Set KAFKA_TLS=true, or leave KAFKA_TLS_CA_FILE out.',
  );
}

function certificatesIn(file: string): string {
  const cure = 'Set it to a file of certificates as PEM, or leave it out to trust as Node does.';
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    const message = `KAFKA_TLS_CA_FILE cannot be read: ${messageOf(error)}.`;
    throw new Failure('bad-configuration', message, cure, { cause: error });
  }
  if (content.includes('-----BEGIN CERTIFICATE-----')) return content;
  const message = `KAFKA_TLS_CA_FILE is '${file}', which holds no certificate.`;
  throw new Failure('bad-configuration', message, cure);
}

/** A password is not repeated, whatever is wrong with it. */
function kafkaSasl(env: Environment): KafkaSecurity['sasl'] {
  const names = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
  const [mechanism, username, password] = names.map((name) => given(env, name));
  if (mechanism !== undefined && username !== undefined && password !== undefined) {
    const wanted = mechanism.toUpperCase();
    const found = saslMechanisms.find((known) => known === wanted);
    if (found) return { mechanism: found, username, password };
    const allowed = `one of ${saslMechanisms.join(', ').toLowerCase()}`;
    throw refused('KAFKA_SASL_MECHANISM', mechanism, allowed);
  }
  const missing = names.filter((name) => given(env, name) === undefined);
  if (missing.length === names.length) return null;
  throw new Failure(
    'bad-configuration',
    `${missing.join(' and ')} not set, and SASL needs all of ${names.join(', ')}.`,
    'Set all three, or none where Kafka asks for no password.',
  );
}

/** Without a slash at its end. */
function httpUrl(env: Environment, name: string, fallback: string): string {
  const value = text(env, name, fallback).replace(/\/+$/, '');
  if (/^https?:\/\/[^/\s]+/.test(value) && URL.canParse(value)) return value;
  throw refused(name, value, `an address such as ${fallback}`);
}

function refused(name: string, value: string, allowed: string): Failure {
  const message = `${name} is '${value}', but must be ${allowed}.`;
  return new Failure('bad-configuration', message, `Set ${name} to ${allowed}, or leave it out.`);
}
