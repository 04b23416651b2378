// The store's writers as sinks that work in a thread of their own. What a sink promises holds: a
// write that fails, or a thread that dies in the middle, leaves rows and position as they were.

import type { Sink, SinkBatch } from '../store/sink.ts';
import { Remote } from './remote.ts';
import type { SinkQuestion, SinkThreadData } from './sink-thread.ts';

/** Opens the thread; it ends when the last of its sinks is closed. */
export async function openThreadSinks(data: SinkThreadData): Promise<readonly Sink[]> {
  const remote = new Remote('./sink-thread.ts', data);
  const topics = (await remote.ask({ ask: 'topics' } satisfies SinkQuestion)) as string[];
  let open = topics.length;
  return topics.map((topic): Sink => {
    const ask = async (question: SinkQuestion): Promise<unknown> => await remote.ask(question);
    return {
      topic,
      position: async () => (await ask({ ask: 'position', topic })) as number,
      async write(batches: readonly SinkBatch[], next: number) {
        await ask({ ask: 'write', topic, batches, next });
      },
      async close() {
        await ask({ ask: 'close', topic });
        open -= 1;
        if (open === 0) await remote.end();
      },
    };
  });
}
