// A signal's definition, what was found, and the candles that it rests on.

import { kindNames, SeverityMark, severityNames } from '../alerts/severity.tsx';
import type { SignalExplanation } from '../api.ts';
import { digitsAfterPoint } from '../decimal.ts';
import * as format from '../format.ts';

export function SignalReasons({ explanation }: { readonly explanation: SignalExplanation }) {
  const { signal, definition, candles, notes, parameters } = explanation;
  const prices = candles.flatMap(({ candle }) => [candle.open, candle.close]);
  const digits = Math.max(2, ...prices.map(digitsAfterPoint));
  return (
    <>
      <p className="signal-line">
        <SeverityMark severity={signal.severity} />
        <b>
          {severityNames[signal.severity]}: {kindNames[signal.kind]} of {signal.symbol}
        </b>
      </p>
      <p className="muted">
        <time dateTime={signal.time}>{format.moment(signal.time)}</time>
        {signal.state === 'retracted' ? ' · retracted: a later correction undid its cause' : null}
      </p>
      <p>{signal.text}</p>
      <h3>What was found</h3>
      <Pairs pairs={Object.entries(signal.values)} />
      <h3>Definition</h3>
      <p>{definition}</p>
      <Pairs pairs={Object.entries(parameters).map(([name, value]) => [name, String(value)])} />
      {candles.length > 0 ? <h3>The candles it rests on</h3> : null}
      {candles.length > 0 ? (
        <table className="reasons">
          <thead>
            <tr>
              <th scope="col">Candle</th>
              <th scope="col">Start</th>
              <th scope="col">Open</th>
              <th scope="col">Close</th>
              <th scope="col">Volume</th>
            </tr>
          </thead>
          <tbody>
            {candles.map(({ role, candle }) => (
              <tr key={`${role} ${candle.start} ${candle.price}`}>
                <th scope="row">{role}</th>
                <td>{format.clock(candle.start)}</td>
                <td>{format.price(candle.open, digits)}</td>
                <td>{format.price(candle.close, digits)}</td>
                <td>{format.size(candle.volume)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      {notes.map((note) => (
        <p key={note} className="note">
          {note}
        </p>
      ))}
    </>
  );
}

function Pairs({ pairs }: { readonly pairs: readonly (readonly [string, string])[] }) {
  return (
    <dl className="pairs">
      {pairs.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{/^-?\d+(\.\d+)?$/.test(value) ? format.exact(value) : value}</dd>
        </div>
      ))}
    </dl>
  );
}
