import type {FunctionRow} from '../../catalog/contract.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {bodyStatements} from '../parse/sql-body.ts';
import type {SetFunctionCall} from '../plan/plan.ts';
import type {Binding} from './binding.ts';
import type {ResolvedCall} from './call-resolution.ts';
import {isLoneExpression} from './parsed-text.ts';
import {noteCall} from './substitutes.ts';
import {isPolymorphic, TypeOid} from './type-oids.ts';

/** prosrc of the call that has the session run a body: its first argument is the function, the others are the function's own. */
const SESSION_SOURCE = 'sql_function';

const changes = /"(Insert|Update|Delete|Merge)Stmt":/;

/** Whether the body of a function in LANGUAGE sql is more than one SELECT: it is not bound in place, the session runs it. */
export function runsInSession(binding: Binding, row: FunctionRow): boolean {
  const text = bodyStatements(row.sqlBody!).trim().replace(/;\s*$/, '');
  // All rows of a void function's SELECT are computed, not just its first.
  if (row.returnType === TypeOid.void && row.volatility === 'v' && !isLoneExpression(binding, text))
    return true;
  if (/^(select|values|table)\b/i.test(text) && !text.includes(';')) return false;
  const statements = binding.context.parser.parse(text);
  const ast = statements[0]?.ast ?? null;
  if (statements.length !== 1 || ast === null || !('SelectStmt' in ast)) return true;
  return changes.test(JSON.stringify(ast));
}

/** A call whose body the session runs. */
export function sessionCall(binding: Binding, call: ResolvedCall, location: number): BoundExpr {
  const {row} = call;
  return {
    ...{kind: 'call', type: call.type, typmod: -1, location},
    ...{function: row.oid, source: SESSION_SOURCE, isStrict: row.isStrict, volatility: 'v'},
    ...{args: sessionArguments(binding, call), operatorName: '', functionName: row.name},
    ...(binding.definer === 0 ? {} : {asRole: binding.definer}),
  };
}

/** A set-returning call whose body the session runs. */
export function sessionSetCall(
  binding: Binding,
  call: ResolvedCall,
  columns: SetFunctionCall['columns'] | null,
): SetFunctionCall {
  const {row} = call;
  if (binding.definer !== 0)
    throw featureNotSupported(
      `set-returning SQL function ${row.name} of several statements is not supported inside SECURITY DEFINER functions`,
    );
  return {
    function: row.oid,
    source: SESSION_SOURCE,
    name: row.name,
    isStrict: row.isStrict,
    args: sessionArguments(binding, call),
    columns: columns ?? [{name: row.name, type: call.type, typmod: -1}],
    returnsRow: columns !== null,
    expr: null,
  };
}

function sessionArguments(binding: Binding, {row, args}: ResolvedCall): readonly BoundExpr[] {
  if ([...row.argTypes, row.returnType].some(isPolymorphic))
    throw featureNotSupported(
      `polymorphic SQL function ${row.name} with a body other than one SELECT is not supported`,
    );
  noteCall(binding, row.oid);
  binding.hasVolatile = true;
  return [binding.constant(binding.type(TypeOid.oid), row.oid), ...args];
}
