// Starts the dashboard: the router in its frame, and the first questions before anything is drawn.

import '@fontsource-variable/inter/wght.css';
import './styles/base.css';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import { askInstruments, queryClient } from './queries.ts';
import { router } from './router.tsx';
import { applyTheme } from './theme.ts';

applyTheme();
void queryClient.prefetchQuery(askInstruments);
const app = document.getElementById('app');
if (!app) throw new Error('index.html has no place for the app');
createRoot(app).render(
  // Style elements would be refused: the page may load its own files only.
  <CSPProvider disableStyleElements>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </CSPProvider>,
);
