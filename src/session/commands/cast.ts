import type {CreateCastStmt, Node} from '@pgsql/types';
import type {FunctionRow} from '../../catalog/contract.ts';
import type {CastDescriptor} from '../../catalog/descriptors.ts';
import {formatType} from '../../catalog/names.ts';
import {retiredCastName, TypeOid} from '../../catalog/well-known.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {listName, stringList} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, deletion, newOid, NO_OID, puts} from './ddl.ts';
import {typeRef} from './definition-binding.ts';
import {argumentTypes, missingFunctionText} from './function-names.ts';
import {findSchema} from './object-names.ts';
import {nameScope} from './object-text.ts';

const CONTEXTS: Readonly<Record<string, CastDescriptor['context']>> = {
  COERCION_IMPLICIT: 'i',
  COERCION_ASSIGNMENT: 'a',
};

/** CREATE CAST (source AS target) WITH FUNCTION | WITH INOUT | WITHOUT FUNCTION. */
export function createCastCommand({
  session,
  node,
  statement,
}: CommandInput<CreateCastStmt>): Execution {
  return ddlExecution(session, 'CREATE CAST', async () => {
    const source = typeRef(session, node.sourcetype!, statement.text).type;
    const target = typeRef(session, node.targettype!, statement.text).type;
    checkTypes(session, source, target);
    const isInout = node.inout === true;
    const fn = node.func === undefined ? null : castFunction(session, node.func);
    if (fn !== null) checkFunction(session, fn, source, target);
    else if (!isInout) checkBinary(session, source, target);
    const {catalog} = session.transaction;
    if (catalog.castFor(source.oid, target.oid) !== undefined)
      throw new PgError(
        SqlState.duplicateObject,
        `${castText(session, source, target)} already exists`,
      );
    change(
      session,
      puts({
        kind: 'cast',
        oid: newOid(session),
        name: `${source.oid} ${target.oid}`,
        owner: session.currentRole,
        acl: null,
        comment: null,
        source: source.oid,
        target: target.oid,
        function: fn?.oid ?? NO_OID,
        context: CONTEXTS[node.context ?? ''] ?? 'e',
        method: isInout ? 'i' : fn === null ? 'b' : 'f',
      } satisfies CastDescriptor),
    );
  });
}

function shown(session: SessionContext, type: TypeInstance): string {
  return formatType(nameScope(session), type.oid, null);
}

function castText(session: SessionContext, source: TypeInstance, target: TypeInstance): string {
  return `cast from type ${shown(session, source)} to type ${shown(session, target)}`;
}

function checkTypes(session: SessionContext, source: TypeInstance, target: TypeInstance): void {
  for (const [role, type] of [['source', source] as const, ['target', target] as const]) {
    if (type.kind === 'p')
      throw new PgError(
        SqlState.wrongObjectType,
        `${role} data type ${shown(session, type)} is a pseudo-type`,
      );
  }
  checkCastOwner(session, source, target);
  for (const [role, type] of [['source', source] as const, ['target', target] as const]) {
    if (type.kind !== 'd') continue;
    session.notice(
      'WARNING',
      SqlState.wrongObjectType,
      `cast will be ignored because the ${role} data type is a domain`,
      {},
    );
    return;
  }
}

/** A cast belongs to whoever owns one of its types. */
export function checkCastOwner(
  session: SessionContext,
  source: TypeInstance,
  target: TypeInstance,
): void {
  if (session.isSuperuser) return;
  const {catalog} = session.transaction;
  const owns = (type: TypeInstance): boolean =>
    catalog.typeDescriptorByOid(type.oid)?.owner === session.currentRole;
  if (owns(source) || owns(target)) return;
  throw new PgError(
    SqlState.insufficientPrivilege,
    `must be owner of type ${shown(session, source)} or type ${shown(session, target)}`,
  );
}

function castFunction(
  session: SessionContext,
  node: NonNullable<CreateCastStmt['func']>,
): FunctionRow {
  const {catalog} = session.transaction;
  const {schema, name} = listName(stringList(node.objname));
  const schemas =
    schema === null
      ? session.searchPath()
      : [findSchema(session, schema)?.oid].filter(each => each !== undefined);
  const rows = schemas.flatMap(each => catalog.functionsByName(each, name));
  const types = argumentTypes(session, node.objargs);
  const found = rows.filter(
    row =>
      node.args_unspecified === true ||
      (row.argTypes.length === types.length &&
        row.argTypes.every((type, at) => type === types[at])),
  );
  if (found.length === 0)
    throw new PgError(SqlState.undefinedFunction, missingFunctionText(session, node, 'function'));
  if (found.length > 1 && node.args_unspecified === true)
    throw new PgError(SqlState.ambiguousFunction, `function name "${name}" is not unique`, {
      hint: 'Specify the argument list to select the function unambiguously.',
    });
  return found[0]!;
}

