// The pages and their addresses. The gateway serves the same document for each of these paths
// (src/gateway/routes/page.ts). The code of a page comes when it is first opened, that of the first
// page at once.

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router';
import { readAlertSearch, readOverviewSearch, readSymbolSearch } from './addresses.ts';
import { Overview } from './overview/overview.tsx';
import { NotFound, Shell } from './shell/shell.tsx';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: readOverviewSearch,
  component: Overview,
});

const symbol = createRoute({
  getParentRoute: () => root,
  path: '/symbols/$symbol',
  validateSearch: readSymbolSearch,
  component: lazyRouteComponent(() => import('./symbol/symbol-page.tsx'), 'SymbolPage'),
});

const alerts = createRoute({
  getParentRoute: () => root,
  path: '/alerts',
  validateSearch: readAlertSearch,
  component: lazyRouteComponent(() => import('./alerts/alerts-page.tsx'), 'AlertsPage'),
});

const pipeline = createRoute({
  getParentRoute: () => root,
  path: '/pipeline',
  component: lazyRouteComponent(() => import('./pipeline/pipeline-page.tsx'), 'PipelinePage'),
});

export const router = createRouter({
  routeTree: root.addChildren([overview, symbol, alerts, pipeline]),
  defaultPreload: 'intent',
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
