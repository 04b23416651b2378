// The alerts as a list of which only the lines in sight are drawn.

import { Link } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, type RefObject, useEffect, useRef } from 'react';
import type { Signal } from '../api.ts';
import * as format from '../format.ts';
import { useMedia } from '../shell/media.ts';
import { kindNames, SeverityMark } from './severity.tsx';

interface AlertTableProps {
  readonly alerts: readonly Signal[];
  readonly onOpen: (id: string) => void;
}

export function AlertTable({ alerts, onOpen }: AlertTableProps) {
  const frame = useRef<HTMLDivElement>(null);
  const isPhone = useMedia('(max-width: 44rem)');
  const rowHeight = isPhone ? 72 : 38;
  const virtual = useVirtualizer({
    count: alerts.length,
    getScrollElement: () => frame.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => alerts[index]?.id ?? index,
    overscan: 6,
  });
  useHeldPlace(frame, alerts, rowHeight);
  return (
    <div className="alert-frame" ref={frame}>
      <div className="alert-head" aria-hidden="true">
        <span />
        <span>Time</span>
        <span>Symbol</span>
        <span>Kind</span>
        <span>What happened</span>
      </div>
      <ol aria-label="Alerts, newest first" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ key, index, start }) => {
          const alert = alerts[index];
          return alert ? (
            <AlertRow key={key} alert={alert} top={start} height={rowHeight} onOpen={onOpen} />
          ) : null;
        })}
      </ol>
    </div>
  );
}

/** Who reads further down stays at the same alert when newer ones come. */
function useHeldPlace(
  frame: RefObject<HTMLElement | null>,
  alerts: readonly Signal[],
  rowHeight: number,
): void {
  const newest = useRef(alerts[0]?.id);
  useEffect(() => {
    const added = alerts.findIndex(({ id }) => id === newest.current);
    newest.current = alerts[0]?.id;
    const element = frame.current;
    if (element && added > 0 && element.scrollTop > 0) element.scrollTop += added * rowHeight;
  }, [frame, alerts, rowHeight]);
}

interface AlertRowProps {
  readonly alert: Signal;
  readonly top: number;
  readonly height: number;
  readonly onOpen: (id: string) => void;
}

const AlertRow = memo(function AlertRow({ alert, top, height, onOpen }: AlertRowProps) {
  const { id, symbol, kind, severity, state, time, text } = alert;
  return (
    <li style={{ transform: `translateY(${top}px)`, height }} data-state={state}>
      <SeverityMark severity={severity} />
      <time dateTime={time}>{format.moment(time)}</time>
      <Link to="/symbols/$symbol" params={{ symbol }}>
        {symbol}
      </Link>
      <b>{kindNames[kind]}</b>
      <button type="button" onClick={() => onOpen(id)} title="Explain">
        {state === 'retracted' ? <em>retracted</em> : null}
        <span>{text}</span>
      </button>
    </li>
  );
});
