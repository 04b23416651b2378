-- Compresses what is a week old, which by then seldom changes; what does can still be written. Not
-- in the Apache edition. Nothing is dropped: the store keeps what it has, as its partitions do.

alter table trade_rows set (
  timescaledb.compress,
  timescaledb.compress_segmentby = 'instrument_id',
  timescaledb.compress_orderby = 'event_time, log_offset'
);
select add_compression_policy('trade_rows', interval '7 days');

alter table candle_rows set (
  timescaledb.compress,
  timescaledb.compress_segmentby = 'instrument_id, price_kind, interval_id',
  timescaledb.compress_orderby = 'start'
);
select add_compression_policy('candle_rows', interval '7 days');
