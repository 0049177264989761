import type {Oid} from '../../common/ids.ts';
import type {FunctionRow} from '../contract.ts';
import type {FunctionDescriptor} from '../descriptors.ts';
import {formatType, qualifiedName, type NameScope} from '../names.ts';
import {quoteIdentifier} from '../quote.ts';

const RECORD = 2249;
const modeWords: Readonly<Record<string, string>> = {o: 'OUT ', b: 'INOUT ', v: 'VARIADIC '};

/** Arguments as pg_get_function_arguments prints them; the identity form leaves out defaults and OUT. */
export function functionArguments(scope: NameScope, fn: FunctionRow, isIdentity: boolean): string {
  const types = fn.allArgTypes.length > 0 ? fn.allArgTypes : fn.argTypes;
  const aggregate = scope.snapshot.builtin.aggregate(fn.oid);
  const orderAt = aggregate !== undefined && aggregate.kind !== 'n' ? aggregate.directArgs : -1;
  const parts: string[] = [];
  let text = '';
  let inputs = 0;
  types.forEach((type, at) => {
    const mode = modeOf(fn, at);
    if (mode === 't' || (isIdentity && mode === 'o')) return;
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
  const text = `${modeWords[of.mode] ?? ''}${shown}${formatType(scope, of.type, null)}`;
  const defaultText = fn.defaultTexts[of.input - (fn.argTypes.length - fn.defaultCount)];
  if (of.isIdentity || of.mode === 'o' || defaultText === undefined) return text;
  return `${text} DEFAULT ${defaultText}`;
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

/** CREATE OR REPLACE FUNCTION of a function, as pg_get_functiondef prints it. */
export function functionDefinition(scope: NameScope, fn: FunctionRow): string {
  const user = scope.snapshot.get('function', fn.oid) as FunctionDescriptor | undefined;
  const isProcedure = fn.kind === 'p';
  const word = isProcedure ? 'PROCEDURE' : 'FUNCTION';
  const name = qualifiedName(scope.snapshot, fn.schema, fn.name);
  const lines = [`CREATE OR REPLACE ${word} ${name}(${functionArguments(scope, fn, false)})`];
  const result = functionResult(scope, fn);
  if (result !== null) lines.push(` RETURNS ${result}`);
  lines.push(` LANGUAGE ${user?.language ?? (fn.sqlBody === null ? 'internal' : 'sql')}`);
  const properties =
    (isProcedure ? '' : (volatilityWords[fn.volatility] ?? '')) +
    (fn.isStrict ? ' STRICT' : '') +
    (user?.isSecurityDefiner === true ? ' SECURITY DEFINER' : '');
  if (properties !== '') lines.push(properties);
  const body = user?.body ?? fn.sqlBody ?? fn.source;
  const tag = dollarTag(body, isProcedure ? 'procedure' : 'function');
  return `${lines.join('\n')}\nAS ${tag}${body}${tag}\n`;
}

/** `$function$`, with x's until the body does not hold it. */
function dollarTag(body: string, word: string): string {
  let tag = `$${word}$`;
  while (body.includes(tag)) tag = `${tag.slice(0, -1)}x$`;
  return tag;
}
