import type {FuncCall} from '@pgsql/types';
import type {FunctionRow} from '../../catalog/contract.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {BindContext} from '../contract.ts';
import {namesOf} from './ast.ts';
import {matchFunction, resolveCall, signature, undefinedFunction} from './call-resolution.ts';
import {newBinding} from './statement.ts';
import {parameterNamesOf} from './substitutes.ts';

/** A procedure that CALL names, with its arguments converted. */
export interface ProcedureCall {
  readonly row: FunctionRow;
  readonly args: readonly BoundExpr[];
  /** Names under which the body knows its arguments, '' for those without. */
  readonly names: readonly string[];
  /** Types of $n in the arguments. */
  readonly parameterTypes: readonly TypeInstance[];
}

/** Binds CALL name(arguments): its arguments may hold no subqueries. `within` names the procedure whose body holds it. */
export function bindProcedureCall(
  node: FuncCall,
  text: string,
  context: BindContext,
  within: {readonly name: string; readonly names: readonly string[]} | null,
): ProcedureCall {
  if (JSON.stringify(node.args ?? []).includes('"SubLink":'))
    throw featureNotSupported('cannot use subquery in CALL argument');
  const binding = newBinding(context, text, within?.names ?? null);
  binding.parameterScope = within?.name ?? null;
  const location = node.location ?? -1;
  const args = (node.args ?? []).map(arg =>
    binding.hooks.scalar(binding, 'NamedArgExpr' in arg ? arg.NamedArgExpr.arg! : arg, {
      columns: [],
      domainValue: null,
      clause: 'CALL arguments',
      relationName: '',
    }),
  );
  const match = matchFunction(binding, node, args, withOutputs);
  const names = namesOf(node.funcname);
  if (match === null || match === 'ambiguous')
    throw asProcedure(undefinedFunction(binding, node, args, match === 'ambiguous'));
  if (match.row.kind !== 'p')
    throw binding.error(
      SqlState.wrongObjectType,
      `${signature(names.join('.'), args)} is not a procedure`,
      location,
      {hint: 'To call a function, use SELECT.'},
    );
  const call = resolveCall(binding, match, args, location, node.func_variadic === true);
  const row = context.catalog.functionByOid(call.row.oid)!;
  const given = call.args.filter((_arg, at) => row.argModes[at] !== 'o');
  const parameterTypes = binding.parameters.finish();
  return {row, args: given, names: parameterNamesOf(row), parameterTypes};
}

/** OUT parameters are given in CALL, too: they help to find the procedure, and their values go nowhere. */
function withOutputs(row: FunctionRow): FunctionRow {
  if (row.kind !== 'p' || !row.argModes.includes('o')) return row;
  return {...row, argTypes: row.allArgTypes, argModes: row.argModes.replaceAll('o', 'i')};
}

/** The same error in the words of procedures. */
function asProcedure(error: Error): Error {
  if (!(error instanceof PgError)) return error;
  const words = (text: string): string =>
    text
      .replace(/^function /, 'procedure ')
      .replace('No function', 'No procedure')
      .replace('candidate function', 'candidate procedure');
  const {hint} = error.fields;
  return new PgError(error.code, words(error.message), {
    ...error.fields,
    ...(hint === undefined ? {} : {hint: words(hint)}),
  });
}
