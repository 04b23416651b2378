// The wish of a person, a terminal or a service manager that we end.

/**
 * Resolves at the first signal; later ones are ignored, since npm and a terminal both send them.
 */
export async function stopSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve());
    }
  });
}
