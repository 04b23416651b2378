// The one door to PostgreSQL: which database, how a connection is set up, and what its errors mean.
// Invariant: whatever can go wrong outside this program leaves here as a Failure that names the
// database and the cure, and never the password; any other error is a bug and stays as it is.

import { Client, type ClientConfig } from 'pg';
import { Failure, type FailureCode, messageOf } from '../base/failure.ts';

/** A database that trusts us, at a Unix socket (`host` is its folder) or a TCP port. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/**
 * Where the database is: an address, or a DATABASE_URL such as `postgres://user:word@host/name`.
 */
export type Database = DatabaseAddress | string;

export interface SessionOptions {
  /** What `pg_stat_activity` says of us. */
  readonly application: string;
  /** After so many seconds PostgreSQL gives a statement up. */
  readonly statementSeconds: number;
}

const connectMsMax = 5_000;

/** What `pg` needs; rejects a DATABASE_URL that is none with Failure 'bad-configuration'. */
export function clientConfig(database: Database, session: SessionOptions): ClientConfig {
  return {
    ...(typeof database === 'string' ? { connectionString: checked(database) } : database),
    application_name: `tapeline ${session.application}`,
    connectionTimeoutMillis: connectMsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** Names, times and limits as our statements expect them; one round trip. */
export function sessionSetup({ statementSeconds }: SessionOptions): string {
  return `
    set search_path = tapeline;
    set timezone = 'UTC';
    set datestyle = 'ISO';
    set bytea_output = 'hex';
    set statement_timeout = '${statementSeconds}s';
    set idle_in_transaction_session_timeout = '${statementSeconds}s'`;
}

/** A connection of its own. The caller ends it. Rejects with a Failure. */
export async function connect(database: Database, session: SessionOptions): Promise<Client> {
  const client = new Client(clientConfig(database, session));
  // A lost connection is told by the next query; an error nobody listens to would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sessionSetup(session));
    return client;
  } catch (error) {
    void client.end().catch(() => undefined);
    throw explained(error, database);
  }
}

/**
 * Commits what `work` does when it resolves. When it rejects the caller must end the connection,
 * which rolls back: that also works where nothing more can be said to the server.
 */
export async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  const result = await work();
  await client.query('commit');
  return result;
}

/** The database for people: never the password. */
export function describeDatabase(database: Database): string {
  if (typeof database !== 'string') return describeAddress(database);
  const { hostname, port, pathname, searchParams } = parseUrl(database);
  return describeAddress({
    host: searchParams.get('host') || decodeURIComponent(hostname) || 'localhost',
    port: Number(port || 5432),
    database: decodeURIComponent(pathname.slice(1)),
  });
}

function describeAddress({ host, port, database }: Omit<DatabaseAddress, 'user'>): string {
  const place = host.startsWith('/') ? `the socket in ${host}` : `${host}:${port}`;
  return `database ${database || '(of the user)'} at ${place}`;
}

function checked(url: string): string {
  parseUrl(url);
  return url;
}

function parseUrl(url: string): URL {
  // A host may also come as a parameter, which leaves a place that URL wants filled.
  const parsed = URL.parse(url.replace('@/', '@localhost/'));
  if (parsed && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  const what = 'DATABASE_URL is not the URL of a PostgreSQL database';
  const cure =
    'Write it as postgres://USER:PASSWORD@HOST:5432/DATABASE; encode odd letters as %40.';
  throw new Failure('bad-configuration', what, cure);
}

// --- what errors mean ---

const waitOrStart = 'Start PostgreSQL there, or correct DATABASE_URL.';

/** By SQLSTATE, the code of a system call, or the text where there is neither. */
const troubles: readonly (readonly [pattern: RegExp, code: FailureCode, cure: string])[] = [
  [
    /^(28P01|28000) /,
    'database-unavailable',
    'Correct user and password in DATABASE_URL, or let the server accept them (pg_hba.conf).',
  ],
  [
    /^3D000 /,
    'database-unavailable',
    'Create it there (createdb), or correct the name in DATABASE_URL.',
  ],
  [
    /^42501 /,
    'database-unavailable',
    'Let this user make our tables: grant create on database DATABASE to USER.',
  ],
  [
    /^(42P01|3F000|42703|42883) /,
    'database-mismatch',
    'Its schema was changed by hand: restore it, or drop schema tapeline cascade and start again.',
  ],
  [/^53100 /, 'disk-full', 'Free space on the disk of the database; storing goes on by itself.'],
  [
    /^53\w{3} /,
    'database-unavailable',
    'The server is at a limit of its own: raise it (max_connections, memory) or lower the load.',
  ],
  [/^25006 /, 'database-unavailable', 'It is read-only: point DATABASE_URL at the primary.'],
  [
    /^(57014|55P03|40001|40P01|25P03|25P04) /,
    'database-unavailable',
    'It took too long or stood in the way of another: ask for less at once, or try again.',
  ],
  [
    /^(57P\w{2}|08\w{3}|58\w{3}) /,
    'database-unavailable',
    'The server starts, stops or lost a process; see its own log. The next call connects again.',
  ],
  [
    /certificate|SELF_SIGNED|UNABLE_TO_\w+|SSL/,
    'database-unavailable',
    'Correct sslmode or the certificates in DATABASE_URL.',
  ],
  [
    /^(ENOTFOUND|EAI_AGAIN) /,
    'database-unavailable',
    'No such host is known here: correct the host in DATABASE_URL.',
  ],
  [
    /^(ECONN\w+|ENOENT|EACCES|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL) /,
    'database-unavailable',
    waitOrStart,
  ],
  [
    /timeout expired|read timeout|Connection terminated|not queryable|terminated unexpectedly/,
    'database-unavailable',
    waitOrStart,
  ],
];

/** The Failure that an error of `pg` stands for; anything else comes back as it is. */
export function explained(error: unknown, database: Database): unknown {
  if (error instanceof Failure) return error;
  const text = `${sqlState(error) ?? ''} ${messageOf(error)}`;
  const known = troubles.find(([pattern]) => pattern.test(text));
  if (!known) return error;
  const [, code, cure] = known;
  const what = `${describeDatabase(database)}: ${messageOf(error) || sqlState(error)}`;
  return new Failure(code, what, cure, { cause: error });
}

/** The SQLSTATE of a PostgreSQL error, or the code of a failed system call. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
