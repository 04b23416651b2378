// Articles: news as their source wrote it, and of whom it is. One that is corrected, or judged
// later, comes again with the same id and a higher revision.

import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';

export const articleSchema = Type.Object(
  {
    id: Type.String({ description: 'Derived from its address: what comes twice is one article' }),
    symbols: Type.Array(Type.String(), { description: 'Whom it is about; empty when unknown' }),
    time: Type.String({ description: 'When it was published, ISO 8601 UTC' }),
    received: Type.String({ description: 'When it reached us, ISO 8601 UTC' }),
    title: Type.String(),
    summary: Type.String({ description: 'A few sentences; empty when there are none' }),
    author: Type.String({ description: 'Empty when unknown' }),
    source: Type.String({ description: 'Who published it' }),
    url: Type.String({ description: 'Where to read it' }),
    sentiment: Type.Union([Type.String(), Type.Null()], {
      description:
        'From -1 (bad news) to 1 (good news), exact decimal; null when nobody has judged',
    }),
    revision: Type.Integer(),
  },
  { $id: 'Article' },
);

export type Article = Static<typeof articleSchema>;

export function articleId(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 32);
}
