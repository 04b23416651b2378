// The shortcuts that work on every page, and the list of all of them under `?`.

import { Dialog } from '@base-ui/react/dialog';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useShortcut } from './keys.ts';
import { nextTheme } from './theme-button.tsx';

const lists: readonly (readonly [string, readonly (readonly [keys: string, does: string])[]])[] = [
  [
    'Everywhere',
    [
      ['m', 'Markets'],
      ['a', 'Alerts'],
      ['p', 'Pipeline'],
      ['/', 'Find a symbol'],
      ['t', 'Change the theme'],
      ['?', 'This list'],
    ],
  ],
  [
    'Markets',
    [
      ['f', 'Filter the list'],
      ['h', 'List or heat map'],
      ['↑ ↓', 'Move in the list'],
      ['Enter', 'Open the symbol'],
    ],
  ],
  [
    'A symbol',
    [
      ['1 – 7', 'Interval, from 1s to 1d'],
      ['← →', 'Move in the chart, once it has the focus'],
      ['Enter', 'Explain the candle pointed at'],
      ['e', 'Explain the newest closed candle'],
      ['n', 'Back to the newest candle'],
    ],
  ],
];

export function Shortcuts() {
  const [isOpen, setOpen] = useState(false);
  const navigate = useNavigate();
  useShortcut('?', () => setOpen(true));
  useShortcut('m', () => void navigate({ to: '/' }));
  useShortcut('a', () => void navigate({ to: '/alerts' }));
  useShortcut('p', () => void navigate({ to: '/pipeline' }));
  useShortcut('t', nextTheme);
  return (
    <Dialog.Root open={isOpen} onOpenChange={setOpen}>
      <Dialog.Trigger className="icon keys-button" aria-label="Shortcuts" title="Shortcuts (?)">
        ?
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog keys">
          <Dialog.Title>Shortcuts</Dialog.Title>
          {lists.map(([name, keys]) => (
            <section key={name}>
              <h3>{name}</h3>
              <dl>
                {keys.map(([key, does]) => (
                  <div key={key}>
                    <dt>
                      <kbd>{key}</kbd>
                    </dt>
                    <dd>{does}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
          <Dialog.Close className="button">Close</Dialog.Close>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
