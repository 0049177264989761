import type {ExplainStmt} from '@pgsql/types';
import {PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {AnyShape, LiveShape} from '../../live/live-shape.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {type Execution, RowsExecution} from '../execution.ts';
import {liveShapeOf} from '../live-authority.ts';
import {computedShape} from '../result-shape.ts';
import type {SessionContext} from '../session-context.ts';
import {booleanOption, defElems} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';

/** EXPLAIN (LIVE) SELECT ...: the class of a live query and what a change costs it; null without that option. */
export function liveExplanation({
  session,
  node,
  statement,
}: Omit<CommandInput<ExplainStmt>, 'params'>): Execution | null {
  const options = defElems(node.options);
  const live = options.find(option => option.defname === 'live');
  if (live === undefined || !booleanOption(live)) return null;
  if (options.length > 1)
    throw new PgError(
      SqlState.syntaxError,
      'EXPLAIN option LIVE cannot be used with other options',
    );
  const text = session.transaction.catalog.typeByOid(oid(25))!;
  const body: ParsedStatement = {...statement, ast: node.query ?? null, custom: null};
  const load = (): Datum[][] => {
    const {entry} = session.planner.plan(body, []);
    return lines(session, liveShapeOf(entry)).map(line => [line]);
  };
  return new RowsExecution(computedShape([['QUERY PLAN', text]]), load, 'EXPLAIN');
}

function lines(session: SessionContext, shape: AnyShape): string[] {
  switch (shape.class) {
    case 'A':
      return [`Live Query  (class A: row by row)`, ...rowLines(session, shape), '  State: none'];
    case 'B':
      return [
        'Live Query  (class B: ORDER BY with LIMIT)',
        ...rowLines(session, shape.inner),
        '  State: the rows of the window, and a quarter more; read again when these are used up',
      ];
    case 'E':
      return [
        `Live Query  (class E: run again after changes, because of ${shape.cause})`,
        `  Run After Changes Of: ${shape.tables.map(table => table.tableName + scopeText(table.scope)).join(', ')}`,
        `  Rows Told Apart By: ${keyText(shape)}`,
        `  State: the result, at most ${session.settings.number('live_max_result_rows')} rows`,
        '  Pause Between Runs: 4 times the work of the last one, 5 ms to 5 s',
      ];
    default:
      return shape satisfies never;
  }
}

function rowLines(session: SessionContext, shape: LiveShape): string[] {
  const {catalog} = session.transaction;
  const table = catalog.tableByOid(shape.table)!;
  const name = (position: number): string =>
    table.columns.find(column => column.attnum === shape.attnums[position])?.name ?? '_user_id';
  const found =
    shape.access === null
      ? 'every change of the table is tested'
      : `hash of ${shape.access.positions.map(name).join(', ')}`;
  return [
    `  Changes Of: ${shape.tableName}${scopeText(shape.scope)}`,
    `  Found By: ${found}`,
    ...(shape.residual === null ? [] : ['  Then: a condition on the row']),
  ];
}

function scopeText(scope: LiveShape['scope']): string {
  return scope === 'own' ? ' (own rows)' : scope === 'all' ? ' (rows of all users)' : '';
}

function keyText(shape: Extract<AnyShape, {class: 'E'}>): string {
  if (shape.keyColumns === null) return 'all columns (an update is a deletion and an insertion)';
  if (shape.keyColumns.length === 0) return 'nothing (there is one row)';
  return shape.keyColumns.map(index => shape.columns[index]!.name).join(', ');
}
