// Which trade may move what in a candle. A tape marks its trades with conditions, and a trade that
// was averaged, delayed or negotiated says nothing of the price now: it counts to the volume and
// leaves the prices alone. Of several conditions the strictest wins, column by column; a code that
// nobody has told us of counts to the volume only.
//
// Sources: the consolidated tape's rules as Alpaca publishes them (docs.alpaca.markets, market data
// FAQ, "How are bars aggregated?"); for LEAN's flags, which are AlgoSeek's and not documented, what
// gives the vendor's own minute bars. Where the tape says "only when it is the first of the bar",
// we say no: see docs/decisions/0004-tape-rules.md.

import type { Tape, TradeBatch } from '../contracts/trade.ts';

/** What a trade may move, as bits. */
export const openClose = 1;
export const highLow = 2;
export const volume = 4;
export const everything = openClose | highLow | volume;

/** What a trade may move in candles within a day, and in those of a day. */
export interface Moves {
  readonly within: number;
  readonly day: number;
  /** Codes that the rules do not know. */
  readonly unknown: number;
}

/** By tag of a batch; null where every trade moves everything, as nearly everywhere. */
export interface BatchMoves {
  readonly within: Uint8Array | null;
  /** Null where it is as within the day. */
  readonly day: Uint8Array | null;
  /** By tag, codes that the rules do not know. */
  readonly unknown: Uint8Array | null;
}

export function movesOfBatch({ tape, tags }: TradeBatch): BatchMoves {
  if (tape === '') return { within: null, day: null, unknown: null };
  const moves = tags.map(({ conditions }) => movesOf(tape, conditions));
  const within = Uint8Array.from(moves, (tag) => tag.within);
  const day = Uint8Array.from(moves, (tag) => tag.day);
  return {
    within: within.every((bits) => bits === everything) ? null : within,
    day: day.every((bits, tag) => bits === within[tag]) ? null : day,
    unknown: moves.some((tag) => tag.unknown > 0)
      ? Uint8Array.from(moves, (tag) => Math.min(tag.unknown, 255))
      : null,
  };
}

/** How many rows have codes that the rules do not know. */
export function unknownIn({ count, tag }: TradeBatch, { unknown }: BatchMoves): number {
  if (unknown === null) return 0;
  let rows = 0;
  for (let row = 0; row < count; row++) if (unknown[tag[row] as number] !== 0) rows++;
  return rows;
}

/** Pure, and asked for few combinations again and again. */
export function movesOf(tape: Tape, conditions: string): Moves {
  switch (tape) {
    case '':
      return all;
    case 'lean':
      return leanMoves(conditions);
    case 'sip-ab':
    case 'sip-c':
    case 'sip-o':
      return sipMoves(tape, conditions);
  }
}

const all: Moves = { within: everything, day: everything, unknown: 0 };
const volumeOnly: Moves = { within: volume, day: volume, unknown: 0 };

/** Hexadecimal flags; ` suspicious` behind them is the vendor's own doubt. */
const leanPattern = /^([0-9A-Fa-f]{1,8})( suspicious)?$/;
const leanRegular = 0x1;
const leanRegularOdd = 0x20000001;
const leanExtendedHours = 0x2000;

function leanMoves(conditions: string): Moves {
  const [, digits, doubt] = leanPattern.exec(conditions) ?? [];
  if (digits === undefined) return { ...volumeOnly, unknown: 1 };
  const flags = Number.parseInt(digits, 16);
  const isPriced =
    flags === leanRegular || flags === leanRegularOdd || (flags & leanExtendedHours) !== 0;
  return isPriced && doubt === undefined ? all : volumeOnly;
}

type SipTape = 'sip-ab' | 'sip-c' | 'sip-o';

interface SipRule {
  readonly codes: string;
  /** The tapes A and B together, C, and O for over the counter. */
  readonly tapes: 'ab' | 'c' | 'abc' | 'abco' | 'co';
  /** Open and close, high and low, volume; Y or N. */
  readonly within: string;
  /** Where a day's candle differs. */
  readonly day?: string;
}

const sipRules: readonly SipRule[] = [
  { codes: '@', tapes: 'abco', within: 'YYY' },
  { codes: 'ADBY', tapes: 'c', within: 'YYY' },
  { codes: 'E', tapes: 'ab', within: 'YYY' },
  { codes: 'FKLOX56', tapes: 'abc', within: 'YYY' },
  { codes: 'B', tapes: 'ab', within: 'NNY' },
  { codes: 'W', tapes: 'co', within: 'NNY' },
  { codes: 'CNRIU', tapes: 'abco', within: 'NNY' },
  { codes: 'HV7', tapes: 'abc', within: 'NNY' },
  { codes: 'G', tapes: 'c', within: 'NNY', day: 'NYY' },
  { codes: 'P', tapes: 'abco', within: 'NNY', day: 'NYY' },
  { codes: 'Z4', tapes: 'abc', within: 'NNY', day: 'NYY' },
  { codes: 'T', tapes: 'abco', within: 'YYY', day: 'NNY' },
  { codes: 'MQ', tapes: 'abc', within: 'NNN' },
  { codes: '9', tapes: 'abc', within: 'NNN', day: 'YYN' },
];

const sipCodes = new Map<string, Moves>(
  sipRules.flatMap(({ codes, tapes, within, day = within }) =>
    Array.from(codes).flatMap((code) =>
      (['ab', 'c', 'o'] as const)
        .filter((tape) => tapes.includes(tape))
        .map((tape): [string, Moves] => [
          `sip-${tape} ${code}`,
          { within: bitsOf(within), day: bitsOf(day), unknown: 0 },
        ]),
    ),
  ),
);

/** One code to a character; blanks and commas between them mean nothing, nor does having none. */
function sipMoves(tape: SipTape, conditions: string): Moves {
  let { within, day, unknown } = all;
  for (const code of Array.from(conditions)) {
    if (code === ' ' || code === ',') continue;
    const moves = sipCodes.get(`${tape} ${code}`);
    within &= (moves ?? volumeOnly).within;
    day &= (moves ?? volumeOnly).day;
    if (!moves) unknown++;
  }
  return { within, day, unknown };
}

function bitsOf(rule: string): number {
  const [mayOpen, mayRange, counts] = rule;
  return (
    (mayOpen === 'Y' ? openClose : 0) |
    (mayRange === 'Y' ? highLow : 0) |
    (counts === 'Y' ? volume : 0)
  );
}
