// The state of the connection in words, with a sign for it that does not need its colour.

import { type ConnectionState, useConnection } from '../connection.ts';
import * as format from '../format.ts';

const words: Record<ConnectionState['name'], string> = {
  idle: 'Idle',
  connecting: 'Connecting',
  live: 'Live',
  stale: 'Quiet',
  reconnecting: 'Reconnecting',
};

export function Status() {
  const { name, ageSeconds } = useConnection();
  const age = ageSeconds === null ? null : format.age(ageSeconds * 1000);
  const isTold = name === 'stale' || name === 'reconnecting';
  return (
    <div className="status" data-state={name}>
      <i aria-hidden="true" />
      <span role="status">{words[name]}</span>
      {isTold && age !== null ? <span className="status-age">last data {age} ago</span> : null}
    </div>
  );
}
