-- Corporate actions, as their sources tell them. Candles stay as traded; see docs/ADJUSTMENTS.md.

create table corporate_actions (
  source    text not null,
  symbol    text not null,
  date      date not null,
  kind      text not null check (kind in ('split', 'dividend', 'rename')),
  named_on  date not null,
  calendar  text not null,
  ratio     text,
  amount    numeric,
  reference numeric,
  renamed_to text,
  primary key (source, symbol, date, kind),
  check ((kind = 'split') = (ratio is not null)),
  check ((kind = 'dividend') = (amount is not null)),
  check ((kind = 'rename') = (renamed_to is not null))
);
create index corporate_actions_symbol on corporate_actions (symbol);
create index corporate_actions_renamed_to on corporate_actions (renamed_to)
  where renamed_to is not null;

comment on table corporate_actions is 'Splits, cash dividends and renames, one row a source.';
comment on column corporate_actions.date is
  'The first day on which it holds, in the zone of the calendar: the ex-date, or the first day of
   the new symbol.';
comment on column corporate_actions.named_on is
  'The day on which the symbol meant the instrument: names are used again.';
comment on column corporate_actions.ratio is 'New shares to old ones, such as 7:1.';
comment on column corporate_actions.amount is 'Cash for each share held before the date.';
comment on column corporate_actions.reference is 'The raw close before the date, if it was told.';
