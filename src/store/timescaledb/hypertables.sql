-- Makes the tables of trades and candles anew as hypertables, with all that they have: TimescaleDB
-- takes no table that has partitions of its own. Only while both are empty.

do $$
declare
  trades text := pg_get_viewdef('trades'::regclass);
  candles text := pg_get_viewdef('candles'::regclass);
begin
  drop view trades;
  drop view candles;

  create table trade_rows_whole (like trade_rows including all);
  drop table trade_rows;
  alter table trade_rows_whole rename to trade_rows;
  comment on table trade_rows is 'Every trade, in integers. Read the view trades instead.';

  create table candle_rows_whole (like candle_rows including all) with (fillfactor = 80);
  drop table candle_rows;
  alter table candle_rows_whole rename to candle_rows;
  comment on table candle_rows is
    'The newest version of every candle. Read the view candles instead.';

  -- A day of a busy market fits into memory; a week of candles is as much.
  perform create_hypertable(
    'trade_rows', by_range('event_time', interval '1 day'), create_default_indexes => false
  );
  perform create_hypertable(
    'candle_rows', by_range('start', interval '7 days'), create_default_indexes => false
  );

  execute 'create view trades as ' || trades;
  execute 'create view candles as ' || candles;
  update layout set kind = 'timescaledb';
end
$$;
