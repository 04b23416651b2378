// Tells sleepers in this thread that a log has grown, by counting how often it has.

export class Growth {
  #generation = 0;
  #next = Promise.withResolvers<void>();
  #isOver = false;

  grow(): void {
    this.#generation += 1;
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** Nothing grows any more: nobody sleeps from now on. */
  end(): void {
    this.#isOver = true;
    this.grow();
  }

  /** Resolves, with the generation now, once it is not `generation` or the signal aborts. */
  async since(generation: number, signal?: AbortSignal): Promise<number> {
    if (this.#generation !== generation || this.#isOver || signal?.aborted) return this.#generation;
    const aborted = Promise.withResolvers<void>();
    const wake = (): void => aborted.resolve();
    signal?.addEventListener('abort', wake, { once: true });
    await Promise.race([this.#next.promise, aborted.promise]);
    signal?.removeEventListener('abort', wake);
    return this.#generation;
  }
}
