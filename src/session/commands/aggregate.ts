import type {DefElem, DefineStmt, Node} from '@pgsql/types';
import type {FunctionRow} from '../../catalog/contract.ts';
import type {AggregateFacts, FunctionDescriptor} from '../../catalog/descriptors.ts';
import {formatType} from '../../catalog/names.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {resolvePolymorphic} from '../../sql/bind/polymorphic.ts';
import {resolveFunction} from '../../sql/bind/resolve-function.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import {isPolymorphic} from '../../sql/bind/type-oids.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, defElems, listName, stringList} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, newOid, NO_OID, puts} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {typeRef} from './definition-binding.ts';
import {creationSchema, findSchema} from './object-names.ts';
import {nameScope} from './object-text.ts';

/** OID of the pseudo-type internal. */
const INTERNAL = 2281;
/** Options that only advise the planner. */
const ADVICE: ReadonlySet<string> = new Set(['sspace', 'parallel']);
const REFUSED =
  /^(serialfunc|deserialfunc|msfunc|minvfunc|mstype|msspace|mfinalfunc|mfinalfunc_extra|mfinalfunc_modify|minitcond|finalfunc_extra|hypothetical|sortop)$/;
/** Old names of options. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  sfunc1: 'sfunc',
  stype1: 'stype',
  initcond1: 'initcond',
};

/** CREATE [OR REPLACE] AGGREGATE; operators, collations and base types of one's own are 0A000. */
export function defineCommand(input: CommandInput<DefineStmt>): Execution {
  const {session, node, statement} = input;
  if (node.kind !== 'OBJECT_AGGREGATE')
    throw featureNotSupported(`${WORDS[node.kind ?? ''] ?? 'this CREATE'} is not supported`);
  return ddlExecution(session, 'CREATE AGGREGATE', async () => {
    const name = listName(stringList(node.defnames));
    const schema = creationSchema(session, name);
    const options = readOptions(session, defElems(node.definition));
    const args = argumentsOf(session, statement.text, node, options);
    const facts = readFacts(session, statement.text, options, args.types);
    const {catalog} = session.transaction;
    const same = catalog
      .functionsByName(schema.oid, name.name)
      .find(
        row =>
          row.argTypes.length === args.types.length &&
          row.argTypes.every((type, at) => type === args.types[at]!.oid),
      );
    const old = same === undefined ? undefined : catalog.get('function', same.oid);
    checkReplace(session, node, name.name, old?.kind === 'function' ? old : null, facts.result);
    const made = old?.kind === 'function' ? old : null;
    change(
      session,
      puts({
        kind: 'function',
        oid: made?.oid ?? newOid(session),
        name: name.name,
        owner: made?.owner ?? session.currentRole,
        acl: made?.acl ?? newObjectAcl(session, 'f', schema.oid, session.currentRole),
        comment: made?.comment ?? null,
        schema: schema.oid,
        language: 'aggregate',
        argTypes: args.types.map(type => type.oid),
        argNames: args.names,
        returnType: facts.result,
        returnsSet: false,
        volatility: 'i',
        isStrict: false,
        isSecurityDefiner: false,
        body: 'aggregate_dummy',
        functionKind: 'a',
        ...parallelOf(options),
        ...(args.isVariadic
          ? {argModes: args.modes, allArgTypes: args.types.map(type => type.oid)}
          : {}),
        aggregate: facts.aggregate,
      } satisfies FunctionDescriptor),
    );
  });
}

const WORDS: Readonly<Record<string, string>> = {
  OBJECT_OPERATOR: 'CREATE OPERATOR',
  OBJECT_COLLATION: 'CREATE COLLATION',
  OBJECT_TYPE: 'CREATE TYPE of a base type',
  OBJECT_TSCONFIGURATION: 'CREATE TEXT SEARCH CONFIGURATION',
  OBJECT_TSDICTIONARY: 'CREATE TEXT SEARCH DICTIONARY',
  OBJECT_TSPARSER: 'CREATE TEXT SEARCH PARSER',
  OBJECT_TSTEMPLATE: 'CREATE TEXT SEARCH TEMPLATE',
};

type Options = ReadonlyMap<string, DefElem>;

