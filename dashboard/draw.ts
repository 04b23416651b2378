// Drawing: elements, and the rule that whatever moves is drawn at most once per animation frame,
// with the newest value.

type Child = Node | string;
type Attributes = Readonly<Record<string, string>>;

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Sets a text only where it differs, so that the browser has nothing to do otherwise. */
export function setText(target: Node, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

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

const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** Tints a value for a moment, so that a change is seen without being read; not without a pause. */
export function flash(target: HTMLElement, direction: 'up' | 'down' | 'flat'): void {
  if (direction === 'flat' || calm.matches || target.getAnimations().length > 0) return;
  const color = [`var(--${direction})`, 'var(--text)', 'var(--text)'];
  target.animate({ color, offset: [0, 0.4, 1] }, 1_500);
}

const arrows = { up: '▲', down: '▼', flat: '' } as const;

export function arrow(direction: keyof typeof arrows): string {
  return arrows[direction];
}

/** A box that says what is wrong or missing, and what to do. */
export function notice(title: string, detail: string, ...more: Child[]): HTMLElement {
  return element(
    'div',
    { class: 'notice', role: 'alert' },
    element('h2', {}, title),
    element('p', {}, detail),
    ...more,
  );
}
