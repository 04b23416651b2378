// Finds a symbol by its code or name, from any page: `/` brings one here, Enter goes there.

import { Autocomplete } from '@base-ui/react/autocomplete';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import type { Instrument } from '../api.ts';
import { askInstruments } from '../queries.ts';
import { matches } from '../search.ts';
import { useShortcut } from './keys.ts';

const shownMax = 12;
const none: readonly Instrument[] = [];

export function SymbolSearch() {
  const { data: instruments = none } = useQuery(askInstruments);
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  useShortcut('/', () => input.current?.focus());
  const found = text === '' ? none : matches(instruments, text).slice(0, shownMax);
  const open = (symbol: string): void => {
    setText('');
    input.current?.blur();
    void navigate({ to: '/symbols/$symbol', params: { symbol } });
  };
  return (
    <Autocomplete.Root
      items={found}
      mode="none"
      autoHighlight
      value={text}
      onValueChange={(value, { reason }) => {
        if (reason !== 'item-press') setText(value);
      }}
      itemToStringValue={({ symbol }: Instrument) => symbol}
    >
      <Autocomplete.Input
        ref={input}
        className="search"
        placeholder="Find a symbol"
        aria-label="Find a symbol"
        aria-keyshortcuts="/"
      />
      <Autocomplete.Portal>
        <Autocomplete.Positioner className="popup-place" sideOffset={6} align="start">
          <Autocomplete.Popup className="popup search-popup">
            <Autocomplete.Empty className="search-empty">
              {text === '' ? null : `No symbol matches “${text}”.`}
            </Autocomplete.Empty>
            <Autocomplete.List>
              {(instrument: Instrument) => (
                <Autocomplete.Item
                  key={instrument.symbol}
                  value={instrument}
                  className="search-item"
                  onClick={() => open(instrument.symbol)}
                >
                  <b>{instrument.symbol}</b>
                  <span>{instrument.name}</span>
                </Autocomplete.Item>
              )}
            </Autocomplete.List>
          </Autocomplete.Popup>
        </Autocomplete.Positioner>
      </Autocomplete.Portal>
    </Autocomplete.Root>
  );
}
