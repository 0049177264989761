import type {FuncCall} from '@pgsql/types';
import type {FunctionRow} from '../../catalog/contract.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {namesOf} from './ast.ts';
import type {Binding} from './binding.ts';
import {coerceImplicit} from './coerce.ts';
import {errorType} from './display-type.ts';
import {expressionAst} from './parsed-text.ts';
import {resolvePolymorphic} from './polymorphic.ts';
import {type FunctionMatch, resolveFunction} from './resolve-function.ts';
import {noteSchema} from './substitutes.ts';
import {TypeOid} from './type-oids.ts';

/** A call whose function is known and whose arguments are converted. */
export interface ResolvedCall {
  readonly row: FunctionRow;
  readonly args: readonly BoundExpr[];
  readonly type: BoundExpr['type'];
}

/** Finds the function of a call node among its candidates. */
export function matchFunction(
  binding: Binding,
  node: FuncCall,
  args: readonly BoundExpr[],
  asCalled: (row: FunctionRow) => FunctionRow = row => row,
): FunctionMatch | 'ambiguous' | null {
  const names = namesOf(node.funcname);
  return resolveFunction(binding, {
    name: names.at(-1) ?? '',
    schema: schemaOf(binding, names, node.location ?? -1),
    actual: args.map(arg => arg.type),
    argNames: (node.args ?? []).map(arg =>
      'NamedArgExpr' in arg ? (arg.NamedArgExpr.name ?? '') : '',
    ),
    isVariadicCall: node.func_variadic === true,
    asCalled,
  });
}

function schemaOf(binding: Binding, names: readonly string[], location: number): Oid | null {
  if (names.length < 2) return null;
  const schema = binding.schema(names.at(-2)!);
  if (schema === undefined)
    throw binding.error(
      SqlState.invalidSchemaName,
      `schema "${names.at(-2)}" does not exist`,
      location,
    );
  noteSchema(binding, schema.oid);
  return schema.oid;
}

/** 42883 or 42725 for a call that no function fits. */
export function undefinedFunction(
  binding: Binding,
  node: FuncCall,
  args: readonly BoundExpr[],
  isAmbiguous: boolean,
): Error {
  const names = namesOf(node.funcname).filter(
    (name, index, all) =>
      !(
        all.length > 1 &&
        index === 0 &&
        name === 'pg_catalog' &&
        node.funcformat === 'COERCE_SQL_SYNTAX'
      ),
  );
  const argNames = (node.args ?? []).map(arg =>
    'NamedArgExpr' in arg ? (arg.NamedArgExpr.name ?? '') : '',
  );
  const shown = signature(names.join('.'), args, argNames);
  if (isAmbiguous) {
    return binding.error(
      SqlState.ambiguousFunction,
      `function ${shown} is not unique`,
      node.location ?? -1,
      {
        hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
      },
    );
  }
  if (node.agg_order !== undefined && node.agg_within_group !== true && node.agg_order.length > 1) {
    return binding.error(
      SqlState.undefinedFunction,
      `function ${shown} does not exist`,
      node.location ?? -1,
      {
        hint:
          'No aggregate function matches the given name and argument types. Perhaps you misplaced ORDER ' +
          'BY; ORDER BY must appear after all regular arguments of the aggregate.',
      },
    );
  }
  return binding.error(
    SqlState.undefinedFunction,
    `function ${shown} does not exist`,
    node.location ?? -1,
    {
      hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
    },
  );
}

/** name(types) as errors show a call. */
export function signature(
  name: string,
  args: readonly BoundExpr[],
  argNames: readonly string[] = [],
): string {
  return `${name}(${args.map((arg, index) => (argNames[index] ? `${argNames[index]} => ` : '') + errorType(arg.type)).join(', ')})`;
}

/** Converts arguments to the declared types, adds defaults, gathers VARIADIC. */
export function resolveCall(
  binding: Binding,
  match: FunctionMatch,
  given: readonly BoundExpr[],
  location: number,
  isVariadicCall = false,
): ResolvedCall {
  const row =
    isVariadicCall && match.row.variadic === TypeOid.any
      ? spreadRow(binding, match.row, given.at(-1)!)
      : match.row;
  const defaults = match.order.some(index => index === -1) ? bindDefaults(binding, row) : [];
  const firstDefault = row.argTypes.length - row.defaultCount;
  const ordered = match.order.map((index, position) =>
    index === -1 ? defaults[position - firstDefault]! : given[index]!,
  );
  const declared = match.order.map((index, position) =>
    index === -1 ? row.argTypes[position]! : match.argTypes[index]!,
  );
  const types = resolvePolymorphic(
    binding,
    ordered.map(arg => arg.type),
    declared,
    row.returnType,
  );
  const args = ordered.map((arg, index) => argument(binding, arg, types.args[index]!));
  if (match.variadicCount < 0) return {row, args, type: types.result};
  const fixed = args.slice(0, args.length - match.variadicCount);
  const element = types.args.at(-1) ?? binding.type(row.variadic);
  const arrayOid = match.variadicCount === 0 ? row.argTypes.at(-1)! : element.arrayOid;
  const array: BoundExpr = {
    kind: 'array',
    type: binding.type(arrayOid),
    typmod: -1,
    location,
    elements: args.slice(fixed.length),
    isMultiDimensional: false,
  };
  return {row, args: [...fixed, array], type: types.result};
}

/** A function of VARIADIC "any" called with an array: its code for that has a name of its own. */
function spreadRow(binding: Binding, row: FunctionRow, array: BoundExpr): FunctionRow {
  if (array.type.element === null)
    throw binding.error(
      SqlState.datatypeMismatch,
      'VARIADIC argument must be an array',
      array.location,
    );
  if (row.kind !== 'f')
    throw featureNotSupported(`VARIADIC call of the aggregate ${row.name} is not supported`);
  return {...row, source: `variadic ${row.source}`};
}

function argument(binding: Binding, arg: BoundExpr, target: BoundExpr['type']): BoundExpr {
  return coerceImplicit(binding, arg, target);
}

function bindDefaults(binding: Binding, row: FunctionRow): BoundExpr[] {
  const firstDefault = row.argTypes.length - row.defaultCount;
  return row.defaultTexts.map((text, index) =>
    binding.withoutPositions(() => {
      const expr = binding.hooks.scalar(binding, expressionAst(binding, text), {
        columns: [],
        domainValue: null,
        clause: 'DEFAULT expressions',
        relationName: '',
      });
      return coerceImplicit(binding, expr, binding.type(row.argTypes[firstDefault + index]!));
    }),
  );
}

/** A built-in function by name over arguments, which must have one. */
export function matchRow(binding: Binding, name: string, args: readonly BoundExpr[]): ResolvedCall {
  const call = {
    name,
    schema: null,
    actual: args.map(arg => arg.type),
    argNames: [],
    isVariadicCall: false,
  };
  const match = resolveFunction(binding, call);
  if (match === null || match === 'ambiguous')
    throw featureNotSupported(`function ${name} is not supported`);
  return resolveCall(binding, match, args, -1);
}
