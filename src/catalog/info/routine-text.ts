import type {Oid} from '../../common/ids.ts';
import type {FunctionRow} from '../contract.ts';
import type {FunctionDescriptor} from '../descriptors.ts';
import {formatType, qualifiedName, type NameScope} from '../names.ts';
import {quoteIdentifier} from '../quote.ts';
import {shownText} from '../stored-text.ts';

const RECORD = 2249;
const modeWords: Readonly<Record<string, string>> = {o: 'OUT ', b: 'INOUT ', v: 'VARIADIC '};

/** Arguments as pg_get_function_arguments prints them; the identity form leaves out defaults. */
export function functionArguments(scope: NameScope, fn: FunctionRow, isIdentity: boolean): string {
  const types = fn.allArgTypes.length > 0 ? fn.allArgTypes : fn.argTypes;
  const aggregate = scope.snapshot.builtin.aggregate(fn.oid);
  const orderAt = aggregate !== undefined && aggregate.kind !== 'n' ? aggregate.directArgs : -1;
  const parts: string[] = [];
  let text = '';
  let inputs = 0;
  types.forEach((type, at) => {
    const mode = modeOf(fn, at);
    if (mode === 't') return;
    const isInput = mode !== 'o';
    const printed = argument(scope, fn, {type, at, mode, input: inputs, isIdentity});
    const separator = inputs === orderAt ? (text === '' ? 'ORDER BY ' : ' ORDER BY ') : ', ';
    text += text === '' ? (inputs === orderAt ? separator : '') + printed : separator + printed;
    if (isInput) inputs++;
    parts.push(printed);
  });
  if (orderAt >= 0 && inputs === orderAt) text += ` ORDER BY ${parts.at(-1) ?? ''}`;
  return text;
}

function modeOf(fn: FunctionRow, at: number): string {
  if (fn.argModes !== '') return fn.argModes[at] ?? 'i';
  return fn.variadic !== 0 && at === fn.argTypes.length - 1 ? 'v' : 'i';
}

function argument(
  scope: NameScope,
  fn: FunctionRow,
  of: {
    readonly type: Oid;
    readonly at: number;
    readonly mode: string;
    readonly input: number;
    readonly isIdentity: boolean;
  },
): string {
  const name = fn.argNames[of.at] ?? '';
  const shown = name === '' ? '' : `${quoteIdentifier(name)} `;
  // Of procedures every mode is said: DROP PROCEDURE reads them.
  const mode = of.mode === 'i' && fn.kind === 'p' ? 'IN ' : (modeWords[of.mode] ?? '');
  const text = `${mode}${shown}${formatType(scope, of.type, null)}`;
  const defaultText = fn.defaultTexts[of.input - (fn.argTypes.length - fn.defaultCount)];
  if (of.isIdentity || of.mode === 'o' || defaultText === undefined) return text;
  return `${text} DEFAULT ${shownText(scope, defaultText)}`;
}

/** The result as pg_get_function_result prints it; null for procedures. */
export function functionResult(scope: NameScope, fn: FunctionRow): string | null {
  if (fn.kind === 'p') return null;
  if (fn.argModes.includes('t')) {
    const columns = [...fn.argModes].flatMap((mode, at) => {
      if (mode !== 't') return [];
      const type = formatType(scope, fn.allArgTypes[at] as Oid, null);
      return [`${quoteIdentifier(fn.argNames[at] ?? '')} ${type}`];
    });
    return `TABLE(${columns.join(', ')})`;
  }
  const type = fn.returnType === RECORD ? 'record' : formatType(scope, fn.returnType, null);
  return fn.returnsSet ? `SETOF ${type}` : type;
}

const volatilityWords: Readonly<Record<string, string>> = {i: ' IMMUTABLE', s: ' STABLE', v: ''};
const parallelWords: Readonly<Record<string, string>> = {
  s: ' PARALLEL SAFE',
  r: ' PARALLEL RESTRICTED',
  u: '',
};

/** What pg_proc has beyond a FunctionRow, as the definition prints it. */
interface RoutineFacts {
  readonly language: string;
  readonly parallel: string;
  readonly isDefiner: boolean;
  readonly isLeakproof: boolean;
  readonly cost: number;
  readonly usualCost: number;
  readonly rows: number;
  readonly support: Oid;
  readonly library: string | null;
  readonly source: string;
  /** Body of RETURN or BEGIN ATOMIC, else null. */
  readonly sqlBody: string | null;
}

