import {internalError} from '../common/errors.ts';
import {PgArray} from '../types/array-value.ts';
import type {BoundExpr} from './bound.ts';
import type {EmitContext, Operand} from './emit-context.ts';
import {zeroOf} from './emit-context.ts';
import {functionValue} from './emit-call.ts';
import {
  arrayElement,
  arrayOf,
  arraySlice,
  checkDomain,
  domainNotNull,
  ioCast,
  isSetEquality,
  mapArray,
  recordOf,
  scalarArray,
  SetSearch,
} from './runtime.ts';
import {sessionValue} from './session-values.ts';

/** Code of expressions that build or take apart values: arrays, rows, casts through text, domains. */
export function emitStructure(emitter: EmitContext, expr: BoundExpr): Operand {
  switch (expr.kind) {
    case 'let': {
      const value = emitter.emit(expr.value);
      return emitter.withLet(expr.id, value, () => emitter.emit(expr.body));
    }
    case 'scalarArray':
      return emitScalarArray(emitter, expr);
    case 'array':
      return emitArray(emitter, expr);
    case 'row': {
      const list = expr.fields.map(field => emitter.datum(emitter.emit(field))).join(', ');
      const types = emitter.bind(expr.fields.map(field => field.type.oid));
      const names = expr.names === undefined ? 'null' : emitter.bind(expr.names);
      const instances = emitter.bind(expr.fields.map(field => field.type));
      const made = `${emitter.bindStatic(recordOf)}(${emitter.bind(expr.type)}, ${types}, [${list}], ${names}, ${instances})`;
      const isNull = expr.presence === undefined ? 'false' : emitter.emit(expr.presence).isNull;
      return {
        value: constant(emitter, isNull === 'false' ? made : `${isNull} ? null : ${made}`),
        isNull,
      };
    }
    case 'field': {
      const record = emitter.emit(expr.arg);
      const field = `${record.value}.fields[${expr.index}]`;
      return emitter.fromDatum(
        record.isNull === 'false' ? field : `${record.isNull} ? null : (${field} ?? null)`,
      );
    }
    case 'subscript':
      return emitSubscript(emitter, expr);
    case 'ioCast': {
      const operand = emitter.emit(expr.arg);
      const types = `${emitter.bind(expr.arg.type)}, ${emitter.bind(expr.type)}`;
      const call = `${emitter.bindStatic(ioCast)}(${operand.value}, ${types}, ${emitter.context()})`;
      const value = emitter.fresh('v');
      emitter.line(`const ${value} = ${operand.isNull} ? ${zeroOf(expr.type.physical)} : ${call};`);
      return {value, isNull: operand.isNull};
    }
    case 'arrayCast':
      return emitArrayCast(emitter, expr);
    case 'domainCast':
      return emitDomainCast(emitter, expr);
    case 'sessionValue':
      return emitter.fromDatum(
        `${emitter.bindStatic(sessionValue)}(${emitter.bind(expr.name)}, ${emitter.context()}, ${emitter.bind(expr.typmod)})`,
      );
    default:
      throw internalError(`the emitter has no code for ${expr.kind}`);
  }
}

/** ARRAY[...]; of constants it is one constant, the same object for every row. */
function emitArray(emitter: EmitContext, expr: Extract<BoundExpr, {kind: 'array'}>): Operand {
  const constants = expr.elements.filter(element => element.kind === 'constant');
  if (constants.length === expr.elements.length && !expr.isMultiDimensional) {
    return {
      value: emitter.bind(PgArray.of(constants.map(element => element.value))),
      isNull: 'false',
    };
  }
  const list = expr.elements.map(element => emitter.datum(emitter.emit(element))).join(', ');
  const call = `${emitter.bindStatic(arrayOf)}([${list}], ${expr.isMultiDimensional})`;
  return {value: constant(emitter, call), isNull: 'false'};
}

function constant(emitter: EmitContext, source: string): string {
  const value = emitter.fresh('v');
  emitter.line(`const ${value} = ${source};`);
  return value;
}

