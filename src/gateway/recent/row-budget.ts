// A bound that many rings share: each grows with its own traffic while the budget lasts, so a quiet
// symbol costs little, a busy one keeps more, and all together stay within a known memory.

export class RowBudget {
  #left: number;

  constructor(rows: number) {
    this.#left = rows;
  }

  get left(): number {
    return this.#left;
  }

  /** Takes `rows` from what is left, or nothing and answers false. */
  take(rows: number): boolean {
    if (rows > this.#left) return false;
    this.#left -= rows;
    return true;
  }

  giveBack(rows: number): void {
    this.#left += rows;
  }
}