function readOptions(session: SessionContext, elements: readonly DefElem[]): Options {
  const options = new Map<string, DefElem>();
  for (const element of elements) {
    const given = element.defname ?? '';
    const name = OLD_NAMES[given] ?? given;
    if (REFUSED.test(name))
      throw featureNotSupported(`aggregate attribute "${name}" is not supported`);
    if (!KNOWN.has(name) && !ADVICE.has(name)) {
      session.warn(SqlState.syntaxError, `aggregate attribute "${given}" not recognized`);
      continue;
    }
    options.set(name, element);
  }
  return options;
}

const KNOWN: ReadonlySet<string> = new Set([
  'sfunc',
  'stype',
  'finalfunc',
  'finalfunc_modify',
  'combinefunc',
  'initcond',
  'basetype',
]);

function parallelOf(options: Options): {readonly parallel?: 's' | 'r' | 'u'} {
  const option = options.get('parallel');
  if (option === undefined) return {};
  const words = {safe: 's', restricted: 'r', unsafe: 'u'} as const;
  const found = words[constantText(option.arg) as keyof typeof words];
  if (found === undefined)
    throw invalid('parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE', SqlState.syntaxError);
  return {parallel: found};
}

interface AggregateArguments {
  readonly types: readonly TypeInstance[];
  readonly names: readonly string[];
  readonly isVariadic: boolean;
  readonly modes: string;
}

/** The arguments: in parentheses, or by `basetype` in the old form. */
function argumentsOf(
  session: SessionContext,
  text: string,
  node: DefineStmt,
  options: Options,
): AggregateArguments {
  const {oldstyle} = node;
  if (oldstyle === true) {
    const base = options.get('basetype');
    if (base === undefined) throw invalid('aggregate input type must be specified');
    const isAny = /^any$/i.test(typeText(base.arg));
    const types = isAny ? [] : [typeOf(session, text, base)];
    return {types, names: [], isVariadic: false, modes: ''};
  }
  const [list, direct] = node.args ?? [];
  if (direct !== undefined && 'Integer' in direct && (direct.Integer.ival ?? 0) >= 0)
    throw featureNotSupported('ordered-set aggregates of your own are not supported');
  if (options.has('basetype'))
    throw invalid('basetype is redundant with aggregate input type specification');
  const given = list !== undefined && 'List' in list ? (list.List.items ?? []) : [];
  const parameters = given.flatMap(each =>
    'FunctionParameter' in each ? [each.FunctionParameter] : [],
  );
  const modes = parameters.map(each => (each.mode === 'FUNC_PARAM_VARIADIC' ? 'v' : 'i')).join('');
  const names = parameters.map(each => each.name ?? '');
  return {
    types: parameters.map(each => typeRef(session, each.argType!, text).type),
    names: names.some(each => each !== '') ? names : [],
    isVariadic: modes.includes('v'),
    modes,
  };
}

function typeText(arg: Node | undefined): string {
  if (arg !== undefined && 'TypeName' in arg) return stringList(arg.TypeName.names).at(-1) ?? '';
  return arg === undefined ? '' : constantText(arg);
}

function typeOf(session: SessionContext, text: string, {arg}: DefElem): TypeInstance {
  if (arg === undefined || !('TypeName' in arg)) throw invalid('a type was expected');
  return typeRef(session, arg.TypeName, text).type;
}

/** What the options say, checked as PostgreSQL's AggregateCreate does. */
function readFacts(
  session: SessionContext,
  text: string,
  options: Options,
  args: readonly TypeInstance[],
): {readonly aggregate: AggregateFacts; readonly result: Oid} {
  const stype = options.get('stype');
  const sfunc = options.get('sfunc');
  if (stype === undefined) throw invalid('aggregate stype must be specified');
  if (sfunc === undefined) throw invalid('aggregate sfunc must be specified');
  const state = typeOf(session, text, stype);
  const shown = formatType(nameScope(session), state.oid, null);
  if (state.oid === INTERNAL && session.isSuperuser)
    throw featureNotSupported(
      'aggregates of your own with the state type internal are not supported',
    );
  if (state.kind === 'p' && !isPolymorphic(state.oid))
    throw invalid(`aggregate transition data type cannot be ${shown}`);
  if (isPolymorphic(state.oid) && !args.some(arg => isPolymorphic(arg.oid)))
    throw invalid('cannot determine transition data type');
  const transition = component(session, sfunc, [state, ...args]);
  if (transition.result.oid !== state.oid)
    throw invalid(
      `return type of transition function ${transition.row.name} is not ${shown}`,
      SqlState.datatypeMismatch,
    );
  const initcond = options.get('initcond');
  const initial = initcond === undefined ? null : constantText(initcond.arg);
  if (initial === null && transition.row.isStrict && args[0]?.oid !== state.oid)
    throw invalid(
      'must not omit initial value when transition function is strict and transition type is not compatible with input type',
    );
  if (initial !== null && state.kind !== 'p') state.input(initial, -1, session.evalContext.format);
  const final = optional(session, options.get('finalfunc'), [state]);
  const combine = optional(session, options.get('combinefunc'), [state, state]);
  if (combine !== null && combine.result.oid !== state.oid)
    throw invalid(
      `return type of combine function ${combine.row.name} is not ${shown}`,
      SqlState.datatypeMismatch,
    );
  return {
    result: final === null ? state.oid : final.result.oid,
    aggregate: {
      transition: transition.row.oid,
      stateType: state.oid,
      final: final?.row.oid ?? NO_OID,
      combine: combine?.row.oid ?? NO_OID,
      initial,
      finalModify: modifyOf(options.get('finalfunc_modify')),
    },
  };
}

