// Why a candle or a signal is what it is, in a sheet beside the page: as the server tells it, from
// the trades themselves.

import { Dialog } from '@base-ui/react/dialog';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Candle } from '../api.ts';
import { askCandleExplanation, askSignalExplanation } from '../queries.ts';
import { ProblemNotice } from '../shell/notice.tsx';
import { CandleReasons } from './candle-reasons.tsx';
import { SignalReasons } from './signal-reasons.tsx';
import './explain.css';

export type Explained = { readonly candle: Candle } | { readonly signal: string };

interface ExplanationProps {
  /** Null while there is nothing to explain. */
  readonly subject: Explained | null;
  readonly onClose: () => void;
}

export function Explanation({ subject, onClose }: ExplanationProps) {
  return (
    <Dialog.Root open={subject !== null} onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop sheet-backdrop" />
        <Dialog.Popup className="sheet">
          <Dialog.Close className="icon sheet-close" aria-label="Close">
            <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
              <path d="M5 5l10 10M15 5L5 15" className="line" />
            </svg>
          </Dialog.Close>
          {subject === null ? null : <Reasons subject={subject} />}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Reasons({ subject }: { readonly subject: Explained }) {
  return 'signal' in subject ? (
    <OfSignal id={subject.signal} />
  ) : (
    <OfCandle candle={subject.candle} />
  );
}

function OfCandle({ candle: { symbol, interval, start } }: { readonly candle: Candle }) {
  const { data, error } = useQuery(askCandleExplanation(symbol, interval, start));
  return (
    <Sheet title={`${symbol}, candle of ${interval}`} error={error} isPending={!data}>
      {data ? <CandleReasons explanation={data} /> : null}
    </Sheet>
  );
}

function OfSignal({ id }: { readonly id: string }) {
  const { data, error } = useQuery(askSignalExplanation(id));
  return (
    <Sheet title="Signal" error={error} isPending={!data}>
      {data ? <SignalReasons explanation={data} /> : null}
    </Sheet>
  );
}

interface SheetProps {
  readonly title: string;
  readonly error: Error | null;
  readonly isPending: boolean;
  readonly children: ReactNode;
}

function Sheet({ title, error, isPending, children }: SheetProps) {
  return (
    <>
      <Dialog.Title>{title}</Dialog.Title>
      {error ? <ProblemNotice error={error} /> : null}
      {isPending && !error ? <p className="empty">Asking the server…</p> : null}
      {children}
    </>
  );
}
