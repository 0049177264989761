import type {FunctionDescriptor} from '../../catalog/descriptors.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {typeName} from '../../catalog/names.ts';
import {isPolymorphic, TypeOid} from '../../sql/bind/type-oids.ts';
import {describeQuery} from '../../sql/plan/plan-statement.ts';
import type {SessionContext} from '../session-context.ts';

/** check_function_bodies: binds the body of a function that was made, as a call would (PostgreSQL fmgr_sql_validator). */
export function checkBody(session: SessionContext, fn: FunctionDescriptor): void {
  if (!session.settings.boolean('check_function_bodies')) return;
  session.engine.parser.parse(fn.body);
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
}
