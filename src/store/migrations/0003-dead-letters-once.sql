-- Dead letters of a file are known again when it is replayed again.

alter table dead_letters add column id text;
create unique index dead_letters_id on dead_letters (id);
comment on column dead_letters.id is
  'Derived from the file and the row; null where the same input does not come twice.';
