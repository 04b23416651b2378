// Light, dark, or as the system has it. The palette is one list of light-dark() pairs in CSS; what
// is drawn on a canvas asks here for its colours.

import { useSyncExternalStore } from 'react';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'tapeline-theme';
const listeners = new Set<() => void>();
const system = matchMedia('(prefers-color-scheme: dark)');
const colors = new Map<string, string>();
const probe = document.createElement('i');

system.addEventListener('change', tell);

export function applyTheme(): void {
  const theme = currentTheme();
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  tell();
}

function tell(): void {
  colors.clear();
  for (const listener of listeners) listener();
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(key, theme);
  applyTheme();
}

export function useTheme(): Theme {
  return useSyncExternalStore(onThemeChange, currentTheme);
}

/** Calls back when colours have changed, also because the system's have; answers how to end it. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A colour of the palette as it is now, such as `--up`. */
export function color(name: string): string {
  let value = colors.get(name);
  if (value === undefined) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(${name})`;
    value = getComputedStyle(probe).color;
    colors.set(name, value);
  }
  return value;
}

function currentTheme(): Theme {
  const stored = localStorage.getItem(key);
  return themes.find((one) => one === stored) ?? 'system';
}
