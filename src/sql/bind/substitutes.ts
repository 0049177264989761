import type {Oid} from '../../common/ids.ts';
import type {FunctionRow} from '../../catalog/contract.ts';
import {SchemaOid} from '../../catalog/well-known.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';

/** Binds a function's body with `args` standing for $1.. and for the parameter names. */
export function withSubstitutes<T>(
  binding: Binding,
  args: readonly BoundExpr[],
  names: readonly string[],
  work: () => T,
  scope: string | null = null,
): T {
  const {substitutes} = binding.parameters;
  const previousNames = binding.parameterNames;
  binding.parameters.substitutes = args;
  const previousScope = binding.parameterScope;
  binding.parameterNames = names;
  binding.parameterScope = scope;
  try {
    return work();
  } finally {
    binding.parameters.substitutes = substitutes;
    binding.parameterNames = previousNames;
    binding.parameterScope = previousScope;
  }
}

/** Names of a function's input parameters. */
export function parameterNamesOf(row: FunctionRow): readonly string[] {
  if (row.argModes === '') return row.argNames;
  return row.argNames.filter((_name, index) => 'ibv'.includes(row.argModes[index] ?? 'i'));
}

/** Notes that a query names a schema: who runs it needs USAGE. What texts of the catalog name was resolved when they were made. */
export function noteSchema(binding: Binding, schema: Oid): void {
  if (binding.depth > 0 || schema === SchemaOid.pgCatalog) return;
  if (binding.uses.some(use => use.relation === schema && use.privilege === 'U')) return;
  binding.uses.push({
    relation: schema,
    columns: new Set(),
    asRole: 0 as Oid,
    privilege: 'U',
    needsColumns: false,
  });
}

/** Notes that a function is called: EXECUTE is a right of current_user, also inside views. */
export function noteCall(binding: Binding, fn: Oid): void {
  const {definer} = binding;
  if (binding.uses.some(use => use.relation === fn && use.asRole === definer)) return;
  binding.uses.push({
    relation: fn,
    columns: new Set(),
    asRole: definer,
    privilege: 'X',
    needsColumns: false,
  });
}
