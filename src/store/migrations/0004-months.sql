-- Candles of up to an hour go by month, not those of up to a minute alone: a month that is over can
-- be put in the order of its key (src/store/month-order.ts), and what has no end never can.
-- Hypertables have chunks of their own.

set local statement_timeout = 0;

do $$
begin
  if (select kind from layout) <> 'partitions' then
    return;
  end if;

  alter table candle_rows detach partition candle_rows_fine;
  alter table candle_rows detach partition candle_rows_coarse;
  alter table candle_rows_coarse rename to candle_rows_moved;
  alter table candle_rows_moved rename constraint candle_rows_coarse_pkey to candle_rows_moved_pkey;
  create table candle_rows_coarse (like candle_rows including all) with (fillfactor = 50);

  perform make_month('candle_rows_fine', month, 'fillfactor = 80')
  from (
    select distinct date_trunc('month', start at time zone 'UTC')::date as month
    from candle_rows_moved where interval_id in (2, 3, 4)
  ) months;
  insert into candle_rows_fine
  select * from candle_rows_moved where interval_id in (2, 3, 4)
  order by start, instrument_id;
  insert into candle_rows_coarse
  select * from candle_rows_moved where interval_id in (5, 6)
  order by instrument_id, price_kind, interval_id, start;
  drop table candle_rows_moved;

  alter table candle_rows attach partition candle_rows_fine for values in (0, 1, 2, 3, 4);
  alter table candle_rows attach partition candle_rows_coarse for values in (5, 6);
end
$$;
