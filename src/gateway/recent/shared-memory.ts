// What all shards of a gateway remember in common, so that what a busy one needs may be more than
// its share: the rows of their rings, and the rare records, which are asked for across symbols.

import type { GatewayLimits } from '../limits.ts';
import { RecentArticles } from './recent-articles.ts';
import { RecentSignals } from './recent-signals.ts';
import { RowBudget } from './row-budget.ts';

export class SharedMemory {
  readonly trades: RowBudget;
  readonly candles: RowBudget;
  readonly signals: RecentSignals;
  readonly articles: RecentArticles;

  constructor(limits: GatewayLimits) {
    this.trades = new RowBudget(limits.recentTradesTotalMax);
    this.candles = new RowBudget(limits.recentCandlesTotalMax);
    this.signals = new RecentSignals(limits.recentSignalsMax);
    this.articles = new RecentArticles(limits.recentArticlesMax);
  }
}
