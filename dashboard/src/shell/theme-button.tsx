// Goes round the three themes; its sign and name say which one is on.

import { setTheme, type Theme, themes, useTheme } from '../theme.ts';

const names: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' };

export function ThemeButton() {
  const theme = useTheme();
  return (
    <button
      type="button"
      className="icon"
      aria-label={`Theme: ${names[theme]}`}
      title={`Theme: ${names[theme]} (t)`}
      onClick={nextTheme}
    >
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="10" cy="10" r="6.25" className="line" />
        {theme === 'system' ? <path d="M10 3.75a6.25 6.25 0 0 1 0 12.5z" className="fill" /> : null}
        {theme === 'dark' ? <circle cx="10" cy="10" r="6.25" className="fill" /> : null}
      </svg>
    </button>
  );
}

export function nextTheme(): void {
  const shown = document.documentElement.dataset.theme as Theme | undefined;
  const index = themes.indexOf(shown ?? 'system');
  setTheme(themes[(index + 1) % themes.length] ?? 'system');
}
