import type {FunctionDescriptor} from '../../catalog/descriptors.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {typeName} from '../../catalog/names.ts';
import {isPolymorphic, TypeOid} from '../../sql/bind/type-oids.ts';
import {runsInSession} from '../../sql/bind/session-function.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import {bodyStatements} from '../../sql/parse/sql-body.ts';
import {describeQuery} from '../../sql/plan/plan-statement.ts';
import type {SessionContext} from '../session-context.ts';
import {checkSqlFunction} from '../sql-function.ts';

/** check_function_bodies: binds the body of a function that was made, as a call would (PostgreSQL fmgr_sql_validator). */
export function checkBody(session: SessionContext, fn: FunctionDescriptor): void {
  if (!session.settings.boolean('check_function_bodies')) return;
  session.engine.parser.parse(bodyStatements(fn.body));
  const {catalog} = session.transaction;
  const isOpen =
    fn.argTypes.some(isPolymorphic) || (fn.returnType === TypeOid.record && !fn.returnsSet);
  if (fn.functionKind === 'p' || isOpen) return;
  const scope = {snapshot: catalog, searchPath: []};
  const args = fn.argTypes.map((type, i) => {
    const isVariadic = fn.argModes?.[i] === 'v';
    return `${isVariadic ? 'VARIADIC ' : ''}NULL::${typeName(scope, type)}`;
  });
  const schema = catalog.schemaByOid(fn.schema)!.name;
  const call = `${quoteIdentifier(schema)}.${quoteIdentifier(fn.name)}(${args.join(', ')})`;
  const text = fn.returnsSet ? `SELECT * FROM ${call}` : `SELECT ${call}`;
  const [statement] = session.engine.parser.parse(text);
  describeQuery(statement!, session.planner.context([]));
  const row = catalog.functionByOid(fn.oid)!;
  if (runsInSession(newBinding(session.planner.context([]), ''), row))
    checkSqlFunction(session, fn.oid);
}
