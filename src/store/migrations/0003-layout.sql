-- How trades and candles are laid out on disk. Decided for good when this is applied; see
-- docs/TIMESCALEDB.md and src/store/layout.ts.

create table layout (kind text not null check (kind in ('partitions', 'timescaledb')));
insert into layout values ('partitions');
comment on table layout is
  'One row: partitions, our own by month, or timescaledb, hypertables of that extension.';