function emitScalarArray(
  emitter: EmitContext,
  expr: Extract<BoundExpr, {kind: 'scalarArray'}>,
): Operand {
  const left = emitter.emit(expr.left);
  const array = emitter.emit(expr.array);
  if (array.isNull === 'true') return array;
  if (!expr.isAll && isSetEquality(expr.source)) {
    const search = emitter.bind(new SetSearch());
    return emitter.fromDatum(
      `${array.isNull} ? null : ${search}.any(${emitter.datum(left)}, ${array.value})`,
    );
  }
  const element = expr.array.type.element;
  if (element === null) throw internalError('the right side of ANY is not an array');
  const types = {args: [expr.left.type, element], result: expr.type};
  const compare = functionValue(emitter, {source: expr.source, isStrict: true, types});
  return emitter.fromDatum(
    `${array.isNull} ? null : ${emitter.bindStatic(scalarArray)}(${emitter.datum(left)}, ${array.value}, ${compare}, ${expr.isAll})`,
  );
}

/** array[i] and array[l:u]: nothing of the subscripts is evaluated for a NULL array. */
function emitSubscript(
  emitter: EmitContext,
  expr: Extract<BoundExpr, {kind: 'subscript'}>,
): Operand {
  const array = emitter.emit(expr.array);
  const value = emitter.fresh('v');
  const isNull = emitter.fresh('n');
  emitter.line(`let ${value} = null;`);
  emitter.block(`if (!${array.isNull}) {`, () => {
    const bound = (part: BoundExpr | null): string =>
      part === null ? 'undefined' : emitter.datum(emitter.emit(part));
    const lowers: string[] = [];
    const uppers: string[] = [];
    for (const part of expr.subscripts) {
      lowers.push(bound(part.lower));
      uppers.push(bound(part.upper));
    }
    if (expr.isSlice) {
      emitter.line(
        `${value} = ${emitter.bindStatic(arraySlice)}(${array.value}, [${lowers.join(', ')}], [${uppers.join(', ')}]);`,
      );
    } else {
      const subscripts = expr.subscripts.map((part, index) =>
        part.upper === null ? lowers[index] : uppers[index],
      );
      emitter.line(
        `${value} = ${emitter.bindStatic(arrayElement)}(${array.value}, [${subscripts.join(', ')}]);`,
      );
    }
  });
  emitter.line(`const ${isNull} = ${value} === null;`);
  return {value, isNull};
}

function emitArrayCast(
  emitter: EmitContext,
  expr: Extract<BoundExpr, {kind: 'arrayCast'}>,
): Operand {
  const array = emitter.emit(expr.arg);
  const value = emitter.fresh('v');
  emitter.line(`let ${value} = null;`);
  emitter.block(`if (!${array.isNull}) {`, () => {
    const list = emitter.fresh('w');
    const index = emitter.fresh('j');
    emitter.line(`const ${list} = new Array(${array.value}.elements.length);`);
    emitter.block(`for (let ${index} = 0; ${index} < ${list}.length; ${index}++) {`, () => {
      const element = emitter.fromDatum(`${array.value}.elements[${index}]`);
      const result = emitter.withLet(expr.id, element, () => emitter.emit(expr.element));
      emitter.line(`${list}[${index}] = ${emitter.datum(result)};`);
    });
    emitter.line(`${value} = ${emitter.bindStatic(mapArray)}(${array.value}, ${list});`);
  });
  return {value, isNull: array.isNull};
}

function emitDomainCast(
  emitter: EmitContext,
  expr: Extract<BoundExpr, {kind: 'domainCast'}>,
): Operand {
  const operand = emitter.emit(expr.arg);
  const domain = `${emitter.bind(expr.schemaName)}, ${emitter.bind(expr.type.name)}`;
  if (expr.isNotNull)
    emitter.line(`if (${operand.isNull}) ${emitter.bindStatic(domainNotNull)}(${domain});`);
  for (const check of expr.checks) {
    emitter.block('{', () => {
      const condition = emitter.withLet(expr.id, operand, () => emitter.emit(check.condition));
      emitter.line(
        `if (!${condition.isNull} && !${condition.value}) ${emitter.bindStatic(checkDomain)}(${domain}, ${emitter.bind(check.name)});`,
      );
    });
  }
  return operand;
}
