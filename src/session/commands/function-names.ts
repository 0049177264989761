import type {Node, ObjectWithArgs} from '@pgsql/types';
import type {FunctionDescriptor} from '../../catalog/descriptors.ts';
import {formatType} from '../../catalog/names.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {listName, stringList} from './ast-values.ts';
import {typeRef} from './definition-binding.ts';
import {findSchema, nameText} from './object-names.ts';
import {nameScope} from './object-text.ts';

/** The user-made functions of a name along the search path, or in the named schema. */
function candidates(session: SessionContext, names: readonly string[]): FunctionDescriptor[] {
  const {catalog} = session.transaction;
  const {schema, name} = listName(names);
  const schemas =
    schema === null
      ? session.searchPath()
      : [findSchema(session, schema)?.oid].filter(each => each !== undefined);
  const found: FunctionDescriptor[] = [];
  for (const each of schemas) {
    for (const row of catalog.functionsByName(each, name)) {
      const own = catalog.get('function', row.oid);
      if (own?.kind === 'function') found.push(own);
      else throw featureNotSupported(`function ${row.name} is required by the database system`);
    }
  }
  return found;
}

/** Argument types of an ObjectWithArgs. */
export function argumentTypes(session: SessionContext, args: readonly Node[] | undefined): Oid[] {
  return (args ?? []).flatMap(arg =>
    'TypeName' in arg ? [typeRef(session, arg.TypeName, '').type.oid] : [],
  );
}

/** A function by name and argument types; undefined when there is none. 42725 when a bare name is not unique. */
export function lookupFunction(
  session: SessionContext,
  node: ObjectWithArgs,
  word: string,
): FunctionDescriptor | undefined {
  const names = stringList(node.objname);
  // FUNCTION names aggregates, too; DROP refuses them.
  const kinds =
    {procedure: 'p', aggregate: 'a', routine: 'fpa'}[
      word as 'procedure' | 'aggregate' | 'routine'
    ] ?? 'fa';
  const all = candidates(session, names).filter(each => kinds.includes(each.functionKind ?? 'f'));
  if (node.args_unspecified === true) {
    if (all.length > 1) {
      throw new PgError(
        SqlState.ambiguousFunction,
        `${word} name "${nameText(listName(names))}" is not unique`,
        {
          hint: `Specify the argument list to select the ${word} unambiguously.`,
        },
      );
    }
    return all[0];
  }
  const types = argumentTypes(session, node.objargs);
  const isSame = (given: readonly Oid[]): boolean =>
    given.length === types.length && given.every((type, at) => type === types[at]);
  // A procedure's OUT parameters may be among those that are named.
  return (
    all.find(each => isSame(each.argTypes)) ??
    all.find(each => each.functionKind === 'p' && isSame(each.allArgTypes ?? []))
  );
}

/** The same; 42883 when there is none. */
export function findFunction(
  session: SessionContext,
  node: ObjectWithArgs,
  word: string,
): FunctionDescriptor {
  const found = lookupFunction(session, node, word);
  if (found !== undefined) return found;
  throw new PgError(SqlState.undefinedFunction, missingFunctionText(session, node, word));
}

/** `function f(integer) does not exist`, or `could not find a function named "f"`. */
export function missingFunctionText(
  session: SessionContext,
  node: ObjectWithArgs,
  word: string,
): string {
  const name = nameText(listName(stringList(node.objname)));
  if (node.args_unspecified === true) return `could not find a ${word} named "${name}"`;
  const scope = nameScope(session);
  const types = argumentTypes(session, node.objargs).map(type => formatType(scope, type, null));
  return `${word} ${name}(${types.join(', ')}) does not exist`;
}
