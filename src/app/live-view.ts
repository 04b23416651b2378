// Rows on a terminal: what is done scrolls by, what still changes has its line below, and under it
// stand the names of the columns and how the connection is. It is drawn a few times a second,
// whatever comes, so a fast market costs a bounded amount of text. Without a terminal every row is
// a line.

import { styleText } from 'node:util';
import type { Column, Row, Tint } from './watch-rows.ts';

export interface Screen {
  readonly isTTY?: boolean;
  readonly rows?: number;
  write(text: string): boolean;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
/** Lines that are too long are cut off, so that each is one line. */
const noWrap = '\x1b[?7l';
const wrap = '\x1b[?7h';
const clearBelow = '\x1b[J';

export class LiveView {
  readonly #screen: Screen;
  readonly #columns: readonly Column[];
  /** Of each column: characters before the decimal point, and from there on. */
  readonly #widths: { whole: number; fraction: number }[];
  /** Digits after the point that the prices of a symbol need. */
  readonly #digits = new Map<string, number>();
  readonly #open = new Map<string, Row>();
  #done: Row[] = [];
  #left = 0;
  #linesBelow = 0;
  #isChanged = false;

  constructor(screen: Screen, columns: readonly Column[]) {
    this.#screen = screen;
    this.#columns = columns;
    this.#widths = columns.map(() => ({ whole: 0, fraction: 0 }));
    if (screen.isTTY) screen.write(hideCursor + noWrap);
  }

  add(row: Row): void {
    this.#isChanged = true;
    this.#measure(row);
    if (row.isOpen && this.#screen.isTTY) {
      this.#open.set(row.symbol, row);
      return;
    }
    // A closed candle is followed by the next one, which is open.
    if (this.#open.get(row.symbol)?.cells[0] === row.cells[0]) this.#open.delete(row.symbol);
    this.#done.push(row);
    if (!this.#screen.isTTY || this.#done.length <= 4 * this.#height) return;
    this.#left += this.#done.length;
    this.#done = this.#done.slice(-this.#height);
    this.#left -= this.#done.length;
  }

  /** Draws what has come; `status` is its last line. False when the screen does not keep up. */
  draw(status: string, isForced = false): boolean {
    if (!this.#isChanged && !isForced) return true;
    this.#isChanged = false;
    const lines = this.#done.map((row) => this.#line(row));
    if (this.#left > 0) lines.unshift(styleText('dim', `… ${this.#left} more`));
    this.#done = [];
    this.#left = 0;
    if (!this.#screen.isTTY) return lines.length === 0 || this.#write(lines, []);
    return this.#write(lines, [...this.#openLines(), this.#head(), status]);
  }

  /** Leaves the terminal as it was. */
  end(): void {
    if (this.#screen.isTTY) this.#screen.write(`\n${showCursor}${wrap}`);
  }

  get #height(): number {
    return this.#screen.rows ?? 24;
  }

  #write(lines: readonly string[], below: readonly string[]): boolean {
    const up = this.#linesBelow > 1 ? `\x1b[${this.#linesBelow - 1}A` : '';
    const begin = this.#linesBelow > 0 ? `\r${up}${clearBelow}` : '';
    this.#linesBelow = below.length;
    const done = lines.map((line) => `${line}\n`).join('');
    return this.#screen.write(`${begin}${done}${below.join('\n')}`);
  }

  #openLines(): string[] {
    const rows = [...this.#open.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
    const room = Math.max(1, this.#height - 4);
    const lines = rows.slice(0, room).map((row) => this.#line(row));
    if (rows.length > room) lines.push(styleText('dim', `… ${rows.length - room} more symbols`));
    return lines;
  }

  #head(): string {
    const cells = this.#columns.map(({ name, kind }, column) => {
      const width = this.#width(column);
      return kind === 'text' ? name.padEnd(width) : name.padStart(width);
    });
    return styleText('dim', cells.join('  ').trimEnd());
  }

  #line({ symbol, cells, tinted, tint }: Row): string {
    const padded = cells.map((cell, column) => {
      const isLast = column === cells.length - 1;
      return tintIf(column === tinted ? tint : null, this.#pad(symbol, cell, column, isLast));
    });
    return padded.join('  ').trimEnd();
  }

  #pad(symbol: string, cell: string, column: number, isLast: boolean): string {
    const width = this.#width(column);
    if (this.#columns[column].kind === 'text' || symbol === '') {
      return isLast ? cell : cell.padEnd(width);
    }
    const { fraction } = this.#widths[column];
    const [before, after] = split(this.#asPrice(symbol, cell, column));
    return before.padStart(width - fraction) + after.padEnd(fraction);
  }

  #width(column: number): number {
    const { whole, fraction } = this.#widths[column];
    return Math.max(this.#columns[column].name.length, whole + fraction);
  }

  #measure({ symbol, cells }: Row): void {
    if (cells.length < 2) return;
    const isNumeric = symbol !== '';
    for (const [column, cell] of cells.entries()) {
      const { name, kind } = this.#columns[column];
      const width = this.#widths[column];
      if (kind === 'text' && column < 3) width.whole = Math.max(width.whole, cell.length);
      if (kind === 'text' || !isNumeric) continue;
      if (isPrice(name)) {
        const digits = Math.max(this.#digits.get(symbol) ?? 0, split(cell)[1].length - 1);
        this.#digits.set(symbol, digits);
      }
      const [before, after] = split(this.#asPrice(symbol, cell, column));
      width.whole = Math.max(width.whole, before.length);
      width.fraction = Math.max(width.fraction, after.length);
    }
  }

  /** All prices of a symbol have as many digits: 139.40 beside 139.45. */
  #asPrice(symbol: string, cell: string, column: number): string {
    const digits = this.#digits.get(symbol) ?? 0;
    if (cell === '' || digits === 0 || !isPrice(this.#columns[column].name)) return cell;
    const [before, after] = split(cell);
    return before + (after || '.').padEnd(digits + 1, '0');
  }
}

function isPrice(name: string): boolean {
  return /^(open|high|low|close|price|bid|ask)$/.test(name);
}

/** `139` and `.4`. */
function split(cell: string): readonly [before: string, after: string] {
  const point = cell.indexOf('.');
  return point < 0 ? [cell, ''] : [cell.slice(0, point), cell.slice(point)];
}

function tintIf(tint: Tint | null, text: string): string {
  return tint === null ? text : styleText(tint, text);
}
