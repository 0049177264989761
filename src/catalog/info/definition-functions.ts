import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {PgArray} from '../../types/array-value.ts';
import type {Datum} from '../../types/contract.ts';
import {
  constraintDefinition,
  indexColumnDefinition,
  indexDefinition,
  ruleDefinition,
  viewDefinition,
} from '../definitions.ts';
import type {RelationDescriptor} from '../descriptors.ts';
import {formatType, qualifiedName, relationLocation, roleName, schemaName} from '../names.ts';
import {prettyExpression} from '../pretty-expression.ts';
import {quoteIdentifier} from '../quote.ts';
import {regIn, splitName} from '../reg-names.ts';
import {queryRelations} from '../stored-queries.ts';
import {shownText} from '../stored-text.ts';
import {derivedOid} from '../system/source.ts';
import {intArg, oidArg, textArg, type InfoContext, type InfoFunction} from './context.ts';
import {functionArguments, functionDefinition, functionResult} from './routine-text.ts';

/** Whether the `pretty` argument at a place is true. */
function isPretty(args: readonly Datum[], at: number): boolean {
  return args[at] === true;
}

const indexdef: InfoFunction = (context, args) => {
  const {snapshot} = context;
  const key = oidArg(args, 0);
  const column = args.length > 1 ? intArg(args, 1) : 0;
  const style = {scope: context, isPretty: isPretty(args, 2)};
  const index = snapshot.relationByOid(key);
  if (index?.kind === 'index') {
    return column === 0
      ? indexDefinition(index, style)
      : indexColumnDefinition(index, column, style);
  }
  return builtinIndex(context, key, column);
};

/** The same of an index of the catalogs. */
function builtinIndex(context: InfoContext, key: Oid, column: number): Datum {
  const {snapshot} = context;
  const table = snapshot.builtin.data.table('pg_index');
  const at = table.byKey(key)[0];
  if (at === undefined) return null;
  const row = table.row(at);
  const relation = snapshot.relationByOid(row[1] as Oid);
  const columns = relation !== undefined && 'columns' in relation ? relation.columns : [];
  const names = (row[15] as readonly number[]).map(attnum =>
    quoteIdentifier(columns.find(each => each.attnum === attnum)?.name ?? '???'),
  );
  if (column > 0) return names[column - 1] ?? '';
  const index = relationLocation(snapshot, key);
  const unique = row[4] === true ? 'UNIQUE ' : '';
  const on = qualifiedName(snapshot, relation?.schema ?? (11 as Oid), relation?.name ?? '');
  return `CREATE ${unique}INDEX ${index?.name ?? ''} ON ${on} USING btree (${names.join(', ')})`;
}

const constraintdef: InfoFunction = (context, args) => {
  const key = oidArg(args, 0);
  const style = {scope: context, isPretty: isPretty(args, 1)};
  const constraint = context.snapshot.constraintByOid(key);
  if (constraint !== undefined) return constraintDefinition(constraint, style);
  return builtinConstraint(context, key);
};

function builtinConstraint(context: InfoContext, key: Oid): Datum {
  const table = context.snapshot.builtin.data.table('pg_constraint');
  const at = table.byKey(key)[0];
  if (at === undefined) {
    throw new PgError(SqlState.internalError, `cache lookup failed for constraint ${key}`);
  }
  const row = table.row(at);
  if (row[3] === 'c') return `CHECK (${String(row[25])})`;
  const relation = context.snapshot.relationByOid(row[7] as Oid);
  const columns = relation !== undefined && 'columns' in relation ? relation.columns : [];
  const names = (row[18] as readonly number[]).map(attnum =>
    quoteIdentifier(columns.find(each => each.attnum === attnum)?.name ?? '???'),
  );
  return `${row[3] === 'p' ? 'PRIMARY KEY' : 'UNIQUE'} (${names.join(', ')})`;
}

/** pg_get_viewdef(view [, pretty | wrap column]): a wrap column asks for the pretty form. */
function viewText(context: InfoContext, view: Oid, args: readonly Datum[]): Datum {
  const stored = viewDefinition(context.snapshot, view);
  if (stored === undefined) return null;
  const text = shownText(context, stored);
  return isPretty(args, 1) || typeof args[1] === 'number' ? prettyExpression(text) : text;
}

const viewdef: InfoFunction = (context, args) => viewText(context, oidArg(args, 0), args);

const viewdefByName: InfoFunction = (context, args) =>
  viewText(context, regIn(context, 'regclass', textArg(args, 0)) as Oid, args);

const ruledef: InfoFunction = (context, args) => {
  const key = oidArg(args, 0);
  for (const view of queryRelations(context.snapshot)) {
    if (derivedOid(view.oid, 0) === key) return ruleDefinition(context.snapshot, view.oid) ?? null;
  }
  const table = context.snapshot.builtin.data.table('pg_rewrite');
  const at = table.byKey(key)[0];
  return at === undefined
    ? null
    : (ruleDefinition(context.snapshot, table.row(at)[2] as Oid) ?? null);
};

