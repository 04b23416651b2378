// Corporate actions in PostgreSQL. Importing what is there already changes nothing.

import type { Client } from 'pg';
import type { CorporateAction } from '../contracts/corporate-action.ts';
import type { FileActions } from '../corporate-actions/action-files.ts';
import { connect, type Database, explained, inTransaction } from './database.ts';

export interface ImportCounts {
  readonly added: number;
  readonly changed: number;
  /** What a source told before and, in its newest file, does not. */
  readonly withdrawn: number;
  readonly known: number;
}

const session = { application: 'actions', statementSeconds: 60 };

/** All files or none. `onFile` is told before each. Rejects with Failure 'database-unavailable'. */
export async function importActions(
  database: Database,
  files: readonly FileActions[],
  onFile: (index: number) => void = () => undefined,
): Promise<ImportCounts> {
  const client = await connect(database, session);
  try {
    return await inTransaction(client, async () => {
      const counts = { added: 0, changed: 0, withdrawn: 0, known: 0 };
      for (const [index, file] of files.entries()) {
        onFile(index);
        counts.withdrawn += await withdraw(client, file);
        for (const action of file.actions) counts[await put(client, action)]++;
      }
      return counts;
    });
  } catch (error) {
    throw explained(error, database);
  } finally {
    await client.end();
  }
}

async function withdraw(client: Client, { actions, whole }: FileActions): Promise<number> {
  if (whole === null) return 0;
  const { rowCount } = await client.query(
    `delete from corporate_actions
     where source = $1 and kind = any($2) and (symbol, date, kind) not in (
       select * from unnest($3::text[], $4::date[], $5::text[])
     )`,
    [
      whole.source,
      whole.kinds,
      actions.map(({ symbol }) => symbol),
      actions.map(({ date }) => date),
      actions.map(({ kind }) => kind),
    ],
  );
  return rowCount ?? 0;
}

async function put(client: Client, action: CorporateAction): Promise<keyof ImportCounts> {
  const { source, symbol, date, kind, namedOn, calendar } = action;
  const { rows } = await client.query<{ added: boolean }>(
    `insert into corporate_actions as known (
       source, symbol, date, kind, named_on, calendar, ratio, amount, reference, renamed_to
     )
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (source, symbol, date, kind) do update set
       named_on   = excluded.named_on,
       calendar   = excluded.calendar,
       ratio      = excluded.ratio,
       amount     = excluded.amount,
       reference  = excluded.reference,
       renamed_to = excluded.renamed_to
     where known is distinct from excluded
     returning xmax = 0 as added`,
    [
      source,
      symbol,
      date,
      kind,
      namedOn,
      calendar,
      kind === 'split' ? action.ratio : null,
      kind === 'dividend' ? action.amount : null,
      kind === 'dividend' ? action.reference : null,
      kind === 'rename' ? action.to : null,
    ],
  );
  const [row] = rows;
  if (!row) return 'known';
  return row.added ? 'added' : 'changed';
}

/** The actions of a symbol and of all that renames connect it with: `$1`. */
export const selectActions = `
  with recursive names (symbol) as (
    select $1::text
    union
    select case when renames.symbol = names.symbol then renames.renamed_to else renames.symbol end
    from names join corporate_actions renames
      on renames.kind = 'rename' and names.symbol in (renames.symbol, renames.renamed_to)
  )
  select
    source, symbol, to_char(date, 'YYYY-MM-DD') as date, kind, calendar,
    to_char(named_on, 'YYYY-MM-DD') as "namedOn",
    ratio, trim_scale(amount)::text as amount, trim_scale(reference)::text as reference,
    renamed_to as "to"
  from corporate_actions join names using (symbol)
  order by corporate_actions.date, source, symbol, kind`;

export interface ActionRow {
  readonly source: string;
  readonly symbol: string;
  readonly date: string;
  readonly kind: CorporateAction['kind'];
  readonly calendar: string;
  readonly namedOn: string;
  readonly ratio: string | null;
  readonly amount: string | null;
  readonly reference: string | null;
  readonly to: string | null;
}

/** A row has what its kind has: the table checks it. */
export function actionOf({ ratio, amount, reference, to, ...row }: ActionRow): CorporateAction {
  const { kind, ...common } = row;
  switch (kind) {
    case 'split':
      return { ...common, kind, ratio: ratio ?? '' };
    case 'dividend':
      return { ...common, kind, amount: amount ?? '', reference };
    case 'rename':
      return { ...common, kind, to: to ?? '' };
  }
}
