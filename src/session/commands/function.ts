import type {
  AlterFunctionStmt,
  CreateFunctionStmt,
  DefElem,
  FunctionParameter,
  Node,
} from '@pgsql/types';
import type {FunctionDescriptor} from '../../catalog/descriptors.ts';
import {TypeOid} from '../../catalog/well-known.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import {standardBody} from '../../sql/parse/sql-body.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, defElems, listName, stringList} from './ast-values.ts';
import {checkBody} from './check-body.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, errorAt, newOid, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {bindColumnValue, typeRef} from './definition-binding.ts';
import {findFunction} from './function-names.ts';
import {checkSignature} from './function-signature.ts';
import {creationSchema} from './object-names.ts';
import {functionText, nameScope} from './object-text.ts';
import {claimFunctionName} from './claim-name.ts';

type Attributes = Pick<
  FunctionDescriptor,
  | 'volatility'
  | 'isStrict'
  | 'isSecurityDefiner'
  | 'returnsSet'
  | 'isLeakproof'
  | 'parallel'
  | 'cost'
  | 'rows'
>;

/** CREATE [OR REPLACE] FUNCTION | PROCEDURE ... LANGUAGE sql. */
export function createFunctionCommand({
  session,
  node,
  statement,
}: CommandInput<CreateFunctionStmt>): Execution {
  const word = node.is_procedure === true ? 'PROCEDURE' : 'FUNCTION';
  return ddlExecution(session, `CREATE ${word}`, async () => {
    const name = listName(stringList(node.funcname));
    const schema = creationSchema(session, name);
    const options = defElems(node.options);
    const language = languageOf(session, node, options);
    const args = readArguments(session, statement.text, node);
    const returns = readReturns(session, statement.text, node, args);
    const {catalog} = session.transaction;
    checkSignature(catalog, args.inputs, [returns.returnType, ...args.outputs]);
    const same = catalog
      .functionsByName(schema.oid, name.name)
      .find(
        row =>
          row.argTypes.length === args.inputs.length &&
          row.argTypes.every((type, at) => type === args.inputs[at]),
      );
    const existing = same === undefined ? undefined : catalog.get('function', same.oid);
    if (existing !== undefined && node.replace !== true) {
      throw new PgError(
        SqlState.duplicateFunction,
        `function "${name.name}" already exists with same argument types`,
      );
    }
    if (existing === undefined) await claimFunctionName(session, schema, name.name, args.inputs);
    const old = existing?.kind === 'function' ? existing : null;
    if (old !== null) checkReplace(session, old, returns);
    const fn: FunctionDescriptor = {
      kind: 'function',
      oid: old?.oid ?? newOid(session),
      name: name.name,
      owner: old?.owner ?? session.currentRole,
      acl: old === null ? newObjectAcl(session, 'f', schema.oid, session.currentRole) : old.acl,
      comment: old?.comment ?? null,
      schema: schema.oid,
      language,
      argTypes: args.inputs,
      argNames: args.names,
      ...returns,
      ...readAttributes(
        session,
        {...returns, volatility: 'v', isStrict: false, isSecurityDefiner: false},
        options,
      ),
      body: bodyOf(node, statement, options),
      functionKind: node.is_procedure === true ? 'p' : 'f',
      ...(args.modes === '' ? {} : {argModes: args.modes, allArgTypes: args.all}),
      ...(args.defaults.length === 0 ? {} : {defaultTexts: args.defaults}),
    };
    change(session, puts(fn));
    checkBody(session, fn);
  });
}

function checkReplace(session: SessionContext, old: FunctionDescriptor, returns: Returns): void {
  checkOwner(session.transaction.catalog, session.currentRole, old, 'function');
  if (old.returnType === returns.returnType && old.returnsSet === returns.returnsSet) return;
  throw new PgError(
    SqlState.invalidFunctionDefinition,
    'cannot change return type of existing function',
    {
      hint: `Use DROP FUNCTION ${functionText(nameScope(session), old.oid)} first.`,
    },
  );
}

function languageOf(
  session: SessionContext,
  node: CreateFunctionStmt,
  options: readonly DefElem[],
): string {
  const option = options.find(each => each.defname === 'language');
  if (option === undefined && node.sql_body !== undefined) return 'sql';
  if (option === undefined)
    throw new PgError(SqlState.invalidFunctionDefinition, 'no language specified');
  const language = constantText(option.arg).toLowerCase();
  if (language === 'sql') return language;
  if (node.sql_body !== undefined)
    throw new PgError(
      SqlState.invalidFunctionDefinition,
      'inline SQL function body only valid for language SQL',
    );
  if (session.transaction.catalog.builtin.data.table('pg_language').byName(language).length > 0) {
    throw featureNotSupported(`functions in language "${language}" are not supported`);
  }
  throw new PgError(SqlState.undefinedObject, `language "${language}" does not exist`);
}

