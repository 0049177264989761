import type {CreateRangeStmt, DefElem} from '@pgsql/types';
import type {
  CastDescriptor,
  FunctionDescriptor,
  TypeDescriptor,
} from '../../catalog/descriptors.ts';
import {formatType} from '../../catalog/names.ts';
import {TypeOid} from '../../catalog/well-known.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {defElems, listName, stringList, type QualifiedName} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, newOid, NO_OID, puts} from './ddl.ts';
import {typeRef} from './definition-binding.ts';
import {classType, indexCollation, indexOpclass} from './index-opclass.ts';
import {findSchema, nameText} from './object-names.ts';
import {nameScope} from './object-text.ts';
import {newType} from './type.ts';
import {claimTypeName} from './claim-name.ts';

/** CREATE TYPE ... AS RANGE: the range, its multirange and their constructors. */
export function createRangeCommand({
  session,
  node,
  statement,
}: CommandInput<CreateRangeStmt>): Execution {
  return ddlExecution(session, 'CREATE TYPE', async () => {
    const name = listName(stringList(node.typeName));
    const made = newType(session, name, 'r');
    await claimTypeName(session, made.schema, made.name);
    const options = readOptions(defElems(node.params));
    const subtypeName = typeNameOf(options.subtype);
    if (subtypeName === undefined)
      throw new PgError(SqlState.syntaxError, 'type attribute "subtype" is required');
    const subtype = typeRef(session, subtypeName, statement.text).type;
    if (subtype.kind === 'p')
      throw new PgError(
        SqlState.datatypeMismatch,
        `range subtype cannot be ${formatType(nameScope(session), subtype.oid, null)}`,
      );
    const opclass = subtypeOpclass(session, subtype, optionNames(options.subtype_opclass));
    const collation = subtypeCollation(session, subtype, options.collation);
    if (options.canonical !== undefined)
      throw new PgError(
        SqlState.invalidObjectDefinition,
        'cannot specify a canonical function without a pre-created shell type',
        {
          hint: 'Create the type as a shell type, then create its canonicalization function, then do a full CREATE TYPE.',
        },
      );
    const diff = differenceFunction(session, subtype, options.subtype_diff);
    const multi = newMultirange(session, made, options.multirange_type_name);
    const range: TypeDescriptor = {
      ...made,
      baseType: subtype.oid,
      range: {multirange: multi.oid, collation, opclass, diff},
    };
    change(session, puts(range, {...multi, baseType: range.oid}));
    const functions = constructors(session, range, multi);
    change(session, puts(...functions, rangeCast(session, range, multi, functions)));
  });
}

type Options = Partial<Record<string, DefElem>>;

const KNOWN = [
  'subtype',
  'subtype_opclass',
  'collation',
  'canonical',
  'subtype_diff',
  'multirange_type_name',
];

function readOptions(elements: readonly DefElem[]): Options {
  const options: Options = {};
  for (const element of elements) {
    const name = element.defname ?? '';
    if (!KNOWN.includes(name))
      throw new PgError(SqlState.syntaxError, `type attribute "${name}" not recognized`);
    if (options[name] !== undefined)
      throw new PgError(SqlState.syntaxError, 'conflicting or redundant options');
    options[name] = element;
  }
  return options;
}

function typeNameOf(option: DefElem | undefined): Parameters<typeof typeRef>[1] | undefined {
  const arg = option?.arg;
  return arg !== undefined && 'TypeName' in arg ? arg.TypeName : undefined;
}

/** A qualified name as an option's value. */
function optionNames(option: DefElem | undefined): string[] {
  const arg = option?.arg;
  if (arg === undefined) return [];
  if ('TypeName' in arg) return stringList(arg.TypeName.names);
  if ('List' in arg) return stringList(arg.List.items);
  return stringList([arg]);
}

function subtypeOpclass(
  session: SessionContext,
  subtype: TypeInstance,
  names: readonly string[],
): Oid {
  const table = session.transaction.catalog.builtin.data.table('pg_opclass');
  const wanted = classType(subtype);
  const found = table.rows().find(row => row[1] === 403 && row[6] === wanted && row[7] === true);
  if (names.length > 0 && indexOpclass(session, subtype, 'btree', names) !== NO_OID)
    throw featureNotSupported('SUBTYPE_OPCLASS other than the default is not supported');
  if (found !== undefined) return oid(found[0] as number);
  throw new PgError(
    SqlState.undefinedObject,
    `data type ${errorType(subtype)} has no default operator class for access method "btree"`,
    {
      hint: 'You must specify an operator class for the range type or define a default operator class for the subtype.',
    },
  );
}

function subtypeCollation(
  session: SessionContext,
  subtype: TypeInstance,
  option: DefElem | undefined,
): Oid {
  const names = optionNames(option);
  if (!subtype.isCollatable) {
    if (names.length === 0) return NO_OID;
    throw new PgError(
      SqlState.wrongObjectType,
      'range collation specified but subtype does not support collation',
    );
  }
  return indexCollation(session, names, subtype);
}

