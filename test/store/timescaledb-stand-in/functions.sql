-- The functions of TimescaleDB that the store calls, with its names and arguments. They write down
-- what was asked and refuse what it refuses; the tables stay as they are.

create table hypertables (
  relation regclass primary key,
  time_column name not null,
  chunk interval not null
);

create type dimension_info as (column_name name, partition_interval interval);

create function by_range(column_name name, partition_interval interval)
returns dimension_info
language sql
return row(column_name, partition_interval)::dimension_info;

create function create_hypertable(
  relation regclass,
  dimension dimension_info,
  create_default_indexes boolean default true,
  if_not_exists boolean default false,
  migrate_data boolean default false
) returns void
language plpgsql
set search_path from current
as $$
declare
  of_time int2 := (
    select attnum from pg_attribute
    where attrelid = relation and attname = dimension.column_name and attnotnull
  );
begin
  if (select relkind from pg_class where oid = relation) <> 'r' then
    raise 'table "%" is already partitioned', relation;
  end if;
  if of_time is null then
    raise 'column "%" is missing or may be null', dimension.column_name;
  end if;
  if exists (
    select from pg_index
    where indrelid = relation and indisunique and not of_time = any (indkey::int2[])
  ) then
    raise 'cannot create a unique index without the column "%"', dimension.column_name;
  end if;
  insert into hypertables values (relation, dimension.column_name, dimension.partition_interval);
end
$$;
