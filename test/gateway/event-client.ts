// A client of server-sent events, as the HTML standard (section 9.2.6) has a browser read them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { complaintOf, type Message, type Served } from './rig.ts';

export interface StreamEvent {
  /** What a browser would give back if the stream were cut now. */
  readonly id: string;
  readonly message: Message;
}

export class EventClient {
  readonly response: IncomingMessage;
  readonly #events: AsyncGenerator<StreamEvent>;
  /** Lines of comments so far. */
  comments = 0;
  retry = '';

  constructor(response: IncomingMessage, lastEventId: string) {
    this.response = response;
    this.#events = this.#read(lastEventId);
  }

  static async open(one: Served, query: string, lastEventId = ''): Promise<EventClient> {
    const headers = lastEventId === '' ? {} : { 'last-event-id': lastEventId };
    const asked = request(`${one.gateway.url}/api/v1/stream?${query}`, { agent: false, headers });
    asked.end();
    const [response] = await once(asked, 'response');
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['content-type'], 'text/event-stream');
    return new EventClient(response, lastEventId);
  }

  async next(): Promise<StreamEvent> {
    const { value, done } = await this.#events.next();
    assert.ok(!done, 'the stream has ended');
    return value;
  }

  async take(count: number): Promise<StreamEvent[]> {
    const taken: StreamEvent[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** Events until one is as asked, that one too. */
  async until(isLast: (message: Message) => boolean): Promise<StreamEvent[]> {
    const taken: StreamEvent[] = [];
    do taken.push(await this.next());
    while (!isLast(taken[taken.length - 1].message));
    return taken;
  }

  /** What comes before the stream ends. */
  async rest(): Promise<StreamEvent[]> {
    return await Array.fromAsync(this.#events);
  }

  cut(): void {
    this.response.destroy();
  }

  async *#read(lastEventId: string): AsyncGenerator<StreamEvent> {
    let [id, data] = [lastEventId, ''];
    for await (const line of linesOf(this.response)) {
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (line === '' && data !== '') {
        const message = JSON.parse(data);
        assert.equal(complaintOf(message), null);
        yield { id, message };
        data = '';
      } else if (line.startsWith(':')) this.comments++;
      else if (field === 'id') id = value;
      else if (field === 'data') data += value;
      else if (field === 'retry') this.retry = value;
      else assert.equal(line, '');
    }
  }
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
}
