// The messages that wait to be read, in their order. A message with the key of one that waits takes
// its place at the end.

export class Backlog<Message> {
  readonly #messages = new Map<string | number, Message>();
  /** Goes on where it was: one that is begun anew would step over all that was taken. */
  #reading = this.#messages.entries();
  #count = 0;

  get size(): number {
    return this.#messages.size;
  }

  put(message: Message, key: string | number = this.#count++): void {
    this.#messages.delete(key);
    this.#messages.set(key, message);
  }

  /** The oldest; undefined when none waits. */
  take(): Message | undefined {
    let next = this.#reading.next();
    if (next.done) {
      this.#reading = this.#messages.entries();
      next = this.#reading.next();
    }
    if (next.done) return undefined;
    const [key, message] = next.value;
    this.#messages.delete(key);
    return message;
  }

  clear(): void {
    this.#messages.clear();
  }
}
