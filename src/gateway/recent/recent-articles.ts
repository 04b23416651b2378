// The articles at the log's end.

import type { Article } from '../../contracts/article.ts';
import { RecentRecords } from './recent-records.ts';

/** null for any. */
type SymbolsFilter = ReadonlySet<string> | null;

export class RecentArticles extends RecentRecords<Article, SymbolsFilter> {
  constructor(max: number) {
    super(max, ({ symbols }, filter) => filter === null || symbols.some((one) => filter.has(one)));
  }
}
