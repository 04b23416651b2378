// One symbol: its price and day, the chart with its intervals, quote, trades and signals.

import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Instrument, ProblemError } from '../api.ts';
import { type Explained, Explanation } from '../explain/explanation.tsx';
import * as format from '../format.ts';
import { askInstruments } from '../queries.ts';
import { Notice, ProblemNotice } from '../shell/notice.tsx';
import { useTitle } from '../shell/title.ts';
import { ChartPanel } from './chart-panel.tsx';
import { useDays } from './days.ts';
import { NewsPanel } from './news-panel.tsx';
import { PriceHead } from './price-head.tsx';
import { QuotePanel } from './quote-panel.tsx';
import { SignalPanel, useSignals } from './signal-panel.tsx';
import { StatisticsPanel } from './statistics-panel.tsx';
import { TradePanel } from './trade-panel.tsx';
import './symbol.css';

const route = getRouteApi('/symbols/$symbol');

export function SymbolPage() {
  const { symbol: given } = route.useParams();
  const symbol = given.toUpperCase();
  const { data: instruments, failureReason } = useQuery(askInstruments);
  useTitle(symbol);
  const instrument = instruments?.find((one) => one.symbol === symbol);
  if (instrument) return <SymbolView key={symbol} instrument={instrument} />;
  if (failureReason) return <ProblemNotice level="h1" error={failureReason} />;
  if (!instruments) return null;
  return (
    <Notice level="h1" title="No such symbol" cure={<Link to="/">All markets</Link>}>
      Tapeline knows no symbol “{symbol}”.
    </Notice>
  );
}

function SymbolView({ instrument }: { readonly instrument: Instrument }) {
  const { symbol, priceIncrement } = instrument;
  const digits = format.priceDigits(priceIncrement);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const [explained, explain] = useState<Explained | null>(null);
  const days = useDays(symbol, setProblem);
  const signals = useSignals(symbol);
  return (
    <section className="symbol" aria-label={symbol}>
      <PriceHead instrument={instrument} days={days} digits={digits} />
      {problem ? <ProblemNotice error={problem} /> : null}
      <ChartPanel symbol={symbol} digits={digits} signals={signals} onExplain={explain} />
      <div className="side">
        <QuotePanel symbol={symbol} digits={digits} />
        <StatisticsPanel instrument={instrument} days={days} digits={digits} />
        <TradePanel symbol={symbol} digits={digits} />
      </div>
      <div className="below">
        <SignalPanel symbol={symbol} signals={signals} onExplain={explain} />
        <NewsPanel symbol={symbol} />
      </div>
      <Explanation subject={explained} onClose={() => explain(null)} />
    </section>
  );
}
