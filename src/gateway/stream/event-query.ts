// What the query of a stream of events asks for: the fields of `subscribe` as parameters. Each
// `stream` begins a subscription, and what follows is of that one.

import { Failure } from '../../base/failure.ts';
import { parseEventId } from '../cursor.ts';
import { clientMessages, parseSubscribe, type Subscribe } from './client-messages.ts';

const names = Object.keys(clientMessages.subscribe.properties).filter((name) => name !== 'op');

/**
 * Each has an id, its number unless one is given. The id of the last event that was heard, if it is
 * not empty, says where they go on. Throws Failure `bad-request`.
 */
export function subscribesByQuery(
  query: URLSearchParams,
  lastEventId: string,
): readonly Subscribe[] {
  const list: Record<string, unknown>[] = [];
  for (const [name, text] of query) {
    if (name === 'stream') list.push({ op: 'subscribe', id: String(list.length + 1) });
    const last = list.at(-1);
    if (!last || !names.includes(name) || (name in last && name !== 'id')) throw misplaced(name);
    last[name] = fieldOf(name, text);
  }
  if (list.length === 0) {
    const cure = 'Give one, such as ?stream=trades&symbols=AAPL; see docs/WEBSOCKET.md.';
    throw new Failure('bad-request', 'There is no "stream".', cure);
  }
  const asked = list.map(parseSubscribe);
  if (lastEventId === '') return asked;
  const cursors = parseEventId(lastEventId, asked.length);
  return asked.map((one, index) => (cursors[index] === '' ? one : goingOn(one, cursors[index])));
}

function goingOn({ history: _history, from: _from, ...asked }: Subscribe, cursor: string) {
  return { ...asked, cursor };
}

function fieldOf(name: string, text: string): unknown {
  if (name === 'symbols' && text !== '*') return text.split(',');
  if (name === 'indicators') return text.split(';');
  return name === 'history' && /^\d{1,9}$/.test(text) ? Number(text) : text;
}

function misplaced(name: string): Failure {
  return new Failure(
    'bad-request',
    `The parameter "${name}" is unknown here, given twice, or before any "stream".`,
    `Begin each subscription with "stream", and then give any of ${names.join(', ')} once.`,
  );
}
