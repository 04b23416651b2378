// Asks for many at once what is asked for one by one within a moment: a list of rows makes one
// request, and not one for each.

/** Longer than a list takes to draw its rows. */
const gatherMs = 50;

/** `ask` is given at most `max` keys; who asks for a key that it does not answer gets undefined. */
export function batched<Value>(
  max: number,
  ask: (keys: readonly string[]) => Promise<Readonly<Record<string, Value>>>,
): (key: string) => Promise<Value | undefined> {
  let asked = new Map<string, PromiseWithResolvers<Value | undefined>>();
  const send = async (batch: typeof asked): Promise<void> => {
    try {
      const answer = await ask([...batch.keys()]);
      for (const [key, { resolve }] of batch) resolve(answer[key]);
    } catch (error) {
      for (const { reject } of batch.values()) reject(error);
    }
  };
  const sendAll = (): void => {
    const all = [...asked];
    asked = new Map();
    for (let at = 0; at < all.length; at += max) void send(new Map(all.slice(at, at + max)));
  };
  return async (key) => {
    if (asked.size === 0) setTimeout(sendAll, gatherMs);
    const known = asked.get(key) ?? Promise.withResolvers<Value | undefined>();
    asked.set(key, known);
    return await known.promise;
  };
}
