// The frame of every page: where one can go, the search, and the state of the connection.

import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef } from 'react';
import { Notice } from './notice.tsx';
import { Status } from './status.tsx';
import { ThemeButton } from './theme-button.tsx';

// What is drawn first does not wait for lists and dialogs that open later.
const SymbolSearch = lazy(async () => ({
  default: (await import('./symbol-search.tsx')).SymbolSearch,
}));
const Shortcuts = lazy(async () => ({ default: (await import('./shortcuts.tsx')).Shortcuts }));

const pages = [
  ['/', 'Markets'],
  ['/alerts', 'Alerts'],
  ['/pipeline', 'Pipeline'],
] as const;

export function Shell() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const shown = useRef(pathname);
  // Readers by ear and keyboard start over at the top of a new page.
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    main.current?.focus();
    main.current?.scrollTo(0, 0);
  }, [pathname]);
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="top">
        <Link to="/" className="brand" aria-label="Tapeline">
          <Mark />
          <span>Tapeline</span>
        </Link>
        <nav className="pages" aria-label="Pages">
          {pages.map(([to, label]) => (
            <Link key={to} to={to} activeOptions={{ exact: true, includeSearch: false }}>
              {label}
            </Link>
          ))}
        </nav>
        <Status />
        <Suspense fallback={<div className="search" />}>
          <SymbolSearch />
        </Suspense>
        <ThemeButton />
        <Suspense fallback={<div className="icon keys-button" />}>
          <Shortcuts />
        </Suspense>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <Outlet />
      </main>
      <Foot />
    </>
  );
}

export function NotFound() {
  return (
    <Notice level="h1" title="No such page" cure={<Link to="/">All markets</Link>}>
      There is nothing at this address.
    </Notice>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d="M5 4v16M12 7v14M19 3v13" className="wicks" />
      <path d="M5 8v8M12 11v6M19 6v6" className="bodies" />
    </svg>
  );
}

function Foot() {
  return (
    <footer className="foot">
      <span>Times in {Intl.DateTimeFormat().resolvedOptions().timeZone}</span>
      <span className="foot-links">
        <a href="/openapi.json">API</a>
        <a href="https://www.tradingview.com/lightweight-charts/" rel="noreferrer">
          Charts by TradingView Lightweight Charts
        </a>
      </span>
    </footer>
  );
}
