// The chart with what belongs to it: intervals, averages, the figures of the candle pointed at, and
// the keys. Enter or a click explains.

import { Menu } from '@base-ui/react/menu';
import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import { getRouteApi } from '@tanstack/react-router';
import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from 'react';
import { intervals } from '../addresses.ts';
import type { IndicatedCandle, Interval, ProblemError, Signal } from '../api.ts';
import { Cell, useCell } from '../cell.ts';
import type { Explained } from '../explain/explanation.tsx';
import { useShortcut } from '../shell/keys.ts';
import { ProblemNotice } from '../shell/notice.tsx';
import { averages, averagesAtFirst } from './averages.ts';
import { CandleChart } from './chart.ts';
import { Legend } from './legend.tsx';

const route = getRouteApi('/symbols/$symbol');

interface ChartPanelProps {
  readonly symbol: string;
  readonly digits: number;
  readonly signals: readonly Signal[];
  readonly onExplain: (what: Explained) => void;
}

export function ChartPanel({ symbol, digits, signals, onExplain }: ChartPanelProps) {
  const { interval = '1m' } = route.useSearch();
  const [chosen, choose] = useState<readonly string[]>(averagesAtFirst);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const [pointed] = useState(() => new Cell<IndicatedCandle | undefined>(undefined));
  const frame = useRef<HTMLDivElement>(null);
  const chart = useChart(frame, {
    symbol,
    interval,
    digits,
    chosen,
    setProblem,
    pointed,
    onExplain,
  });
  useEffect(() => chart?.mark(signals), [chart, signals]);
  const explain = (candle: IndicatedCandle | undefined): void => {
    if (candle) onExplain({ candle });
  };
  useShortcut('n', () => chart?.showNewest());
  useShortcut('e', () => explain(chart?.closed));
  return (
    <section className="panel chart-panel" aria-label="Chart">
      <div className="chart-bar">
        <Intervals interval={interval} />
        <AverageMenu chosen={chosen} onChoose={choose} />
      </div>
      <PointedLegend cell={pointed} chosen={chosen} digits={digits} />
      {/* biome-ignore lint/a11y/useSemanticElements: a chart is no fieldset */}
      <div
        className="chart"
        ref={frame}
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move in it
        tabIndex={0}
        aria-label={`Candles of ${symbol}, ${interval}. Arrow keys move, Enter explains.`}
        onKeyDown={(event) => {
          if (event.key === 'Enter') explain(chart?.subject);
          else step(event, chart);
        }}
      />
      {problem ? (
        <div className="chart-note">
          <ProblemNotice error={problem} />
        </div>
      ) : null}
    </section>
  );
}

interface Drawn {
  readonly symbol: string;
  readonly interval: Interval;
  readonly digits: number;
  readonly chosen: readonly string[];
  readonly pointed: Cell<IndicatedCandle | undefined>;
  readonly setProblem: (problem: ProblemError | null) => void;
  readonly onExplain: (what: Explained) => void;
}

/** A chart for what is asked; a new one when that changes. */
function useChart(frame: RefObject<HTMLDivElement | null>, drawn: Drawn): CandleChart | null {
  const { symbol, interval, digits, chosen, pointed, setProblem, onExplain } = drawn;
  const [chart, setChart] = useState<CandleChart | null>(null);
  const latest = useRef(onExplain);
  useEffect(() => {
    latest.current = onExplain;
  });
  useEffect(() => {
    if (!frame.current) return;
    const made = new CandleChart(frame.current, {
      symbol,
      interval,
      digits,
      averages: averages.filter(({ indicator }) => chosen.includes(indicator)),
      problem: setProblem,
      pointed: (candle) => pointed.set(candle),
      clickedCandle: (candle) => latest.current({ candle }),
      clickedSignal: (signal) => latest.current({ signal }),
    });
    setChart(made);
    return () => made.close();
  }, [frame, symbol, interval, digits, chosen, pointed, setProblem]);
  return chart;
}

function step(event: KeyboardEvent, chart: CandleChart | null): void {
  const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  chart?.step(by);
}

/** Moves with every candle, and so on its own. */
function PointedLegend({
  cell,
  ...rest
}: {
  readonly cell: Cell<IndicatedCandle | undefined>;
  readonly chosen: readonly string[];
  readonly digits: number;
}) {
  return <Legend candle={useCell(cell)} {...rest} />;
}

function Intervals({ interval }: { readonly interval: Interval }) {
  const navigate = route.useNavigate();
  const show = (next: Interval): void =>
    void navigate({ search: { interval: next }, replace: true });
  return (
    <ToggleGroup
      className="toggles"
      aria-label="Interval"
      value={[interval]}
      onValueChange={([value]) => {
        if (value !== undefined) show(value as Interval);
      }}
    >
      {intervals.map((one, index) => (
        <IntervalToggle key={one} interval={one} shortcut={String(index + 1)} onShow={show} />
      ))}
    </ToggleGroup>
  );
}

interface IntervalToggleProps {
  readonly interval: Interval;
  readonly shortcut: string;
  readonly onShow: (interval: Interval) => void;
}

function IntervalToggle({ interval, shortcut, onShow }: IntervalToggleProps) {
  useShortcut(shortcut, () => onShow(interval));
  return (
    <Toggle value={interval} aria-keyshortcuts={shortcut}>
      {interval}
    </Toggle>
  );
}

interface AverageMenuProps {
  readonly chosen: readonly string[];
  readonly onChoose: (indicators: readonly string[]) => void;
}

function AverageMenu({ chosen, onChoose }: AverageMenuProps) {
  return (
    <Menu.Root>
      <Menu.Trigger className="button averages-button">Averages</Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="popup-place" sideOffset={4} align="end">
          <Menu.Popup className="popup menu">
            {averages.map(({ indicator, label, color }) => (
              <Menu.CheckboxItem
                key={indicator}
                className="menu-item"
                checked={chosen.includes(indicator)}
                onCheckedChange={(isOn) =>
                  onChoose(
                    isOn ? [...chosen, indicator] : chosen.filter((one) => one !== indicator),
                  )
                }
              >
                <span className="check">
                  <Menu.CheckboxItemIndicator>✓</Menu.CheckboxItemIndicator>
                </span>
                <i className="swatch" style={{ background: `var(${color})` }} />
                {label}
              </Menu.CheckboxItem>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
