// Where a subscription is: the newest cursor of each partition of the log that it is of. As one
// cursor they stand with commas between; most servers have one partition.

export class Whereabouts {
  /** By partition, which stands between epoch and offset. */
  readonly #cursors = new Map<string, string>();

  /** Where to go on; null before it has begun. */
  get cursor(): string | null {
    return this.#cursors.size === 0 ? null : [...this.#cursors.values()].join();
  }

  /** Takes over the cursor of a message; answers where all partitions are now. */
  move(cursor: string): string {
    for (const one of cursor.split(',')) {
      this.#cursors.set(one.slice(one.indexOf(':') + 1, one.lastIndexOf(':')), one);
    }
    return this.cursor ?? cursor;
  }

  /** Takes over where it begins, and nothing else. */
  begin(cursor: string): void {
    this.forget();
    this.move(cursor);
  }

  forget(): void {
    this.#cursors.clear();
  }
}