function modifyOf(option: DefElem | undefined): AggregateFacts['finalModify'] {
  const word = option === undefined ? 'read_only' : constantText(option.arg);
  const letters = {read_only: 'r', shareable: 's', read_write: 'w'} as const;
  const found = letters[word as keyof typeof letters];
  if (found !== undefined) return found;
  throw invalid(
    'parameter "finalfunc_modify" must be READ_ONLY, SHAREABLE, or READ_WRITE',
    SqlState.syntaxError,
  );
}

interface Component {
  readonly row: FunctionRow;
  readonly result: TypeInstance;
}

function optional(
  session: SessionContext,
  option: DefElem | undefined,
  types: readonly TypeInstance[],
): Component | null {
  return option === undefined ? null : component(session, option, types);
}

/** A function that the aggregate calls with exactly these types (PostgreSQL lookup_agg_function). */
function component(
  session: SessionContext,
  option: DefElem,
  types: readonly TypeInstance[],
): Component {
  const {arg} = option;
  const names =
    arg !== undefined && 'TypeName' in arg
      ? stringList(arg.TypeName.names)
      : arg !== undefined && 'List' in arg
        ? stringList(arg.List.items)
        : [constantText(arg)];
  const {schema, name} = listName(names);
  const binding = newBinding(session.planner.context([]), '');
  const match = resolveFunction(binding, {
    name,
    schema: schema === null ? null : (findSchema(session, schema)?.oid ?? NO_OID),
    actual: types,
    argNames: [],
    isVariadicCall: false,
  });
  const scope = nameScope(session);
  const shown = `${name}(${types.map(type => formatType(scope, type.oid, null)).join(', ')})`;
  if (match === null || match === 'ambiguous')
    throw new PgError(SqlState.undefinedFunction, `function ${shown} does not exist`);
  const {row} = match;
  if (row.kind !== 'f') throw invalid(`${shown} is not a function`, SqlState.wrongObjectType);
  if (row.returnsSet) throw invalid(`function ${shown} returns a set`, SqlState.datatypeMismatch);
  const resolved = resolvePolymorphic(binding, types, match.argTypes, row.returnType);
  if (resolved.args.some((type, at) => type.oid !== types[at]!.oid))
    throw invalid(`function ${shown} requires run-time type coercion`, SqlState.datatypeMismatch);
  return {row, result: resolved.result};
}

function checkReplace(
  session: SessionContext,
  node: DefineStmt,
  name: string,
  old: FunctionDescriptor | null,
  result: Oid,
): void {
  if (old === null) return;
  if (node.replace !== true)
    throw new PgError(
      SqlState.duplicateFunction,
      `function "${name}" already exists with same argument types`,
    );
  checkOwner(session.transaction.catalog, session.currentRole, old, 'aggregate');
  if (old.functionKind !== 'a')
    throw new PgError(SqlState.wrongObjectType, 'cannot change routine kind', {
      detail: `"${name}" is ${old.functionKind === 'p' ? 'a procedure' : 'a function'}.`,
    });
  if (old.returnType !== result) throw invalid('cannot change return type of existing function');
}

function invalid(message: string, code: string = SqlState.invalidFunctionDefinition): PgError {
  return new PgError(code, message);
}
