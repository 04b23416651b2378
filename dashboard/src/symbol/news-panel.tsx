// The news of a symbol, newest first, live, and how good or bad each was judged to be.

import { useEffect, useState } from 'react';
import type { Article } from '../api.ts';
import { Cell, useCell } from '../cell.ts';
import type { Direction } from '../decimal.ts';
import * as format from '../format.ts';
import { subscribe } from '../live.ts';
import { Arrow } from '../shell/arrow.tsx';

const shownMax = 20;

export function NewsPanel({ symbol }: { readonly symbol: string }) {
  const articles = useNews(symbol);
  return (
    <section className="panel news" aria-labelledby="news-title">
      <h2 id="news-title">News and sentiment</h2>
      {articles.length === 0 ? (
        <p className="empty">No news of {symbol}. None of the feeds brings news yet.</p>
      ) : (
        <ol>
          {articles.map((article) => (
            <li key={article.id}>
              <time dateTime={article.time}>{format.moment(article.time)}</time>
              <Sentiment sentiment={article.sentiment} />
              <Title article={article} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Title({ article: { title, url, source } }: { readonly article: Article }) {
  const isWeb = /^https?:\/\//.test(url);
  return (
    <span>
      {isWeb ? (
        <a href={url} target="_blank" rel="noreferrer">
          {title}
        </a>
      ) : (
        title
      )}{' '}
      <i>{source}</i>
    </span>
  );
}

/** From -1 to 1; nothing where nobody has judged. */
function Sentiment({ sentiment }: { readonly sentiment: string | null }) {
  if (sentiment === null) return <span />;
  const value = Number(sentiment);
  const direction: Direction = value > 0 ? 'up' : value < 0 ? 'down' : 'flat';
  return (
    <span data-direction={direction} title="Sentiment, from -1 to 1">
      <span className="directed">
        <Arrow direction={direction} />
        {sentiment}
      </span>
    </span>
  );
}

function useNews(symbol: string): readonly Article[] {
  const [cell] = useState(() => new Cell<readonly Article[]>([]));
  useEffect(
    () =>
      subscribe(
        { stream: 'news', symbol, history: shownMax },
        {
          next: (article) => {
            const others = cell.newest.filter(({ id }) => id !== article.id);
            const newestFirst = [article, ...others].sort((a, b) => (a.time < b.time ? 1 : -1));
            cell.set(newestFirst.slice(0, shownMax));
          },
        },
      ),
    [symbol, cell],
  );
  return useCell(cell);
}
