// A candle's figures, whether they come out again from its trades, and which trade made which.

import type { CandleExplanation, ExplainedTrade } from '../api.ts';
import { digitsAfterPoint } from '../decimal.ts';
import * as format from '../format.ts';

type Explanation = { readonly explanation: CandleExplanation };

export function CandleReasons({ explanation }: Explanation) {
  const { start, stored, notes } = explanation;
  return (
    <>
      <p className="muted">
        <time dateTime={start}>{format.moment(start)}</time>
        {stored ? ` · ${stored.state}, revision ${format.count(stored.revision)}` : null}
      </p>
      <Verdict explanation={explanation} />
      <Makers explanation={explanation} />
      <Counts explanation={explanation} />
      {notes.map((note) => (
        <p key={note} className="note">
          {note}
        </p>
      ))}
      <Trades explanation={explanation} />
    </>
  );
}

function Verdict({ explanation: { matches, differences, stored } }: Explanation) {
  if (stored?.state === 'open') {
    return (
      <p className="verdict" data-verdict="unknown">
        It is still open. What is stored of it may lack its last trades.
      </p>
    );
  }
  if (matches === null) {
    return (
      <p className="verdict" data-verdict="unknown">
        There are no trades stored to compute it from again.
      </p>
    );
  }
  if (matches) {
    return (
      <p className="verdict" data-verdict="same">
        ✓ Computed again from its trades, it is the same.
      </p>
    );
  }
  return (
    <div className="verdict" data-verdict="other">
      <p>! Computed again from its trades, it differs:</p>
      <ul>
        {differences.map(({ field, stored, recomputed }) => (
          <li key={field}>
            {field}: {stored ?? 'none'} is stored, {recomputed ?? 'none'} comes out
          </li>
        ))}
      </ul>
    </div>
  );
}

const prices = ['open', 'high', 'low', 'close'] as const;

function Makers({ explanation: { stored, recomputed, made } }: Explanation) {
  const candle = stored ?? recomputed;
  if (!candle) return null;
  const digits = Math.max(2, ...prices.map((name) => digitsAfterPoint(candle[name])));
  return (
    <table className="reasons">
      <thead>
        <tr>
          <th scope="col">Price</th>
          <th scope="col">Stored</th>
          <th scope="col">Made by the trade at</th>
          <th scope="col">Size</th>
        </tr>
      </thead>
      <tbody>
        {prices.map((name) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{format.price(candle[name], digits)}</td>
            <td>{made[name] ? format.preciseClock(made[name].time) : format.nothing}</td>
            <td>{format.size(made[name]?.size ?? null)}</td>
          </tr>
        ))}
        <tr>
          <th scope="row">VWAP</th>
          <td>{candle.vwap === null ? format.nothing : format.exact(candle.vwap)}</td>
          <td colSpan={2} />
        </tr>
        <tr>
          <th scope="row">volume</th>
          <td>{format.exact(candle.volume)}</td>
          <td colSpan={2} />
        </tr>
      </tbody>
    </table>
  );
}

function Counts({ explanation: { counts } }: Explanation) {
  const { trades, late, repeats, openClose, highLow, volume } = counts;
  return (
    <dl className="counts">
      <Count name="trades">{trades}</Count>
      <Count name="may set open, close">{openClose}</Count>
      <Count name="may set high, low">{highLow}</Count>
      <Count name="count to volume">{volume}</Count>
      <Count name="too late">{late}</Count>
      <Count name="repeats">{repeats}</Count>
    </dl>
  );
}

function Count({ name, children }: { readonly name: string; readonly children: number }) {
  return (
    <div>
      <dd>{format.count(children)}</dd>
      <dt>{name}</dt>
    </div>
  );
}

function Trades({ explanation: { trades, counts } }: Explanation) {
  if (trades.length === 0) return null;
  return (
    <>
      <h3>
        {trades.length < counts.trades
          ? `The first ${format.count(trades.length)} of ${format.count(counts.trades)} trades`
          : 'Its trades'}
      </h3>
      <table className="reasons">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Price</th>
            <th scope="col">Size</th>
            <th scope="col" className="rule">
              Rule
            </th>
          </tr>
        </thead>
        <tbody>
          {trades.map((trade) => (
            <tr key={trade.position.offset} data-verdict={trade.verdict}>
              <td>{format.preciseClock(trade.time)}</td>
              <td>{format.exact(trade.price)}</td>
              <td>{format.size(trade.size)}</td>
              <td className="rule">{ruleOf(trade)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function ruleOf({ made, verdict, rules, isRepeat }: ExplainedTrade): string {
  const parts = [
    made.length > 0 ? `made ${made.join(', ')}` : '',
    verdict === 'on time' ? '' : verdict,
    isRepeat ? 'repeat' : '',
    ...rules.map(({ meaning }) => meaning),
  ];
  return parts.filter((part) => part !== '').join('; ');
}
