// Whatever moves is drawn at most once per animation frame, with its newest value.

const due = new Set<() => void>();

/** Runs `draw` with the next frame, once however often it is asked for. */
export function onNextFrame(draw: () => void): void {
  if (due.size === 0) requestAnimationFrame(drawAll);
  due.add(draw);
}

function drawAll(): void {
  const draws = [...due];
  due.clear();
  for (const draw of draws) draw();
}
