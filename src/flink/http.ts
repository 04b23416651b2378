// One exchange of JSON with a server of Flink's. What it says in its long exceptions is brought
// down to their cause, which is what a person can mend.

import { Failure, messageOf } from '../base/failure.ts';

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
}

/** Planning a job takes seconds on a small machine; nothing takes this long. */
const patienceMs = 120_000;

/** Throws Failure `flink-unavailable` or `flink-refused`; `variable` names where the URL is set. */
export async function exchange(variable: string, url: string, call: Call = {}): Promise<unknown> {
  const { method = 'GET', body } = call;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(patienceMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json' },
    });
    text = await response.text();
  } catch (error) {
    throw new Failure(
      'flink-unavailable',
      `Flink does not answer at ${url}: ${reasonOf(error)}.`,
      `Start it, or set ${variable} to where it runs.`,
      { cause: error },
    );
  }
  const answer = parsed(text);
  if (response.ok && answer !== undefined) return answer;
  throw new Failure(
    'flink-refused',
    `Flink refused ${method} ${url} (${response.status}): ${causeIn(text)}`,
    'Mend what it says, then try again; its log tells more.',
  );
}

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return messageOf(cause ?? error);
}

/**
 * The root cause in what a server answered: the last `Caused by` of a Java stack trace, without the
 * trace; else the first line that says something.
 */
export function causeIn(answer: string): string {
  const body = parsed(answer) as { errors?: readonly string[] } | null | undefined;
  const text = body?.errors?.join('\n') ?? answer;
  const lines = text.split('\n').map((line) => line.trim());
  const start = lines.findLastIndex((line) => line.startsWith('Caused by: '));
  const from =
    start >= 0 ? start : lines.findIndex((line) => /^[\w.$]+(Exception|Error):/.test(line));
  const rest = lines.slice(Math.max(from, 0));
  const end = rest.findIndex(
    (line) => /^at [\w.$/<>]+\(/.test(line) || /^\.{3} \d+ more$/.test(line),
  );
  const said = (end < 0 ? rest : rest.slice(0, end)).join(' ').trim();
  const plain = said.replace(/^(Caused by: )?([\w$]+\.)*[\w$]+(Exception|Error)(: |$)/, '');
  return (plain || said).slice(0, causeMax);
}

const causeMax = 1_000;
