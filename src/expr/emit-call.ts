// Hot path: the code of function calls, the inner loop of every query.
import type {CallTypes, EvalContext, FunctionCode} from '../functions/contract.ts';
import {internalError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import type {TypeInstance} from '../types/contract.ts';
import {isRunConstant} from './analyze.ts';
import type {BoundExpr, CallExpr} from './bound.ts';
import type {EmitContext, Operand} from './emit-context.ts';
import {NULL_OPERAND, zeroOf} from './emit-context.ts';
import {BytesMatcher} from './bytes-matcher.ts';

/** Code of a call: arguments first, in order; a strict function is not called when one is NULL. */
export function emitCall(emitter: EmitContext, expr: CallExpr): Operand {
  const bytes = emitBytesCall(emitter, expr);
  if (bytes !== null) return bytes;
  const operands = expr.args.map(arg => emitter.emit(arg));
  const types = {args: expr.args.map(arg => arg.type), result: expr.type};
  const {source, isStrict, asRole} = expr;
  const callee: Callee =
    asRole === undefined ? {source, isStrict, types} : {source, isStrict, types, asRole};
  return emitApply(emitter, callee, operands);
}

/** A function with the types it is called with. */
export interface Callee {
  readonly source: string;
  readonly isStrict: boolean;
  readonly types: {readonly args: readonly TypeInstance[]; readonly result: TypeInstance};
  /** As CallExpr.asRole. */
  readonly asRole?: Oid;
}

/** Code of a function over operands that are computed already. */
export function emitApply(
  emitter: EmitContext,
  callee: Callee,
  operands: readonly Operand[],
): Operand {
  const code = emitter.functionCode(callee.source);
  if (!callee.isStrict) {
    const call = callSource(
      emitter,
      callee,
      code,
      operands.map(operand => emitter.datum(operand)),
    );
    return emitter.fromDatum(call);
  }
  const isNull = emitter.anyNull(operands);
  if (isNull === 'true') return NULL_OPERAND;
  const call = callSource(
    emitter,
    callee,
    code,
    operands.map(operand => operand.value),
  );
  if (!('emit' in code))
    return emitter.fromDatum(isNull === 'false' ? call : `${isNull} ? null : ${call}`);
  const value = emitter.fresh('v');
  if (isNull === 'false' || code.isTotal === true) emitter.line(`const ${value} = ${call};`);
  else
    emitter.line(`const ${value} = ${isNull} ? ${zeroOf(callee.types.result.physical)} : ${call};`);
  return {value, isNull};
}

function callSource(
  emitter: EmitContext,
  callee: Callee,
  code: FunctionCode,
  args: readonly string[],
): string {
  if ('emit' in code) return emittedSource(emitter, code, args);
  if ('fn' in code) return `${emitter.bindStatic(code.fn)}(${args.join(', ')})`;
  if ('fnCtx' in code) {
    const {asRole} = callee;
    const context =
      asRole === undefined ? emitter.context() : `${emitter.context()}.as(${emitter.bind(asRole)})`;
    return `${emitter.bindStatic(code.fnCtx)}(${[...args, context].join(', ')})`;
  }
  emitter.context();
  return `${emitter.bind(code.fnTyped(callTypes(emitter, callee)))}(${args.join(', ')})`;
}

function emittedSource(
  emitter: EmitContext,
  code: Extract<FunctionCode, {emit: unknown}>,
  args: readonly string[],
): string {
  return code.emit(...args).replace(/\bh\.(\w+)/g, (_, name: string) => {
    const helper = code.helpers?.[name];
    if (helper === undefined) throw internalError(`emitted code names an unknown helper ${name}`);
    return emitter.bindStatic(helper);
  });
}

function callTypes(emitter: EmitContext, callee: Callee): CallTypes {
  const holder = emitter.holder;
  const context = (): EvalContext => {
    if (holder.context === null)
      throw internalError('a function asked for its context before a row was computed');
    return holder.context;
  };
  return {
    args: callee.types.args,
    result: callee.types.result,
    lookup: emitter.environment.lookup,
    context,
  };
}

/** A two-argument function as a JavaScript function, for helpers that call it per element. */
export function functionValue(emitter: EmitContext, callee: Callee): string {
  const code = emitter.functionCode(callee.source);
  if ('fn' in code) return emitter.bindStatic(code.fn);
  const names = callee.types.args.map((_, index) => `x${index}`);
  const call = callSource(emitter, callee, code, names);
  const name = emitter.fresh('f');
  if ('fnCtx' in code) emitter.prologue(name, `const ${name} = (${names.join(', ')}) => ${call};`);
  else emitter.state(`const ${name} = (${names.join(', ')}) => ${call};`);
  return name;
}

const bytesTests: Readonly<
  Record<string, {readonly isLike: boolean; readonly isNegated: boolean}>
> = {
  texteq: {isLike: false, isNegated: false},
  textne: {isLike: false, isNegated: true},
  textlike: {isLike: true, isNegated: false},
  textnlike: {isLike: true, isNegated: true},
};

/** A text column still in UTF-8 against a value that no row changes: compared as bytes, without a string per row. */
function emitBytesCall(emitter: EmitContext, expr: CallExpr): Operand | null {
  const test = bytesTests[expr.source];
  const [subject, pattern] = expr.args;
  if (test === undefined || subject === undefined || pattern === undefined) return null;
  const column = underRelabel(subject);
  if (column.kind !== 'column' || emitter.inputKind(column.index) !== 'utf8') return null;
  if (column.type.name === 'bpchar' || !isRunConstant(pattern)) return null;
  emitter.vectorParts(column.index);
  const operand = emitter.emit(pattern);
  const index = column.index;
  const isNull = emitter.anyNull([{value: '', isNull: emitter.columnIsNull(index)}, operand]);
  if (isNull === 'true') return NULL_OPERAND;
  const matcher = emitter.bind(new BytesMatcher(test.isLike));
  const last = 'input.selection === null ? input.count : input.selection[input.count - 1] + 1';
  emitter.prologue(
    matcher,
    `${matcher}.open(c${index}b, input.count === 0 ? 0 : c${index}o[${last}]);`,
  );
  const value = emitter.fresh('v');
  const call = `${matcher}.test(${operand.value}, c${index}o[i], c${index}o[i + 1])`;
  emitter.line(
    `const ${value} = ${isNull === 'false' ? '' : `!(${isNull}) && `}${test.isNegated ? '!' : ''}${call};`,
  );
  return {value, isNull};
}

function underRelabel(expr: BoundExpr): BoundExpr {
  return expr.kind === 'relabel' ? underRelabel(expr.arg) : expr;
}
