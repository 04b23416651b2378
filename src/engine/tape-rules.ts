// Which trade may move what in a candle. A tape marks its trades with conditions, and a trade that
// was averaged, delayed or negotiated says nothing of the price now: it counts to the volume and
// leaves the prices alone. Of several conditions the strictest wins, column by column; a code that
// nobody has told us of counts to the volume only.
//
// Sources: the consolidated tape's rules as Alpaca publishes them (docs.alpaca.markets, market data
// FAQ, "How are bars aggregated?"). LEAN's flags have names (QuantConnect/Lean,
// TradeConditionFlags.cs), but nobody says what they may move: that is what gives the vendor's own
// minute bars. Where the tape says "only when it is the first of the bar",
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

/** By tape and conditions: a market uses few combinations, again and again. */
const remembered = new Map<string, Moves>();
const rememberedMax = 4_096;
/** Of characters: a source may write anything. */
const rememberedLengthMax = 64;

/** Pure; what is remembered is only work already done. */
export function movesOf(tape: Tape, conditions: string): Moves {
  if (conditions.length > rememberedLengthMax) return strictest(tape, conditions);
  const key = `${tape} ${conditions}`;
  const known = remembered.get(key);
  if (known) return known;
  if (remembered.size >= rememberedMax) remembered.clear();
  const moves = strictest(tape, conditions);
  remembered.set(key, moves);
  return moves;
}

function strictest(tape: Tape, conditions: string): Moves {
  let { within, day, unknown } = all;
  for (const rule of rulesOf(tape, conditions)) {
    within &= rule.within;
    day &= rule.day;
    unknown += rule.unknown;
  }
  return { within, day, unknown };
}

/** What one condition of a trade says. */
export interface TapeRule extends Moves {
  /** As the tape writes it. */
  readonly code: string;
  readonly meaning: string;
}

/** The rules that apply to a trade, one a condition; none where it may move everything. */
export function rulesOf(tape: Tape, conditions: string): readonly TapeRule[] {
  switch (tape) {
    case '':
      return [];
    case 'lean':
      return leanRules(conditions);
    case 'sip-ab':
    case 'sip-c':
    case 'sip-o':
      return sipRulesOf(tape, conditions);
  }
}

const all: Moves = { within: everything, day: everything, unknown: 0 };
const volumeOnly: Moves = { within: volume, day: volume, unknown: 0 };
const unknownCode: Moves = { ...volumeOnly, unknown: 1 };

/** Hexadecimal flags; ` suspicious` behind them is the vendor's own doubt. */
const leanPattern = /^([0-9A-Fa-f]{1,8})( suspicious)?$/;
const leanRegular = 0x1;
const leanRegularOdd = 0x20000001;
const leanExtendedHours = 0x2000;

function leanRules(conditions: string): readonly TapeRule[] {
  const [, digits, doubt] = leanPattern.exec(conditions) ?? [];
  if (digits === undefined) {
    return [{ code: conditions, meaning: 'not the flags of this tape', ...unknownCode }];
  }
  const rule = leanRule(digits, Number.parseInt(digits, 16));
  if (doubt === undefined) return [rule];
  return [rule, { code: doubt.trim(), meaning: 'the vendor itself doubts it', ...volumeOnly }];
}

function leanRule(code: string, flags: number): TapeRule {
  const names = leanFlags.filter((_, bit) => (flags & (1 << bit)) !== 0).join(' + ');
  if (flags === leanRegular || flags === leanRegularOdd) return { code, meaning: names, ...all };
  if ((flags & leanExtendedHours) !== 0) return { code, meaning: names, ...all };
  return { code, meaning: `${names}: not regular, in regular hours`, ...volumeOnly };
}

