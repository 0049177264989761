import type {ColumnDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {makeCall} from './calls.ts';
import {coerceBoolean, tryCoerce} from './coerce.ts';
import {errorType} from './display-type.ts';
import type {DmlCheck, PositionExpr, TargetRow} from './logical.ts';
import {expressionAst} from './parsed-text.ts';
import {TypeOid} from './type-oids.ts';

/** Columns of a table that exist, in order. */
export function liveColumns(table: TableDescriptor): ColumnDescriptor[] {
  return table.columns.filter(column => !column.isDropped);
}

/** A value converted for storing in a column; 42804 when it cannot be (PostgreSQL transformAssignedExpr). */
export function assignTo(
  binding: Binding,
  column: ColumnDescriptor,
  expr: BoundExpr,
  location = expr.location,
): BoundExpr {
  const type = binding.type(column.typeOid);
  const converted = tryCoerce(binding, expr, type, {
    context: 'assignment',
    typmod: column.typmod,
    location,
  });
  if (converted !== null) return converted;
  throw binding.error(
    SqlState.datatypeMismatch,
    `column "${column.name}" is of type ${errorType(type)} but expression is of type ${errorType(expr.type)}`,
    location,
    {hint: 'You will need to rewrite or cast the expression.'},
  );
}

/** The DEFAULT of a column as an expression; null = NULL. */
export function columnDefault(binding: Binding, column: ColumnDescriptor): BoundExpr | null {
  if (column.generated !== '') return null;
  if (column.identity !== '') {
    const row = binding.context.catalog.functionByOid(oid(1574));
    if (row === undefined || column.sequence === 0) return null;
    const sequence = binding.constant(binding.type(TypeOid.regclass), column.sequence);
    return assignTo(
      binding,
      column,
      makeCall(binding, row, [sequence], binding.type(TypeOid.int8), -1),
    );
  }
  const text =
    column.defaultText ??
    binding.context.catalog.typeDescriptorByOid(column.typeOid)?.defaultText ??
    null;
  if (text === null) return null;
  return binding.withoutPositions(() => {
    const expr = binding.hooks.scalar(binding, expressionAst(binding, text), {
      columns: [],
      domainValue: null,
      clause: 'DEFAULT expressions',
      relationName: '',
    });
    return assignTo(binding, column, expr);
  });
}

/** CHECK constraints of a table over a row, in name order as PostgreSQL checks them. */
export function tableChecks(binding: Binding, table: TableDescriptor, row: TargetRow): DmlCheck[] {
  return binding.context.catalog
    .constraintsOf(table.oid)
    .filter(constraint => constraint.type === 'c' && constraint.expressionText !== null)
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(constraint => ({
      name: constraint.name,
      condition: overRow(binding, table, row, constraint.expressionText!, 'check constraints'),
    }));
}

/** Generated columns of a table over a row. */
export function generatedColumns(
  binding: Binding,
  table: TableDescriptor,
  row: TargetRow,
): PositionExpr[] {
  return liveColumns(table).flatMap((column, position) => {
    if (column.generated === '' || column.defaultText === null) return [];
    return [
      {
        position,
        expr: assignTo(
          binding,
          column,
          overRow(binding, table, row, column.defaultText, 'column generation expressions'),
        ),
      },
    ];
  });
}

function overRow(
  binding: Binding,
  table: TableDescriptor,
  row: TargetRow,
  text: string,
  clause: string,
): BoundExpr {
  return binding.withoutPositions(() => {
    const columns = row.columns.map(column => ({
      name: column.name,
      expr: binding.columnExpr(column),
    }));
    const expr = binding.hooks.scalar(binding, expressionAst(binding, text), {
      columns,
      domainValue: null,
      clause,
      relationName: table.name,
    });
    return clause === 'check constraints' ? coerceBoolean(binding, expr, 'CHECK') : expr;
  });
}
