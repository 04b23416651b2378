-- What the store keeps: instruments, trades, candles, dead letters, and how far each consumer of
-- the log has come. Tables hold what is fast to write; the views `trades` and `candles` are what
-- people read. Times are UTC. Nothing here rounds: prices and sizes are exact decimals.

-- --- instruments ---

create table instruments (
  instrument_id   int generated always as identity primary key,
  symbol          text not null unique,
  name            text not null default '',
  exchange        text not null default '',
  currency        text not null default '',
  asset_class     text not null default 'unknown',
  price_increment numeric,
  size_increment  numeric,
  calendar        text not null default '24/7',
  source          text
);
comment on table instruments is
  'What is traded. Without a source it is known by its symbol only: no feed has defined it yet.';

-- --- trades ---

-- No foreign keys and no btree: each would halve the rate at which trades are stored. The one
-- writer of this table makes the rows they point to first, and no row of those is ever deleted.
create table trade_rows (
  event_time    timestamptz not null,
  delay         bigint,
  instrument_id int not null,
  tag_id        int not null,
  price         bigint not null,
  size          bigint not null,
  trade_id      bigint,
  log_offset    bigint not null,
  sequence      bigint not null,
  cancelled     boolean
) partition by range (event_time);

comment on column trade_rows.cancelled is
  'True once a cancel of the trade was stored; the cancel is a row of its own, with the same time
   and id and the verdict cancel. Null, which is nearly all, costs nothing.';

-- 32 pages are about 2,800 trades, half a minute at 100 a second. Summarized by vacuum.
create index trade_rows_event_time on trade_rows
  using brin (event_time) with (pages_per_range = 32);

comment on table trade_rows is 'Every trade, in integers. Read the view trades instead.';
comment on column trade_rows.delay is
  'Microseconds from the event to our receiving it; null is none. PostgreSQL takes in a null for
   nothing, and an integer for half of what a timestamp costs it.';
comment on column trade_rows.price is 'In units of trade_tags.price_unit.';
comment on column trade_rows.size is 'In units of trade_tags.size_unit.';
comment on column trade_rows.trade_id is
  'The id as the source numbers, or a hash where it writes text (then see trade_texts).';
comment on column trade_rows.log_offset is
  'With trade_tags.epoch and partition: where the trade stands in the log.';
comment on column trade_rows.sequence is 'Gap-free per instrument.';

create table trade_tags (
  tag_id       int generated always as identity primary key,
  digest       uuid not null unique,
  epoch        text not null,
  partition    int not null,
  source       text not null,
  scope        text not null,
  venue        text not null,
  conditions   text not null,
  side         text not null,
  verdict      text not null,
  tape         text not null,
  price_unit   numeric not null,
  size_unit    numeric not null,
  has_text_ids boolean not null
);
comment on table trade_tags is 'What few trades differ in, once.';
comment on column trade_tags.digest is
  'Of all the other columns: a unique index on texts of any length could refuse a long one.';

create table trade_texts (
  tag_id     int not null,
  log_offset bigint not null,
  id         text not null,
  primary key (tag_id, log_offset)
);
comment on table trade_texts is 'The ids of those trades whose source writes them as text.';

create table trade_hours (
  instrument_id int not null,
  hour          timestamptz not null,
  trades        bigint not null,
  first_time    timestamptz not null,
  last_time     timestamptz not null,
  primary key (instrument_id, hour)
) with (fillfactor = 50);
comment on table trade_hours is
  'How many trades of an instrument fall into each hour, so that a reader knows where to look.';

create view trades as
select
  instruments.symbol,
  trade_rows.event_time as time,
  trade_rows.event_time + coalesce(trade_rows.delay, 0) * interval '1 microsecond' as received,
  trim_scale(trade_rows.price * trade_tags.price_unit) as price,
  trim_scale(trade_rows.size * trade_tags.size_unit) as size,
  case
    when not trade_tags.has_text_ids then trade_rows.trade_id::text
    else (
      select texts.id from trade_texts texts
      where (texts.tag_id, texts.log_offset) = (trade_rows.tag_id, trade_rows.log_offset)
    )
  end as id,
  trade_tags.venue,
  trade_tags.conditions,
  trade_tags.side,
  trade_tags.source,
  case when trade_rows.cancelled then 'cancelled' else trade_tags.verdict end as verdict,
  trade_rows.sequence,
  trade_tags.epoch,
  trade_tags.partition,
  trade_rows.log_offset
from trade_rows
join trade_tags using (tag_id)
join instruments using (instrument_id);

-- --- candles ---

create table price_kinds (price_kind smallint primary key, name text not null unique);
insert into price_kinds values (0, 'trade'), (1, 'bid'), (2, 'ask'), (3, 'mid');

create table candle_intervals (
  interval_id smallint primary key,
  name        text not null unique,
  length      interval not null
);
insert into candle_intervals values
  (0, '1s', '1 second'), (1, '1m', '1 minute'), (2, '5m', '5 minutes'), (3, '15m', '15 minutes'),
  (4, '1h', '1 hour'), (5, '4h', '4 hours'), (6, '1d', '1 day');