const languages: Readonly<Record<number, string>> = {12: 'internal', 13: 'c', 14: 'sql'};
const LANGUAGE_SQL = 14;

function factsOf(scope: NameScope, fn: FunctionRow): RoutineFacts {
  const user = scope.snapshot.get('function', fn.oid) as FunctionDescriptor | undefined;
  const table = scope.snapshot.builtin.data.table('pg_proc');
  const at = table.byKey(fn.oid)[0];
  if (user !== undefined || at === undefined) {
    return {
      language: user?.language ?? 'internal',
      parallel: user?.parallel ?? 'u',
      isDefiner: user?.isSecurityDefiner ?? false,
      isLeakproof: user?.isLeakproof ?? false,
      cost: user?.cost ?? (user === undefined ? 1 : 100),
      usualCost: user === undefined ? 1 : 100,
      rows: user?.rows ?? (fn.returnsSet ? 1000 : 0),
      support: 0 as Oid,
      library: null,
      source: user?.body ?? fn.source,
      sqlBody: /^(BEGIN ATOMIC|RETURN)\s/.test(user?.body ?? '') ? user!.body : null,
    };
  }
  const row = table.row(at);
  const language = row[4] as number;
  return {
    language: languages[language] ?? 'plpgsql',
    parallel: row[15] as string,
    isDefiner: row[10] as boolean,
    isLeakproof: row[11] as boolean,
    cost: row[5] as number,
    usualCost: language < LANGUAGE_SQL ? 1 : 100,
    rows: row[6] as number,
    support: row[8] as Oid,
    library: row[26] as string | null,
    source: row[25] as string,
    sqlBody: row[27] as string | null,
  };
}

/** CREATE OR REPLACE FUNCTION of a function, as pg_get_functiondef prints it. */
export function functionDefinition(scope: NameScope, fn: FunctionRow): string {
  const facts = factsOf(scope, fn);
  const isProcedure = fn.kind === 'p';
  const word = isProcedure ? 'PROCEDURE' : 'FUNCTION';
  const name = qualifiedName(scope.snapshot, fn.schema, fn.name);
  const lines = [`CREATE OR REPLACE ${word} ${name}(${functionArguments(scope, fn, false)})`];
  const result = functionResult(scope, fn);
  if (result !== null) lines.push(` RETURNS ${result}`);
  lines.push(` LANGUAGE ${facts.language}`);
  const properties = propertiesOf(scope, fn, facts);
  if (properties !== '') lines.push(properties);
  if (facts.sqlBody !== null) return `${lines.join('\n')}\n${facts.sqlBody}\n`;
  const tag = dollarTag(facts.source, isProcedure ? 'procedure' : 'function');
  const library = facts.library === null ? '' : `'${facts.library}', `;
  return `${lines.join('\n')}\nAS ${library}${tag}${facts.source}${tag}\n`;
}

function propertiesOf(scope: NameScope, fn: FunctionRow, facts: RoutineFacts): string {
  const {snapshot} = scope;
  let text = fn.kind === 'w' ? ' WINDOW' : '';
  if (fn.kind !== 'p') text += volatilityWords[fn.volatility] ?? '';
  text += parallelWords[facts.parallel] ?? '';
  if (fn.isStrict) text += ' STRICT';
  if (facts.isDefiner) text += ' SECURITY DEFINER';
  if (facts.isLeakproof) text += ' LEAKPROOF';
  if (facts.cost !== facts.usualCost) text += ` COST ${facts.cost}`;
  if (fn.returnsSet && facts.rows !== 1000) text += ` ROWS ${facts.rows}`;
  const support = facts.support === 0 ? undefined : snapshot.functionByOid(facts.support);
  return support === undefined ? text : `${text} SUPPORT ${quoteIdentifier(support.name)}`;
}

/** `$function$`, with x's until the body does not hold it. */
function dollarTag(body: string, word: string): string {
  let tag = `$${word}$`;
  while (body.includes(tag)) tag = `${tag.slice(0, -1)}x$`;
  return tag;
}