/** pg_get_expr: catalogs hold deparsed text; the pretty form drops parentheses. */
const expr: InfoFunction = (context, args) => {
  const shown = shownText(context, textArg(args, 0));
  return isPretty(args, 2) ? prettyExpression(shown) : shown;
};

const argDefault: InfoFunction = (context, args) => {
  const fn = context.snapshot.functionByOid(oidArg(args, 0));
  if (fn === undefined) return null;
  const at = intArg(args, 1) - 1;
  const text = fn.defaultTexts[at - (fn.argTypes.length - fn.defaultCount)];
  return text === undefined ? null : shownText(context, text);
};

/** pg_get_serial_sequence(table, column): the sequence owned by a column, qualified. */
const serialSequence: InfoFunction = (context, args) => {
  const {snapshot} = context;
  const key = regIn(context, 'regclass', textArg(args, 0)) as Oid;
  const relation = snapshot.relationByOid(key);
  const name = textArg(args, 1);
  const column = columnNamed(relation, name);
  if (column === undefined) {
    const table = splitName(textArg(args, 0)).at(-1) ?? '';
    const text = `column "${name}" of relation "${table}" does not exist`;
    throw new PgError(SqlState.undefinedColumn, text);
  }
  for (const sequence of snapshot.sequences()) {
    if (sequence.ownedByTable === key && sequence.ownedByAttnum === column) {
      return qualifiedName(snapshot, sequence.schema, sequence.name);
    }
  }
  return null;
};

function columnNamed(relation: RelationDescriptor | undefined, name: string): number | undefined {
  if (relation === undefined || !('columns' in relation)) return undefined;
  return relation.columns.find(column => column.name === name && !column.isDropped)?.attnum;
}

/** format_type(type, typmod): either may be NULL. */
const formatTypeFunction: InfoFunction = (context, args) =>
  args[0] === null
    ? null
    : formatType(context, oidArg(args, 0), args[1] === null ? null : intArg(args, 1));

/** Functions that print definitions. */
export const definitionFunctions: Readonly<Record<string, InfoFunction>> = {
  format_type: formatTypeFunction,
  oidvectortypes: (context, args) =>
    (args[0] as PgArray).elements.map(type => formatType(context, type as Oid, null)).join(', '),
  pg_get_constraintdef: constraintdef,
  pg_get_constraintdef_ext: constraintdef,
  pg_get_expr: expr,
  pg_get_expr_ext: expr,
  pg_get_function_arg_default: argDefault,
  pg_get_function_arguments: (context, args) => {
    const fn = context.snapshot.functionByOid(oidArg(args, 0));
    return fn === undefined ? null : functionArguments(context, fn, false);
  },
  pg_get_function_identity_arguments: (context, args) => {
    const fn = context.snapshot.functionByOid(oidArg(args, 0));
    return fn === undefined ? null : functionArguments(context, fn, true);
  },
  pg_get_function_result: (context, args) => {
    const fn = context.snapshot.functionByOid(oidArg(args, 0));
    return fn === undefined ? null : functionResult(context, fn);
  },
  pg_get_function_sqlbody: (context, args) => {
    const table = context.snapshot.builtin.data.table('pg_proc');
    const at = table.byKey(oidArg(args, 0))[0];
    return at === undefined ? null : (table.row(at)[27] as string | null);
  },
  pg_get_functiondef: (context, args) => {
    const fn = context.snapshot.functionByOid(oidArg(args, 0));
    if (fn === undefined) return null;
    if (fn.kind === 'a') {
      throw new PgError(SqlState.wrongObjectType, `"${fn.name}" is an aggregate function`);
    }
    return functionDefinition(context, fn);
  },
  pg_get_indexdef: indexdef,
  pg_get_indexdef_ext: indexdef,
  pg_get_partition_constraintdef: () => null,
  pg_get_partkeydef: () => null,
  pg_get_ruledef: ruledef,
  pg_get_ruledef_ext: ruledef,
  pg_get_serial_sequence: serialSequence,
  pg_get_statisticsobjdef: () => null,
  pg_get_statisticsobjdef_columns: () => null,
  pg_get_statisticsobjdef_expressions: () => null,
  pg_get_triggerdef: () => null,
  pg_get_triggerdef_ext: () => null,
  pg_get_userbyid: (context, args) => roleName(context.snapshot, oidArg(args, 0)),
  pg_get_viewdef: viewdef,
  pg_get_viewdef_ext: viewdef,
  pg_get_viewdef_wrap: viewdef,
  pg_get_viewdef_name: viewdefByName,
  pg_get_viewdef_name_ext: viewdefByName,
};

/** Quoted `schema.name` of a relation. */
export function qualifiedRelation(context: InfoContext, relation: Oid): string {
  const found = relationLocation(context.snapshot, relation);
  if (found === undefined) return String(relation);
  const schema = quoteIdentifier(schemaName(context.snapshot, found.schema));
  return `${schema}.${quoteIdentifier(found.name)}`;
}
