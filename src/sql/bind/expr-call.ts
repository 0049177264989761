import {oid} from '../../common/ids.ts';
import type {FuncCall} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {namesOf} from './ast.ts';
import {type Binding, isUnknown} from './binding.ts';
import type {Block} from './block.ts';
import {matchFunction, resolveCall, signature, undefinedFunction} from './call-resolution.ts';
import {makeCall} from './calls.ts';
import {checkedParts, coerce} from './coerce.ts';
import {coercionPath} from './coercion-path.ts';
import {bindAggregate} from './expr-aggregate.ts';
import {selectField} from './expr-array.ts';
import {bindWindowCall} from './expr-window.ts';
import {inlineSqlFunction} from './inline-function.ts';
import {bindSetCall} from './set-call.ts';
import {findType} from './type-name.ts';
import {TypeOid} from './type-oids.ts';

/** Binds a function call of any kind: scalar, aggregate, window, set-returning, or a cast in function notation. */
export function bindCall(block: Block, node: FuncCall): BoundExpr {
  const binding = block.binding;
  const location = node.location ?? -1;
  const isAggregateSyntax =
    node.agg_star === true ||
    node.agg_distinct === true ||
    node.agg_order !== undefined ||
    node.agg_filter !== undefined ||
    node.agg_within_group === true ||
    node.over !== undefined;
  const mayBeAggregate = isAggregateSyntax || mayNameAggregate(binding, node);
  const before = block.subqueries.length;
  const argNodes = node.args ?? [];
  const bindArgs = (): BoundExpr[] =>
    argNodes.map(arg => block.expr('NamedArgExpr' in arg ? arg.NamedArgExpr.arg! : arg));
  if (mayBeAggregate)
    return bindAggregate(block, node, bindArgs, before) ?? bindWindowCall(block, node, bindArgs);
  block.setDepth++;
  const args = bindArgs();
  block.setDepth--;
  if (!args.some(isVoidParameter)) return finishCall(block, node, args, location);
  // JDBC marks the OUT parameters of {? = call f(?)} so: they are none of the function's arguments.
  const given = {...node, args: argNodes.filter((_, i) => !isVoidParameter(args[i]!))};
  return finishCall(
    block,
    given,
    args.filter(arg => !isVoidParameter(arg)),
    location,
  );
}

function isVoidParameter(arg: BoundExpr): boolean {
  return arg.kind === 'param' && arg.type.oid === TypeOid.void;
}

/** Whether every function of that name is an aggregate or window function. */
function mayNameAggregate(binding: Binding, node: FuncCall): boolean {
  const names = namesOf(node.funcname);
  const {catalog, searchPath} = binding.context;
  const name = names.at(-1) ?? '';
  const schemas =
    names.length === 1 ? searchPath : [catalog.schemaByName(names.at(-2)!)?.oid ?? oid(0)];
  const rows = [
    ...catalog.builtin.functionsByName(name),
    ...schemas.flatMap(schema => catalog.functionsByName(schema, name)),
  ];
  return (
    rows.some(row => row.kind === 'a' || row.kind === 'w') &&
    !rows.some(row => row.kind === 'f' && row.argTypes.length === (node.args?.length ?? 0))
  );
}

function finishCall(
  block: Block,
  node: FuncCall,
  args: readonly BoundExpr[],
  location: number,
): BoundExpr {
  const binding = block.binding;
  const names = namesOf(node.funcname);
  const match = matchFunction(binding, node, args);
  // typename('literal') is a cast, unless there is a function of just that argument (PostgreSQL func_get_detail).
  if (match !== null && match !== 'ambiguous' && args.length === 1 && names.length === 1) {
    const [arg] = args;
    const isLiteral = isUnknown(arg!) && (arg!.kind === 'constant' || arg!.kind === 'slot');
    const cast =
      isLiteral && match.row.kind === 'f' ? asCast(binding, names[0]!, arg!, location) : null;
    if (cast !== null && match.argTypes[0] !== TypeOid.unknown) return cast;
  }
  if (match === null || match === 'ambiguous') {
    if (names.length === 1 && args.length === 1) {
      const cast = asCast(binding, names[0]!, args[0]!, location);
      if (cast !== null) return cast;
      if (args[0]!.kind === 'row') return selectField(binding, args[0]!, names[0]!, location);
    }
    throw undefinedFunction(binding, node, args, match === 'ambiguous');
  }
  const {row} = match;
  if (row.kind === 'p') {
    throw binding.error(
      SqlState.wrongObjectType,
      `${signature(names.join('.'), args)} is a procedure`,
      location,
      {
        hint: 'To call a procedure, use CALL.',
      },
    );
  }
  const call = resolveCall(binding, match, args, location, node.func_variadic === true);
  if (row.returnsSet) {
    const rows = bindSetCall(block, call, location);
    return /^jsonb?_populate_recordset$/.test(row.source) && binding.trace === null
      ? checkedParts(binding, rows, call.type, location)
      : rows;
  }
  if (row.sqlBody !== null && binding.trace === null)
    return inlineSqlFunction(block, call, location);
  const made = makeCall(binding, call.row, call.args, call.type, location);
  if (/^jsonb?_populate_record$/.test(row.source))
    return checkedParts(binding, made, call.type, location);
  return node.funcformat === 'COERCE_SQL_SYNTAX' ? {...made, form: 'syntax'} : made;
}

/** typename(x): a cast in function notation. */
function asCast(
  binding: Binding,
  name: string,
  arg: BoundExpr,
  location: number,
): BoundExpr | null {
  const target = findType(binding, name);
  if (target === null || target.kind === 'p') return null;
  if (arg.type.oid !== TypeOid.unknown) {
    const path = coercionPath(binding, arg.type, target, 'explicit');
    if (path === null || path.kind === 'array') return null;
    if (path.kind === 'io' && (arg.type.category === 'C' || arg.type.oid === TypeOid.record))
      return null;
  }
  return coerce(binding, arg, target, {context: 'explicit', location});
}