/** SUBTYPE_DIFF serves only GiST's estimates: it is checked and shown, nothing calls it. */
function differenceFunction(
  session: SessionContext,
  subtype: TypeInstance,
  option: DefElem | undefined,
): Oid {
  if (option === undefined) return NO_OID;
  const {catalog} = session.transaction;
  const {schema, name} = listName(optionNames(option));
  const schemas =
    schema === null
      ? session.searchPath()
      : [findSchema(session, schema)?.oid].filter(each => each !== undefined);
  const fn = schemas
    .flatMap(each => catalog.functionsByName(each, name))
    .find(row => row.argTypes.length === 2 && row.argTypes.every(type => type === subtype.oid));
  const shown = formatType(nameScope(session), subtype.oid, null);
  const text = `${nameText({schema, name} as QualifiedName)}(${shown}, ${shown})`;
  if (fn === undefined)
    throw new PgError(SqlState.undefinedFunction, `function ${text} does not exist`);
  if (fn.returnType !== TypeOid.float8)
    throw new PgError(
      SqlState.invalidObjectDefinition,
      `range subtype diff function ${text} must return type double precision`,
    );
  if (fn.volatility !== 'i')
    throw new PgError(
      SqlState.invalidObjectDefinition,
      `range subtype diff function ${text} must be immutable`,
    );
  return fn.oid;
}

/** The multirange by its given name, or by the range's: "range" in it becomes "multirange". */
function newMultirange(
  session: SessionContext,
  range: TypeDescriptor,
  option: DefElem | undefined,
): TypeDescriptor {
  const {catalog} = session.transaction;
  if (option !== undefined) {
    const name = listName(optionNames(option));
    const made = newType(session, name, 'm');
    return made;
  }
  const name = multirangeName(range.name);
  const taken = catalog.typeByName(range.schema, name);
  if (taken !== undefined && !(taken.category === 'A' && taken.element !== null)) {
    throw new PgError(SqlState.duplicateObject, `type "${name}" already exists`, {
      detail: `Failed while creating a multirange type for type "${range.name}".`,
      hint: 'You can manually specify a multirange type name using the "multirange_type_name" attribute.',
    });
  }
  return {...range, oid: newOid(session), arrayOid: newOid(session), typeKind: 'm', name};
}

function multirangeName(range: string): string {
  const at = range.indexOf('range');
  if (at >= 0) return cut(`${range.slice(0, at)}multi${range.slice(at)}`, 63);
  return `${cut(range, 63 - '_multirange'.length)}_multirange`;
}

/** At most so many bytes, never half a character. */
function cut(text: string, bytes: number): string {
  let cutText = text;
  while (Buffer.byteLength(cutText) > bytes) cutText = [...cutText].slice(0, -1).join('');
  return cutText;
}

/** The explicit cast of a range to its multirange, by the constructor of one argument. */
function rangeCast(
  session: SessionContext,
  range: TypeDescriptor,
  multi: TypeDescriptor,
  functions: readonly FunctionDescriptor[],
): CastDescriptor {
  const fn = functions.find(each => each.body === 'multirange_constructor1')!;
  return {
    kind: 'cast',
    oid: newOid(session),
    name: `${range.oid} ${multi.oid}`,
    owner: range.owner,
    acl: null,
    comment: null,
    source: range.oid,
    target: multi.oid,
    function: fn.oid,
    context: 'e',
    method: 'f',
  };
}

function constructors(
  session: SessionContext,
  range: TypeDescriptor,
  multi: TypeDescriptor,
): FunctionDescriptor[] {
  const make = (
    type: TypeDescriptor,
    body: string,
    argTypes: readonly Oid[],
    more: Partial<FunctionDescriptor>,
  ): FunctionDescriptor => ({
    kind: 'function',
    oid: newOid(session),
    name: type.name,
    owner: range.owner,
    acl: null,
    comment: null,
    schema: type.schema,
    language: 'internal',
    argTypes,
    argNames: [],
    returnType: type.oid,
    returnsSet: false,
    volatility: 'i',
    isStrict: type === multi,
    isSecurityDefiner: false,
    parallel: 's',
    body,
    functionKind: 'f',
    ...more,
  });
  const bound = range.baseType;
  const {text} = TypeOid;
  const variadic = {argModes: 'v', allArgTypes: [range.arrayOid]};
  return [
    make(range, 'range_constructor2', [bound, bound], {}),
    make(range, 'range_constructor3', [bound, bound, text], {}),
    make(multi, 'multirange_constructor0', [], {}),
    make(multi, 'multirange_constructor1', [range.oid], {}),
    make(multi, 'multirange_constructor2', [range.arrayOid], variadic),
  ];
}
