// Hot path: AND, OR, CASE, COALESCE and their kin as JavaScript control flow, so that a later part runs exactly when PostgreSQL runs it.
import {assertNever} from '../common/errors.ts';
import type {BoundExpr} from './bound.ts';
import type {EmitContext, Operand} from './emit-context.ts';
import {zeroOf} from './emit-context.ts';
import {emitApply} from './emit-call.ts';
import {isRowNull, pickExtreme} from './runtime.ts';

type ConditionalExpr = Extract<
  BoundExpr,
  {
    kind:
      | 'and'
      | 'or'
      | 'not'
      | 'nullTest'
      | 'booleanTest'
      | 'distinct'
      | 'case'
      | 'coalesce'
      | 'minMax'
      | 'nullIf'
      | 'rowCompare';
  }
>;

const conditionalKinds: ReadonlySet<BoundExpr['kind']> = new Set([
  'and',
  'or',
  'not',
  'nullTest',
  'booleanTest',
  'distinct',
  'case',
  'coalesce',
  'minMax',
  'nullIf',
  'rowCompare',
]);

/** Whether emitConditional writes this kind. */
export function isConditional(expr: BoundExpr): expr is ConditionalExpr {
  return conditionalKinds.has(expr.kind);
}

/** Code of an expression that decides which of its parts are evaluated. */
export function emitConditional(emitter: EmitContext, expr: ConditionalExpr): Operand {
  switch (expr.kind) {
    case 'and':
      return emitJunction(emitter, expr.args, false);
    case 'or':
      return emitJunction(emitter, expr.args, true);
    case 'not': {
      const operand = emitter.emit(expr.arg);
      return {value: `(!${operand.value})`, isNull: operand.isNull};
    }
    case 'nullTest':
      return emitNullTest(emitter, expr);
    case 'booleanTest':
      return emitBooleanTest(emitter, expr);
    case 'distinct':
      return emitDistinct(emitter, expr);
    case 'case':
      return emitCase(emitter, expr);
    case 'coalesce':
      return emitCoalesce(emitter, expr);
    case 'minMax':
      return emitMinMax(emitter, expr);
    case 'nullIf':
      return emitNullIf(emitter, expr);
    case 'rowCompare':
      return emitRowCompare(emitter, expr);
    default:
      return assertNever(expr);
  }
}

/** A result variable with its NULL flag, assigned in branches of a labelled block. */
function declare(emitter: EmitContext, expr: BoundExpr): Operand & {readonly label: string} {
  const value = emitter.fresh('v');
  const isNull = emitter.fresh('n');
  emitter.line(`let ${value} = ${zeroOf(expr.type.physical)}, ${isNull} = true;`);
  return {value, isNull, label: emitter.fresh('L')};
}

function assign(emitter: EmitContext, target: Operand, operand: Operand): void {
  emitter.line(`${target.isNull} = ${operand.isNull};`);
  if (operand.isNull !== 'true') emitter.line(`${target.value} = ${operand.value};`);
}

/** AND stops at the first false, OR at the first true; a NULL is remembered. */
function emitJunction(emitter: EmitContext, args: readonly BoundExpr[], isOr: boolean): Operand {
  const value = emitter.fresh('v');
  const isNull = emitter.fresh('n');
  const label = emitter.fresh('L');
  emitter.line(`let ${value} = ${!isOr}, ${isNull} = false;`);
  emitter.block(`${label}: {`, () => {
    for (const arg of args) {
      const operand = emitter.emit(arg);
      const stops = `if (${isOr ? '' : '!'}${operand.value}) { ${value} = ${isOr}; ${isNull} = false; break ${label}; }`;
      if (operand.isNull === 'true') emitter.line(`${isNull} = true;`);
      else if (operand.isNull === 'false') emitter.line(stops);
      else emitter.line(`if (${operand.isNull}) ${isNull} = true; else ${stops}`);
    }
  });
  return {value, isNull};
}

function emitNullTest(emitter: EmitContext, expr: Extract<BoundExpr, {kind: 'nullTest'}>): Operand {
  const not = expr.negated ? '!' : '';
  if (expr.isRow) {
    const record = emitter.datum(emitter.emit(expr.arg));
    return {
      value: `${emitter.bindStatic(isRowNull)}(${record}, ${!expr.negated})`,
      isNull: 'false',
    };
  }
  if (expr.arg.kind === 'column')
    return {value: `(${not}${emitter.columnIsNull(expr.arg.index)})`, isNull: 'false'};
  return {value: `(${not}${emitter.emit(expr.arg).isNull})`, isNull: 'false'};
}

function emitBooleanTest(
  emitter: EmitContext,
  expr: Extract<BoundExpr, {kind: 'booleanTest'}>,
): Operand {
  const operand = emitter.emit(expr.arg);
  const not = expr.negated ? '!' : '';
  if (expr.test === 'unknown') return {value: `(${not}${operand.isNull})`, isNull: 'false'};
  const wanted = expr.test === 'true' ? '' : '!';
  return {value: `(${not}(!${operand.isNull} && ${wanted}${operand.value}))`, isNull: 'false'};
}

function emitDistinct(emitter: EmitContext, expr: Extract<BoundExpr, {kind: 'distinct'}>): Operand {
  const left = emitter.emit(expr.left);
  const right = emitter.emit(expr.right);
  const result = emitter.fresh('v');
  emitter.line(`let ${result} = ${left.isNull} !== ${right.isNull};`);
  emitter.block(`if (!${left.isNull} && !${right.isNull}) {`, () => {
    const equal = emitPair(emitter, expr.equalitySource, expr, [
      knownValue(expr.left, left),
      knownValue(expr.right, right),
    ]);
    emitter.line(`${result} = ${equal.isNull} || !${equal.value};`);
  });
  return {value: expr.negated ? `(!${result})` : result, isNull: 'false'};
}