function checkFunction(
  session: SessionContext,
  fn: FunctionRow,
  source: TypeInstance,
  target: TypeInstance,
): void {
  const wrong = (message: string): PgError =>
    new PgError(SqlState.invalidObjectDefinition, message);
  const [first, second, third] = fn.argTypes;
  if (first === undefined || fn.argTypes.length > 3)
    throw wrong('cast function must take one to three arguments');
  if (!fits(session, source, first))
    throw wrong(
      'argument of cast function must match or be binary-coercible from source data type',
    );
  if (second !== undefined && second !== TypeOid.int4)
    throw wrong('second argument of cast function must be type integer');
  if (third !== undefined && third !== TypeOid.bool)
    throw wrong('third argument of cast function must be type boolean');
  const result = session.transaction.catalog.typeByOid(fn.returnType);
  if (result === undefined || !fits(session, result, target.oid))
    throw wrong(
      'return data type of cast function must match or be binary-coercible to target data type',
    );
  if (fn.kind !== 'f') throw wrong('cast function must be a normal function');
  if (fn.returnsSet) throw wrong('cast function must not return a set');
  if (source.oid === target.oid && fn.argTypes.length < 2)
    throw wrong('source data type and target data type are the same');
  if (first !== source.oid || fn.returnType !== target.oid || fn.argTypes.length > 1)
    throw featureNotSupported(
      'CREATE CAST with a function of other types than the cast, or of more than one argument, is not supported',
    );
}

/** Whether a type is, or is binary-coercible to, another. */
function fits(session: SessionContext, from: TypeInstance, to: number): boolean {
  if (from.oid === to) return true;
  const cast = session.transaction.catalog.builtin.castFor(from.oid, to as typeof from.oid);
  return cast !== undefined && cast.method === 'b' && cast.context === 'i';
}

/** WITHOUT FUNCTION: types of one form in PostgreSQL need not be of one form here; those that are text are. */
function checkBinary(session: SessionContext, source: TypeInstance, target: TypeInstance): void {
  if (!session.isSuperuser)
    throw new PgError(
      SqlState.insufficientPrivilege,
      'must be superuser to create a cast WITHOUT FUNCTION',
    );
  if (source.length !== target.length)
    throw new PgError(
      SqlState.invalidObjectDefinition,
      'source and target data types are not physically compatible',
    );
  const what = [source, target].map(type => type.kind);
  const word = what.includes('c')
    ? 'composite data types are not binary-compatible'
    : what.includes('e')
      ? 'enum data types are not binary-compatible'
      : source.element !== null || target.element !== null
        ? 'array data types are not binary-compatible'
        : what.includes('d')
          ? 'domain data types must not be marked binary-compatible'
          : null;
  if (word !== null) throw new PgError(SqlState.invalidObjectDefinition, word);
  if (source.oid === target.oid)
    throw new PgError(
      SqlState.invalidObjectDefinition,
      'source data type and target data type are the same',
    );
  if (source.physical !== 'text' || target.physical !== 'text')
    throw featureNotSupported(
      'CREATE CAST ... WITHOUT FUNCTION is supported between types that are stored as text',
    );
}

/** After DROP CAST: views, defaults and indexes that use the cast keep it. */
export function retireCast(session: SessionContext, cast: CastDescriptor): void {
  const name = retiredCastName(cast.source, cast.target);
  const before = session.transaction.catalog.list('cast').find(each => each.name === name);
  if (before?.kind === 'cast') change(session, [deletion(before)]);
  change(session, puts({...cast, oid: newOid(session), name, comment: null, isRetired: true}));
}

/** The cast that DROP CAST and COMMENT name. */
export function findCast(
  session: SessionContext,
  item: Node,
): {
  readonly cast: CastDescriptor | 'builtin' | undefined;
  readonly types: readonly [TypeInstance, TypeInstance];
  readonly text: string;
} {
  const names = 'List' in item ? (item.List.items ?? []) : [];
  const types = names.flatMap(each =>
    'TypeName' in each ? [typeRef(session, each.TypeName, '').type] : [],
  );
  const [source, target] = types;
  if (source === undefined || target === undefined)
    throw featureNotSupported('this form of a cast is not supported');
  const {catalog} = session.transaction;
  const own = catalog
    .list('cast')
    .find(
      each =>
        each.kind === 'cast' &&
        each.isRetired !== true &&
        each.source === source.oid &&
        each.target === target.oid,
    );
  const isBuiltin = catalog.builtin.castFor(source.oid, target.oid) !== undefined;
  return {
    cast: own?.kind === 'cast' ? own : isBuiltin ? 'builtin' : undefined,
    types: [source, target],
    text: castText(session, source, target),
  };
}
