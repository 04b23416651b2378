// The lines that can be drawn over candles: which indicator of the API each is, and the figure of
// it that is drawn. Each has a colour and a stroke of its own.

import { LineStyle } from 'lightweight-charts';

export interface Average {
  /** As the API is asked: `sma:20`. */
  readonly indicator: string;
  readonly label: string;
  readonly lines: readonly string[];
  readonly color: string;
  readonly style: LineStyle;
}

const { Solid, LargeDashed, Dotted } = LineStyle;

export const averages: readonly Average[] = [
  { indicator: 'sma:20', label: 'SMA 20', lines: ['sma'], color: '--average-1', style: Solid },
  { indicator: 'ema:50', label: 'EMA 50', lines: ['ema'], color: '--average-2', style: Solid },
  { indicator: 'vwap', label: 'VWAP', lines: ['vwap'], color: '--average-3', style: LargeDashed },
  {
    indicator: 'bollinger:20,2',
    label: 'Bollinger 20, 2',
    lines: ['upper', 'lower'],
    color: '--average-4',
    style: Dotted,
  },
];

export const averagesAtFirst: readonly string[] = ['sma:20', 'ema:50'];
