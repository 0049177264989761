import {featureNotSupported} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import type {Binding} from './binding.ts';
import {Block} from './block.ts';
import type {ResolvedCall} from './call-resolution.ts';
import type {BoundQuery} from './logical.ts';
import {bodyStatements} from '../parse/sql-body.ts';
import {queryAst} from './parsed-text.ts';
import {noteCall, parameterNamesOf, withSubstitutes} from './substitutes.ts';

/** The body's query with the arguments in place of its parameters. */
export function bindBody(block: Block, call: ResolvedCall): BoundQuery {
  const binding = block.binding;
  const {row} = call;
  const text = bodyStatements(row.sqlBody!).replace(/;\s*$/, '');
  const ast = queryAst(binding, text);
  if (!('SelectStmt' in ast))
    throw featureNotSupported(
      `SQL function ${row.name} with a body other than one SELECT is not supported`,
    );
  noteCall(binding, row.oid);
  const wall = new Block(binding, block.binders, block, null);
  wall.isWall = true;
  return withSubstitutes(
    binding,
    call.args,
    parameterNamesOf(row),
    () =>
      asDefiner(binding, row.oid, () =>
        block.binders.query(binding, ast.SelectStmt, {
          parent: wall,
          ctes: null,
          resolveUnknown: true,
        }),
      ),
    row.name,
  );
}

/** The body of a SECURITY DEFINER function has its owner's rights and is under his policies; he is its current_user. */
function asDefiner<T>(binding: Binding, fn: Oid, work: () => T): T {
  const descriptor = binding.context.catalog.get('function', fn);
  if (descriptor?.kind !== 'function' || !descriptor.isSecurityDefiner) return work();
  const {asRole, definer} = binding;
  binding.asRole = descriptor.owner;
  binding.definer = descriptor.owner;
  try {
    return work();
  } finally {
    binding.asRole = asRole;
    binding.definer = definer;
  }
}