function bodyOf(
  node: CreateFunctionStmt,
  {text, location, length}: ParsedStatement,
  options: readonly DefElem[],
): string {
  const option = options.find(each => each.defname === 'as');
  if (node.sql_body !== undefined) {
    if (option !== undefined)
      throw new PgError(SqlState.invalidFunctionDefinition, 'duplicate function body specified');
    const own = Buffer.from(text)
      .subarray(location, location + length)
      .toString();
    const body = standardBody(own);
    if (body === null) throw featureNotSupported('this function body is not supported');
    return body;
  }
  if (option?.arg === undefined)
    throw new PgError(SqlState.invalidFunctionDefinition, 'no function body specified');
  const parts =
    'List' in option.arg
      ? (option.arg.List.items ?? []).map(constantText)
      : [constantText(option.arg)];
  if (parts.length > 1)
    throw new PgError(
      SqlState.invalidFunctionDefinition,
      'only one AS item needed for language "sql"',
    );
  return parts[0] ?? '';
}

/** Attributes that options set, over those that stand. */
function readAttributes(
  session: SessionContext,
  attributes: Attributes,
  options: readonly DefElem[],
): Attributes {
  let next = attributes;
  for (const option of options) {
    switch (option.defname) {
      case 'volatility':
        next = {...next, volatility: constantText(option.arg)[0] as Attributes['volatility']};
        break;
      case 'strict':
        next = {...next, isStrict: constantText(option.arg) === 'true'};
        break;
      case 'security':
        next = {...next, isSecurityDefiner: constantText(option.arg) === 'true'};
        break;
      case 'window':
        throw featureNotSupported('window functions cannot be made in SQL');
      case 'set':
        throw featureNotSupported('SET in a function definition is not supported');
      case 'transform':
        throw featureNotSupported('TRANSFORM is not supported');
      case 'leakproof': // only an offer to the planner, which never needs it
        if (constantText(option.arg) === 'true' && !session.isSuperuser)
          throw new PgError(
            SqlState.insufficientPrivilege,
            'only superuser can define a leakproof function',
          );
        next = {...next, isLeakproof: constantText(option.arg) === 'true'};
        break;
      case 'parallel':
        next = {...next, parallel: parallelOf(constantText(option.arg))};
        break;
      case 'cost':
        next = {...next, cost: positive('COST', constantText(option.arg))};
        break;
      case 'rows':
        if (!next.returnsSet)
          throw new PgError(
            SqlState.invalidParameterValue,
            'ROWS is not applicable when function does not return a set',
          );
        next = {...next, rows: positive('ROWS', constantText(option.arg))};
        break;
      case 'support':
        throw featureNotSupported('SUPPORT of a function is not supported');
      default: // as, language
    }
  }
  return next;
}

function parallelOf(word: string): 's' | 'r' | 'u' {
  if (word === 'safe') return 's';
  if (word === 'restricted') return 'r';
  if (word === 'unsafe') return 'u';
  throw new PgError(
    SqlState.syntaxError,
    'parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE',
  );
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new PgError(SqlState.invalidParameterValue, `${name} must be positive`);
}

interface Arguments {
  readonly inputs: readonly Oid[];
  readonly names: readonly string[];
  /** '' when all are IN. */
  readonly modes: string;
  readonly all: readonly Oid[];
  readonly defaults: readonly string[];
  /** Types of OUT, INOUT and TABLE columns. */
  readonly outputs: readonly Oid[];
  readonly isTable: boolean;
}

const MODES: Readonly<Record<string, string>> = {
  FUNC_PARAM_IN: 'i',
  FUNC_PARAM_DEFAULT: 'i',
  FUNC_PARAM_OUT: 'o',
  FUNC_PARAM_INOUT: 'b',
  FUNC_PARAM_VARIADIC: 'v',
  FUNC_PARAM_TABLE: 't',
};

