// A schema registry that speaks as Confluent's does. Schemas are registered once, when rows are
// opened; encoding a row asks nobody, so a registry that goes away later stops nothing of ours.

import { ConfluentSchemaRegistry } from '@platformatic/kafka';
import type { TObject } from 'typebox';
import { Failure, messageOf } from '../base/failure.ts';
import { avroRecordsOf, avroSchemaOf } from './avro.ts';
import type { Row } from './rows.ts';

/** A row in the wire format of Confluent's: a zero, the id of its schema, and the row as Avro. */
export type AvroEncoder = (row: NonNullable<Row['value']>) => Buffer;

/**
 * Compacted topics hold rows of all versions, and who reads them is not upgraded with us: each
 * version has to read, and be read by, all others.
 */
const compatibility = 'FULL_TRANSITIVE';

const patienceMs = 10_000;

/**
 * Registers the schema of what a topic's values are. Throws Failure `registry-unavailable`, or
 * `registry-refused` where the registry holds a schema that ours does not go with.
 */
export async function registerRows(
  registryUrl: string,
  topic: string,
  contract: TObject,
): Promise<AvroEncoder> {
  const subject = `${topic}-value`;
  const { url, auth } = addressOf(registryUrl);
  await ask(url, auth, 'PUT', `/config/${subject}`, { compatibility });
  const schema = JSON.stringify(avroSchemaOf(contract));
  const { id } = await ask(url, auth, 'POST', `/subjects/${subject}/versions`, { schema });
  const registry = new ConfluentSchemaRegistry({ url, ...(auth && { auth }) });
  await new Promise<void>((resolve, reject) => {
    void registry.fetchSchema(id as number, (error) => (error ? reject(error) : resolve()));
  }).catch((error: unknown) => unavailable(url, error));
  const toRecord = avroRecordsOf(contract);
  const { value: encode } = registry.getSerializers();
  const metadata = { schemas: { value: id } };
  return (row) => {
    const record = toRecord(row) as unknown as Buffer;
    return encode(record, undefined, { topic, value: record, metadata }) as Buffer;
  };
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** `fetch` takes no credentials in an address. */
function addressOf(given: string): { readonly url: string; readonly auth: Credentials | null } {
  const address = new URL(given);
  const [username, password] = [address.username, address.password].map(decoded);
  address.username = '';
  address.password = '';
  const url = address.href.replace(/\/+$/, '');
  return { url, auth: username ? { username, password: password as string } : null };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    // It may be the password, so it is not repeated.
    throw new Failure(
      'bad-configuration',
      'SCHEMA_REGISTRY_URL has a % in its user or password that begins no escape.',
      'Write it as %25.',
      { cause },
    );
  }
}

async function ask(
  url: string,
  auth: Credentials | null,
  method: 'PUT' | 'POST',
  path: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const credentials = auth && Buffer.from(`${auth.username}:${auth.password}`).toString('base64');
  const response = await fetch(url + path, {
    method,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(patienceMs),
    headers: {
      'content-type': 'application/vnd.schemaregistry.v1+json',
      ...(credentials && { authorization: `Basic ${credentials}` }),
    },
  }).catch((error: unknown) => unavailable(url, error));
  const text = await response.text().catch((error: unknown) => unavailable(url, error));
  if (response.ok) return answerOf(text, url);
  if (response.status >= 500) return unavailable(url, new Error(`it answers ${response.status}`));
  throw new Failure(
    'registry-refused',
    `The schema registry refused ${method} ${path} (${response.status}): ${reasonIn(text)}`,
    response.status === 409
      ? 'The subject holds a schema that this version does not go with. Use a registry of its ' +
          'own for this plant, or delete the subject if nothing reads its rows any more.'
      : 'Mend what it says, or leave SCHEMA_REGISTRY_URL out to publish no Avro.',
  );
}

function answerOf(text: string, url: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new Failure(
      'registry-refused',
      `What answers at ${url} is no schema registry: ${text.slice(0, reasonMax)}`,
      "Set SCHEMA_REGISTRY_URL to the interface of the registry that is Confluent's.",
      { cause },
    );
  }
}

function unavailable(url: string, error: unknown): never {
  const { cause } = error as { cause?: unknown };
  throw new Failure(
    'registry-unavailable',
    `The schema registry does not answer at ${url}: ${messageOf(cause ?? error)}.`,
    'Start it, or set SCHEMA_REGISTRY_URL to where it runs; left out, no Avro is published.',
    { cause: error },
  );
}

const reasonMax = 500;

function reasonIn(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message).slice(0, reasonMax);
  } catch {
    return text.slice(0, reasonMax);
  }
}