create table candle_states (state smallint primary key, name text not null unique);
insert into candle_states values (0, 'open'), (1, 'final'), (2, 'revised');

create table candle_rows (
  instrument_id int not null,
  price_kind    smallint not null,
  interval_id   smallint not null,
  start         timestamptz not null,
  open          numeric not null,
  high          numeric not null,
  low           numeric not null,
  close         numeric not null,
  volume        numeric not null,
  notional      numeric,
  trades        int not null,
  priced        int not null,
  revision      int not null,
  state         smallint not null,
  primary key (instrument_id, price_kind, interval_id, start)
) partition by list (interval_id);
comment on table candle_rows is
  'The newest version of every candle. Read the view candles instead.';
comment on column candle_rows.notional is
  'Sum of price x size; null where bars are among what the candle holds.';
comment on column candle_rows.priced is
  'How many of the trades may set open and close; see docs/decisions/0004-tape-rules.md.';

-- The fine intervals are 98 % of the rows, and the first that somebody wants to drop: by month.
create table candle_rows_fine partition of candle_rows
  for values in (0, 1) partition by range (start);
create table candle_rows_coarse partition of candle_rows
  for values in (2, 3, 4, 5, 6) with (fillfactor = 50);

-- Half up to 8 digits; by integer division, because that of numeric would round twice.
create function vwap(notional numeric, volume numeric) returns numeric
language sql immutable parallel safe
return trim_scale(div(2e8 * notional + volume, nullif(2 * volume, 0)) * 1e-8);

create view candles as
select
  instruments.symbol,
  price_kinds.name as price,
  candle_intervals.name as interval,
  candle_rows.start,
  candle_rows.open,
  candle_rows.high,
  candle_rows.low,
  candle_rows.close,
  candle_rows.volume,
  candle_rows.notional,
  vwap(candle_rows.notional, candle_rows.volume) as vwap,
  candle_rows.trades,
  candle_rows.priced,
  candle_rows.revision,
  candle_states.name as state
from candle_rows
join instruments using (instrument_id)
join price_kinds using (price_kind)
join candle_intervals using (interval_id)
join candle_states using (state);

create table silences (
  instrument_id int not null,
  price_kind    smallint not null,
  interval_id   smallint not null,
  start         timestamptz not null,
  "end"         timestamptz not null,
  state         text not null,
  primary key (instrument_id, price_kind, interval_id, start)
);
comment on table silences is
  'Intervals that were over without a candle, from start to before "end", at most 32 days of them:
   no_trades where the feed was proven alive, else no_data. A candle that came later wins.';

-- --- signals ---

create table signals (
  id       text primary key,
  kind     text not null,
  symbol   text not null,
  time     timestamptz not null,
  start    timestamptz not null,
  severity text not null,
  state    text not null,
  revision int not null,
  text     text not null,
  "values" jsonb not null
);
create index signals_time on signals (time desc, id);
create index signals_symbol on signals (symbol, time desc, id);
comment on table signals is
  'The newest version of every signal; docs/SIGNALS.md says what each means.';

-- --- dead letters ---

create table dead_letters (
  receive_time timestamptz not null,
  source       text not null,
  "where"      text not null,
  reason       text not null,
  detail       text not null,
  raw          bytea not null,
  raw_length   bigint not null,
  id           text
);
create index dead_letters_receive_time on dead_letters (receive_time);
create unique index dead_letters_id on dead_letters (id);
comment on column dead_letters.id is
  'Derived from the file and the row; null where the same input does not come twice.';
comment on table dead_letters is 'What could not be taken in, with its raw bytes and the reason.';

-- --- progress ---

create table consumed (
  consumer    text not null,
  topic       text not null,
  partition   int not null,
  epoch       text not null,
  next_offset bigint not null,
  primary key (consumer, topic, partition, epoch)
) with (fillfactor = 50);
comment on table consumed is
  'The next offset of the log that is not stored yet; advanced in the transaction of its rows.';

-- --- times ---

-- Microseconds since 1970, as the log counts.
create function micros(moment timestamptz) returns bigint
language sql stable parallel safe
return extract(epoch from moment) * 1000000;

-- --- partitions ---

/*
 * Makes the partition of a month, unless it is there: a table with everything the parent has,
 * attached with a lock that keeps neither readers nor writers waiting.
 */
create function make_month(parent text, month date, storage text) returns void
language plpgsql
set search_path = tapeline
as $$
declare
  name text := parent || to_char(month, '_YYYY_MM');
begin
  perform pg_advisory_xact_lock(hashtext('tapeline.make_month'));
  if to_regclass(name) is not null then
    return;
  end if;
  execute format('create table %I (like %I including all) with (%s)', name, parent, storage);
  execute format(
    'alter table %I attach partition %I for values from (%L) to (%L)',
    parent, name,
    month::timestamp at time zone 'UTC', (month + interval '1 month') at time zone 'UTC'
  );
end
$$;
