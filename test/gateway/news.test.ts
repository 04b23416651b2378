// News on /ws: an article is of many symbols, or of none, and is told once to whoever wants any.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect } from '../../client/index.ts';
import { type Article, articleId } from '../../src/contracts/article.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { EventClient } from './event-client.ts';
import { type Message, rig } from './rig.ts';
import { monday, second } from './tape.ts';

function article(minute: number, symbols: readonly string[], fields: Partial<Article> = {}) {
  const time = formatTime(monday + minute * 60 * second);
  const url = `https://example.com/${minute}`;
  return {
    id: articleId(url),
    symbols: [...symbols],
    time,
    received: time,
    title: `At ${minute}`,
    summary: '',
    author: '',
    source: 'Example',
    url,
    sentiment: null,
    revision: 0,
    ...fields,
  };
}

const titles = (messages: readonly Message[]): string[] => messages.map(({ title }) => title);

suite('news', () => {
  test('are told once to whoever wants any of their symbols, or all', async (t) => {
    const one = await rig(t);
    const [all, two, none] = [
      await one.connect('/ws'),
      await one.connect('/ws'),
      await one.connect('/ws'),
    ];
    const begun = await all.subscribe({ stream: 'news', symbols: '*' });
    assert.deepEqual([begun.type, begun.snapshot, begun.policy], ['subscribed', [], 'lossless']);
    await two.subscribe({ stream: 'news', symbols: ['msft', 'AAPL'] });
    await none.subscribe({ stream: 'news', symbols: ['NOBODY KNOWS'] });
    await one.tape.articles(
      article(1, ['AAPL', 'MSFT', 'X']),
      article(2, []),
      article(3, ['X', 'MSFT'], { sentiment: '-0.25' }),
      article(4, ['X']),
    );
    const told = await all.take(4);
    assert.deepEqual(titles(told), ['At 1', 'At 2', 'At 3', 'At 4']);
    const { type, cursor, ...first } = told[0];
    assert.deepEqual([type, first], ['article', article(1, ['AAPL', 'MSFT', 'X'])]);
    assert.equal(cursor, `${one.log.epoch}:0:0`);
    assert.deepEqual(titles(await two.take(2)), ['At 1', 'At 3']);
    await one.tape.articles(article(5, ['NOBODY KNOWS']));
    assert.deepEqual(titles(await none.take(1)), ['At 5']);
    const more = await two.subscribe({ id: 'more', stream: 'news', symbols: ['X'] });
    assert.match(more.detail, /"w" has some of this already/);
  });

  test('go on after a cursor, and begin with the newest version of what was', async (t) => {
    const one = await rig(t);
    await one.tape.articles(...[1, 2, 3, 4].map((minute) => article(minute, ['AAPL', 'MSFT'])));
    await one.tape.articles(article(5, ['MSFT']), article(2, ['AAPL'], { revision: 1 }));
    await one.settled();
    const asked = { stream: 'news', symbols: ['AAPL', 'MSFT'] };
    const [resumed, past, since] = [
      await one.connect('/ws'),
      await one.connect('/ws'),
      await one.connect('/ws'),
    ];
    await resumed.subscribe({ ...asked, cursor: `${one.log.epoch}:0:2` });
    const told = await resumed.take(3);
    assert.deepEqual(titles(told), ['At 4', 'At 5', 'At 2']);
    const { snapshot } = await past.subscribe({ ...asked, history: 4 });
    assert.deepEqual(titles(snapshot), ['At 2', 'At 3', 'At 4', 'At 5']);
    assert.equal(snapshot[0].revision, 1);
    const from = formatTime(monday + 4 * 60 * second);
    const later = await since.subscribe({ ...asked, symbols: ['AAPL'], from });
    assert.deepEqual(titles(later.snapshot), ['At 4']);
    await one.tape.articles(article(6, ['AAPL']));
    assert.deepEqual(titles([await past.next(), await since.next()]), ['At 6', 'At 6']);
  });

  test('come to clients of events and of the library too', async (t) => {
    const one = await rig(t);
    const client = connect(one.gateway.url);
    t.after(() => client.close());
    const subscription = client.subscribe({ stream: 'news', symbols: ['MSFT'] });
    assert.deepEqual(await subscription.snapshot, []);
    const events = await EventClient.open(one, 'stream=news&symbols=MSFT');
    await events.take(2);
    await one.tape.articles(article(1, ['AAPL']), article(2, ['AAPL', 'MSFT']));
    const { id, message } = await events.next();
    assert.deepEqual([id, message.title], [`${one.log.epoch}:0:1`, 'At 2']);
    await subscription.next();
    const { value } = await subscription.next();
    assert.deepEqual(value, message);
  });
});