interface TypedOperand {
  readonly expr: BoundExpr;
  readonly operand: Operand;
}

function knownValue(expr: BoundExpr, operand: Operand): TypedOperand {
  return {expr, operand: {value: operand.value, isNull: 'false'}};
}

/** A strict boolean function of two operands. */
function emitPair(
  emitter: EmitContext,
  source: string,
  expr: BoundExpr,
  pair: readonly TypedOperand[],
): Operand {
  const types = {args: pair.map(each => each.expr.type), result: expr.type};
  return emitApply(
    emitter,
    {source, isStrict: true, types},
    pair.map(each => each.operand),
  );
}

function emitCase(emitter: EmitContext, expr: Extract<BoundExpr, {kind: 'case'}>): Operand {
  const result = declare(emitter, expr);
  emitter.block(`${result.label}: {`, () => {
    for (const when of expr.whens) {
      const condition = emitter.emit(when.condition);
      emitter.block(`if (!${condition.isNull} && ${condition.value}) {`, () => {
        assign(emitter, result, emitter.emit(when.result));
        emitter.line(`break ${result.label};`);
      });
    }
    assign(emitter, result, emitter.emit(expr.otherwise));
  });
  return result;
}

function emitCoalesce(emitter: EmitContext, expr: Extract<BoundExpr, {kind: 'coalesce'}>): Operand {
  const result = declare(emitter, expr);
  emitter.block(`${result.label}: {`, () => {
    for (const arg of expr.args) {
      const operand = emitter.emit(arg);
      emitter.block(`if (!${operand.isNull}) {`, () => {
        assign(emitter, result, {value: operand.value, isNull: 'false'});
        emitter.line(`break ${result.label};`);
      });
    }
  });
  return result;
}

function emitMinMax(emitter: EmitContext, expr: Extract<BoundExpr, {kind: 'minMax'}>): Operand {
  const operands = expr.args.map(arg => emitter.emit(arg));
  const list = operands.map(operand => emitter.datum(operand)).join(', ');
  return emitter.fromDatum(
    `${emitter.bindStatic(pickExtreme)}([${list}], ${emitter.bind(expr.type)}, ${expr.isGreatest})`,
  );
}

function emitNullIf(emitter: EmitContext, expr: Extract<BoundExpr, {kind: 'nullIf'}>): Operand {
  const left = emitter.emit(expr.left);
  const right = emitter.emit(expr.right);
  const isNull = emitter.fresh('n');
  emitter.line(`let ${isNull} = ${left.isNull};`);
  emitter.block(`if (!${left.isNull} && !${right.isNull}) {`, () => {
    const equal = emitPair(emitter, expr.equalitySource, expr, [
      knownValue(expr.left, left),
      knownValue(expr.right, right),
    ]);
    emitter.line(`if (!${equal.isNull} && ${equal.value}) ${isNull} = true;`);
  });
  return {value: left.value, isNull};
}

/** (a, b) < (c, d): the first pair that is not equal decides; a NULL there makes the result NULL. */
function emitRowCompare(
  emitter: EmitContext,
  expr: Extract<BoundExpr, {kind: 'rowCompare'}>,
): Operand {
  if (expr.operator === '=' || expr.operator === '<>') return emitRowEquality(emitter, expr);
  const result = declare(emitter, expr);
  emitter.block(`${result.label}: {`, () => {
    expr.left.forEach((leftExpr, index) => {
      const rightExpr = expr.right[index]!;
      const left = emitter.emit(leftExpr);
      const right = emitter.emit(rightExpr);
      emitter.line(`if (${left.isNull} || ${right.isNull}) break ${result.label};`);
      const pair = [knownValue(leftExpr, left), knownValue(rightExpr, right)];
      const equal = emitPair(emitter, expr.equalitySources[index]!, expr, pair);
      emitter.block(`if (${equal.isNull} || !${equal.value}) {`, () => {
        assign(emitter, result, emitPair(emitter, expr.operatorSources[index]!, expr, pair));
        emitter.line(`break ${result.label};`);
      });
    });
    emitter.line(`${result.isNull} = false; ${result.value} = ${expr.operator.endsWith('=')};`);
  });
  return result;
}

/** Row = is AND of the pairs, row <> is OR of them (PostgreSQL 9.24.5). */
function emitRowEquality(
  emitter: EmitContext,
  expr: Extract<BoundExpr, {kind: 'rowCompare'}>,
): Operand {
  const isOr = expr.operator === '<>';
  const value = emitter.fresh('v');
  const isNull = emitter.fresh('n');
  const label = emitter.fresh('L');
  emitter.line(`let ${value} = ${!isOr}, ${isNull} = false;`);
  emitter.block(`${label}: {`, () => {
    expr.left.forEach((leftExpr, index) => {
      const rightExpr = expr.right[index]!;
      const pair = [leftExpr, rightExpr].map(each => ({expr: each, operand: emitter.emit(each)}));
      const operand = emitPair(emitter, expr.operatorSources[index]!, expr, pair);
      const stops = `if (${isOr ? '' : '!'}${operand.value}) { ${value} = ${isOr}; ${isNull} = false; break ${label}; }`;
      emitter.line(`if (${operand.isNull}) ${isNull} = true; else ${stops}`);
    });
  });
  return {value, isNull};
}
