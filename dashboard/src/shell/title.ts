// The title of the window follows the page.

import { useEffect } from 'react';

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Tapeline`;
  }, [title]);
}