function readArguments(session: SessionContext, text: string, node: CreateFunctionStmt): Arguments {
  const parameters = (node.parameters ?? []).flatMap(each =>
    'FunctionParameter' in each ? [each.FunctionParameter] : [],
  );
  const all = parameters.map(each => typeRef(session, each.argType!, text).type);
  const modes = parameters.map(each => MODES[each.mode ?? 'FUNC_PARAM_DEFAULT'] ?? 'i');
  const isInput = (mode: string): boolean => mode === 'i' || mode === 'b' || mode === 'v';
  const names = parameters.map(each => each.name ?? '');
  checkNames(parameters, modes);
  const defaults: string[] = [];
  parameters.forEach((each, at) => {
    if (node.is_procedure === true && modes[at] === 'o' && defaults.length > 0)
      throw new PgError(
        SqlState.invalidFunctionDefinition,
        'procedure OUT parameters cannot appear after one with a default value',
      );
    if (!isInput(modes[at]!)) return;
    if (each.defexpr !== undefined)
      defaults.push(argumentDefault(session, text, all[at]!, each.defexpr));
    else if (defaults.length > 0) {
      throw errorAt(
        text,
        each.location,
        SqlState.invalidFunctionDefinition,
        'input parameters after one with a default value must also have defaults',
      );
    }
  });
  return {
    inputs: all.filter((_, at) => isInput(modes[at]!)).map(type => type.oid),
    names: names.some(name => name !== '') ? names : [],
    modes: modes.every(mode => mode === 'i') ? '' : modes.join(''),
    all: all.map(type => type.oid),
    defaults,
    outputs: all
      .filter((_, at) => modes[at] === 'o' || modes[at] === 'b' || modes[at] === 't')
      .map(type => type.oid),
    isTable: modes.includes('t'),
  };
}

function checkNames(parameters: readonly FunctionParameter[], modes: readonly string[]): void {
  for (let i = 0; i < parameters.length; i++) {
    const {name} = parameters[i]!;
    if (name === undefined || name === '') continue;
    const clashes = parameters
      .slice(0, i)
      .some((other, at) => other.name === name && (modes[at] === 't') === (modes[i] === 't'));
    if (clashes)
      throw new PgError(
        SqlState.invalidFunctionDefinition,
        `parameter name "${name}" used more than once`,
      );
  }
}

function argumentDefault(
  session: SessionContext,
  text: string,
  type: Parameters<typeof bindColumnValue>[2]['type'],
  node: Node,
): string {
  const place = {
    session,
    text,
    clause: 'DEFAULT expressions',
    columns: [],
    relationName: '',
    domainValue: null,
  };
  return bindColumnValue(place, node, {name: '', type, typmod: -1}).text;
}

type Returns = Pick<FunctionDescriptor, 'returnType' | 'returnsSet'>;

function readReturns(
  session: SessionContext,
  text: string,
  node: CreateFunctionStmt,
  args: Arguments,
): Returns {
  const fromOutputs =
    args.outputs.length === 0
      ? TypeOid.void
      : args.outputs.length === 1
        ? args.outputs[0]!
        : TypeOid.record;
  if (node.is_procedure === true)
    return {
      returnType: args.outputs.length === 0 ? TypeOid.void : TypeOid.record,
      returnsSet: false,
    };
  if (args.isTable) return {returnType: fromOutputs, returnsSet: true};
  if (node.returnType === undefined) {
    if (args.outputs.length > 0) return {returnType: fromOutputs, returnsSet: false};
    throw new PgError(SqlState.invalidFunctionDefinition, 'function result type must be specified');
  }
  const {type} = typeRef(session, node.returnType, text);
  if (args.outputs.length > 0 && type.oid !== fromOutputs) {
    const wanted = session.transaction.catalog.typeByOid(fromOutputs)?.name ?? 'record';
    throw new PgError(
      SqlState.invalidFunctionDefinition,
      `function result type must be ${wanted} because of OUT parameters`,
    );
  }
  return {returnType: type.oid, returnsSet: node.returnType.setof === true};
}

/** ALTER FUNCTION ... attributes. */
export function alterFunctionCommand({session, node}: CommandInput<AlterFunctionStmt>): Execution {
  const word = (node.objtype ?? 'OBJECT_FUNCTION').replace('OBJECT_', '');
  return ddlExecution(session, `ALTER ${word}`, async () => {
    const fn = findFunction(session, node.func ?? {}, word.toLowerCase());
    checkOwner(session.transaction.catalog, session.currentRole, fn, word.toLowerCase());
    const attributes = readAttributes(session, fn, defElems(node.actions));
    change(session, puts({...fn, ...attributes}));
  });
}