/** From the lowest bit on. */
const leanFlags = [
  'regular',
  'cash',
  'next day',
  'seller',
  'yellow flag',
  'intermarket sweep',
  'opening print',
  'closing print',
  'reopening print',
  'derivatively priced',
  'form T',
  'sold last',
  'stopped',
  'extended hours',
  'out of sequence',
  'split',
  'acquisition',
  'bunched',
  'stock-option',
  'distribution',
  'average price',
  'cross',
  'price variation',
  'rule 155',
  'official close',
  'prior reference price',
  'official open',
  'CAP election',
  'automatic execution',
  'trade-through exempt',
  'undocumented flag',
  'odd lot',
];

type SipTape = 'sip-ab' | 'sip-c' | 'sip-o';

interface SipRule {
  readonly codes: Readonly<Record<string, string>>;
  /** The tapes A and B together, C, and O for over the counter. */
  readonly tapes: 'ab' | 'c' | 'abc' | 'abco' | 'co';
  /** Open and close, high and low, volume; Y or N. */
  readonly within: string;
  /** Where a day's candle differs. */
  readonly day?: string;
}

const sipRules: readonly SipRule[] = [
  { codes: { '@': 'regular' }, tapes: 'abco', within: 'YYY' },
  {
    codes: { A: 'acquisition', D: 'distribution', B: 'bunched', Y: 'yellow flag' },
    tapes: 'c',
    within: 'YYY',
  },
  { codes: { E: 'automatic execution' }, tapes: 'ab', within: 'YYY' },
  {
    codes: {
      F: 'intermarket sweep',
      K: 'rule 127 or 155',
      L: 'sold last',
      O: 'opening',
      X: 'cross',
      '5': 'reopening',
      '6': 'closing',
    },
    tapes: 'abc',
    within: 'YYY',
  },
  { codes: { B: 'average price' }, tapes: 'ab', within: 'NNY' },
  { codes: { W: 'average price' }, tapes: 'co', within: 'NNY' },
  {
    codes: {
      C: 'cash',
      N: 'next day',
      R: 'seller',
      I: 'odd lot',
      U: 'extended hours, sold out of sequence',
    },
    tapes: 'abco',
    within: 'NNY',
  },
  {
    codes: { H: 'price variation', V: 'contingent', '7': 'qualified contingent' },
    tapes: 'abc',
    within: 'NNY',
  },
  { codes: { G: 'bunched sold' }, tapes: 'c', within: 'NNY', day: 'NYY' },
  { codes: { P: 'prior reference price' }, tapes: 'abco', within: 'NNY', day: 'NYY' },
  {
    codes: { Z: 'sold out of sequence', '4': 'derivatively priced' },
    tapes: 'abc',
    within: 'NNY',
    day: 'NYY',
  },
  { codes: { T: 'extended hours (form T)' }, tapes: 'abco', within: 'YYY', day: 'NNY' },
  { codes: { M: 'official close', Q: 'official open' }, tapes: 'abc', within: 'NNN' },
  { codes: { '9': 'corrected consolidated close' }, tapes: 'abc', within: 'NNN', day: 'YYN' },
];

const sipCodes = new Map<string, TapeRule>(
  sipRules.flatMap(({ codes, tapes, within, day = within }) =>
    Object.entries(codes).flatMap(([code, meaning]) =>
      (['ab', 'c', 'o'] as const)
        .filter((tape) => tapes.includes(tape))
        .map((tape): [string, TapeRule] => [
          `sip-${tape} ${code}`,
          { code, meaning, within: bitsOf(within), day: bitsOf(day), unknown: 0 },
        ]),
    ),
  ),
);

/** One code to a character; blanks and commas between them mean nothing, nor does having none. */
function sipRulesOf(tape: SipTape, conditions: string): readonly TapeRule[] {
  return Array.from(conditions.replaceAll(/[ ,]/g, ''), (code) => {
    const unknown = { code, meaning: 'not known to us', ...unknownCode };
    return sipCodes.get(`${tape} ${code}`) ?? unknown;
  });
}

function bitsOf(rule: string): number {
  const [mayOpen, mayRange, counts] = rule;
  return (
    (mayOpen === 'Y' ? openClose : 0) |
    (mayRange === 'Y' ? highLow : 0) |
    (counts === 'Y' ? volume : 0)
  );
}
