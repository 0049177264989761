import type {Node} from '@pgsql/types';
import {internalError} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';

/** The expression tree of a stored expression text (DEFAULT, CHECK, index key), parsed once. */
export function expressionAst(binding: Binding, text: string): Node {
  // A key that no query's text has.
  return binding.context.cache.parsed(`= ${text}`, () => {
    const statement = binding.context.parser.parse(`SELECT ${text}`)[0]?.ast;
    if (statement === null || statement === undefined || !('SelectStmt' in statement))
      throw internalError(`stored expression: ${text}`);
    const target = statement.SelectStmt.targetList?.[0];
    if (target === undefined || !('ResTarget' in target) || target.ResTarget.val === undefined)
      throw internalError(`stored expression: ${text}`);
    return target.ResTarget.val;
  });
}

/** The statement tree of a stored query text (a view), parsed once. */
export function queryAst(binding: Binding, text: string): Node {
  return binding.context.cache.parsed(text, () => {
    const statement = binding.context.parser.parse(text)[0]?.ast;
    if (statement === null || statement === undefined) throw internalError(`stored query: ${text}`);
    return statement;
  });
}

/** A domain's CHECK over the value. */
export function coerceBooleanCheck(binding: Binding, text: string, value: BoundExpr): BoundExpr {
  return binding.withoutPositions(() =>
    binding.hooks.scalar(binding, expressionAst(binding, text), {
      columns: [],
      domainValue: value,
      clause: 'CHECK',
      relationName: '',
    }),
  );
}

/** Whether a body is SELECT of one expression and nothing else. */
export function isLoneExpression(binding: Binding, body: string): boolean {
  if (!/^select\s/i.test(body)) return false;
  const ast = queryAst(binding, body);
  if (!('SelectStmt' in ast)) return false;
  const parts = Object.entries(ast.SelectStmt).filter(
    ([key, part]) => key !== 'targetList' && !(typeof part === 'string') && part !== false,
  );
  return ast.SelectStmt.targetList?.length === 1 && parts.length === 0;
}
