import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr, RowExpr} from '../../expr/bound.ts';
import type {FunctionRow} from '../../catalog/contract.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {type Binding, isUnknown} from './binding.ts';
import {makeCall} from './calls.ts';
import {baseType, type CoercionContext, type CoercionPath, coercionPath} from './coercion-path.ts';
import {errorType, isTrueArray} from './display-type.ts';
import {bindDomainChecks} from './domain-checks.ts';
import {expressionAst, isLoneExpression} from './parsed-text.ts';
import {bodyStatements} from '../parse/sql-body.ts';
import {noteCall, parameterNamesOf, withSubstitutes} from './substitutes.ts';
import {readLiteral} from './read-literal.ts';
import {isPolymorphic, TypeOid} from './type-oids.ts';

/** Where and how strictly a conversion happens. */
export interface CoerceOptions {
  readonly context: CoercionContext;
  readonly typmod?: number;
  readonly location?: number;
}

/** Converts an expression to a type with typmod; null when there is no such conversion (PostgreSQL coerce_to_target_type). */
export function tryCoerce(
  binding: Binding,
  expr: BoundExpr,
  target: TypeInstance,
  options: CoerceOptions,
): BoundExpr | null {
  const typmod = options.typmod ?? -1;
  const location = options.location ?? expr.location;
  const converted = convert(binding, expr, target, typmod, options.context, location);
  if (converted === null) return null;
  const isExplicit = options.context === 'explicit';
  const limited = coerceTypmod(binding, converted, target, typmod, isExplicit, location);
  return limited === expr ? expr : withForm(limited, expr, isExplicit ? 'cast' : 'implicit');
}

/** Notes on new conversions above `input` how they were written; below a written one they are implicit. */
function withForm(expr: BoundExpr, input: BoundExpr, form: 'cast' | 'implicit'): BoundExpr {
  if (expr === input || (input.kind === 'relabel' && expr === input.arg)) return expr;
  switch (expr.kind) {
    case 'call':
      if (expr.form !== undefined || expr.operatorName !== '' || expr.args.length === 0)
        return expr;
      return {
        ...expr,
        args: [withForm(expr.args[0]!, input, 'implicit'), ...expr.args.slice(1)],
        form,
      };
    case 'relabel':
    case 'ioCast':
    case 'arrayCast':
    case 'domainCast':
      return expr.form === undefined
        ? {...expr, arg: withForm(expr.arg, input, 'implicit'), form}
        : expr;
    default:
      return expr;
  }
}

/** As tryCoerce, with PostgreSQL's error "cannot cast type a to b". */
export function coerce(
  binding: Binding,
  expr: BoundExpr,
  target: TypeInstance,
  options: CoerceOptions,
): BoundExpr {
  const converted = tryCoerce(binding, expr, target, options);
  if (converted !== null) return converted;
  throw binding.error(
    SqlState.cannotCoerce,
    `cannot cast type ${errorType(expr.type)} to ${errorType(target)}`,
    options.location ?? expr.location,
  );
}

/** Converts implicitly what resolution has found convertible. */
export function coerceImplicit(binding: Binding, expr: BoundExpr, target: TypeInstance): BoundExpr {
  return coerce(binding, expr, target, {context: 'implicit'});
}

/** An expression that must be boolean: WHERE, AND, CASE. */
export function coerceBoolean(binding: Binding, expr: BoundExpr, construct: string): BoundExpr {
  const converted = tryCoerce(binding, expr, binding.boolType, {context: 'assignment'});
  if (converted !== null && (baseType(expr.type).oid === TypeOid.bool || isUnknown(expr)))
    return converted;
  throw binding.error(
    SqlState.datatypeMismatch,
    `argument of ${construct} must be type boolean, not type ${errorType(expr.type)}`,
    expr.location,
  );
}

function convert(
  binding: Binding,
  expr: BoundExpr,
  target: TypeInstance,
  typmod: number,
  context: CoercionContext,
  location: number,
): BoundExpr | null {
  if (expr.type.oid === target.oid) return expr;
  if (isPolymorphic(target.oid) || target.oid === TypeOid.any) return expr;
  if (isUnknown(expr)) return convertUnknown(binding, expr, target, typmod, context, location);
  const path = coercionPath(binding, expr.type, target, context);
  if (path !== null)
    return applyPath(binding, expr, target, path, context === 'explicit', location, typmod);
  if (expr.kind === 'row' && baseType(target).kind === 'c') {
    const row = convertRow(binding, expr, baseType(target), context, location);
    return row === null ? null : domain(binding, row, target, location, context === 'explicit');
  }
  if (target.oid === TypeOid.record && baseType(expr.type).kind === 'c')
    return relabel(expr, target, location);
  if (target.oid === TypeOid.recordArray && isTrueArray(expr.type))
    return relabel(expr, target, location);
  return null;
}

function convertUnknown(
  binding: Binding,
  expr: BoundExpr,
  target: TypeInstance,
  typmod: number,
  context: CoercionContext,
  location: number,
): BoundExpr | null {
  if (expr.kind === 'param') {
    const base = baseType(target);
    const value = checkedParts(binding, binding.parameters.resolve(expr, base), base, location);
    return domain(binding, value, target, location, context === 'explicit');
  }
  if (expr.kind === 'constant') {
    const base = baseType(target);
    const plain = plainArray(binding, base);
    const literal = readLiteral(binding, expr, plain ?? base, typmod);
    const value =
      plain === null
        ? checkedParts(binding, literal, base, location)
        : checkedArray(binding, literal, base, location);
    return domain(binding, value, target, location, context === 'explicit');
  }
  if (expr.kind === 'relabel') return convert(binding, expr.arg, target, typmod, context, location);
  if (expr.kind === 'letRef') return {...expr, type: target};
  const text = relabel(expr, binding.type(TypeOid.text), location);
  return convert(binding, text, target, typmod, 'explicit', location);
}

/** For an array of a domain: the array of what is below the domain; null for other types. */
function plainArray(binding: Binding, type: TypeInstance): TypeInstance | null {
  if (!isTrueArray(type) || type.element?.kind !== 'd') return null;
  const {arrayOid} = baseType(type.element);
  return arrayOid === 0 ? null : binding.type(arrayOid);
}

/** A plain array as an array of a domain, every element checked. */
function checkedArray(
  binding: Binding,
  arg: BoundExpr,
  type: TypeInstance,
  location: number,
): BoundExpr {
  const id = binding.newLet();
  const below = baseType(type.element!);
  const ref: BoundExpr = {kind: 'letRef', type: below, typmod: -1, location, id};
  const element = domain(binding, ref, type.element!, location, false);
  return {kind: 'arrayCast', type, typmod: -1, location, arg, id, element};
}

/** Whether values of a type have parts in domains, which reading the value as a whole does not check. */
export function hasDomains(binding: Binding, type: TypeInstance, depth = 0): boolean {
  if (type.kind === 'd') return true;
  if (depth > 20) return false;
  if (isTrueArray(type)) return hasDomains(binding, type.element!, depth + 1);
  if (type.kind !== 'c') return false;
  return (compositeColumns(binding, type) ?? []).some(column =>
    hasDomains(binding, column.type, depth + 1),
  );
}

/** A row or an array of rows as it is, with every part that is in a domain checked. */
export function checkedParts(
  binding: Binding,
  arg: BoundExpr,
  type: TypeInstance,
  location: number,
): BoundExpr {
  if (type.kind === 'd')
    return domain(
      binding,
      checkedParts(binding, arg, baseType(type), location),
      type,
      location,
      false,
    );
  if (!hasDomains(binding, type)) return arg;
  const id = binding.newLet();
  const ref = (of: TypeInstance): BoundExpr => ({
    kind: 'letRef',
    type: of,
    typmod: -1,
    location,
    id,
  });
  if (isTrueArray(type)) {
    const element = checkedParts(binding, ref(type.element!), type.element!, location);
    return {kind: 'arrayCast', type, typmod: -1, location, arg, id, element};
  }
  const columns = compositeColumns(binding, type);
  if (columns === null) return arg;
  const fields = columns.map((column, index): BoundExpr => {
    const {typmod} = column;
    const below = column.type.kind === 'd' ? baseType(column.type) : column.type;
    const field: BoundExpr = {kind: 'field', type: below, typmod, location, arg: ref(type), index};
    return checkedParts(binding, field, column.type, location);
  });
  const base = {type, typmod: -1, location};
  const row: BoundExpr = {kind: 'row', ...base, fields};
  const isNull: BoundExpr = {
    kind: 'nullTest',
    type: binding.boolType,
    typmod: -1,
    location,
    arg: ref(type),
    negated: false,
    isRow: false,
  };
  const nothing: BoundExpr = {kind: 'constant', ...base, value: null};
  const body: BoundExpr = {
    kind: 'case',
    ...base,
    whens: [{condition: isNull, result: nothing}],
    otherwise: row,
  };
  return {kind: 'let', type, typmod: -1, location, id, value: arg, body};
}

function applyPath(
  binding: Binding,
  expr: BoundExpr,
  target: TypeInstance,
  path: CoercionPath,
  isExplicit: boolean,
  location: number,
  typmod = -1,
): BoundExpr {
  const base = baseType(target);
  switch (path.kind) {
    case 'relabel':
      if (target.kind !== 'd')
        return relabel(
          expr,
          target,
          location,
          base.oid === baseType(expr.type).oid ? expr.typmod : -1,
        );
      return domain(
        binding,
        expr.type.oid === base.oid ? expr : relabel(expr, base, location),
        target,
        location,
        isExplicit,
      );
    case 'function':
      return domain(
        binding,
        castCall(binding, path.cast.function, expr, base, typmod, isExplicit, location),
        target,
        location,
        isExplicit,
      );
    case 'io': {
      const read: BoundExpr = {kind: 'ioCast', type: base, typmod: -1, location, arg: expr};
      return domain(
        binding,
        checkedParts(binding, read, base, location),
        target,
        location,
        isExplicit,
      );
    }
    case 'array': {
      const id = binding.newLet();
      const from = baseType(expr.type).element!;
      const ref: BoundExpr = {kind: 'letRef', type: from, typmod: -1, location, id};
      const element = applyPath(binding, ref, base.element!, path.element, isExplicit, location);
      return domain(
        binding,
        {kind: 'arrayCast', type: base, typmod: -1, location, arg: expr, id, element},
        target,
        location,
        isExplicit,
      );
    }
  }
}

function castCall(
  binding: Binding,
  functionOid: number,
  expr: BoundExpr,
  target: TypeInstance,
  typmod: number,
  isExplicit: boolean,
  location: number,
): BoundExpr {
  const row = binding.context.catalog.functionByOid(functionOid as never)!;
  const args: BoundExpr[] = [
    expr.type.kind === 'd' ? relabel(expr, baseType(expr.type), location) : expr,
  ];
  if (row.argTypes.length > 1) args.push(binding.constant(binding.type(TypeOid.int4), typmod));
  if (row.argTypes.length > 2) args.push(binding.constant(binding.boolType, isExplicit));
  if (row.sqlBody !== null && binding.trace === null)
    return castBySql(binding, row, args, target, location);
  return {...makeCall(binding, row, args, target, location), typmod: args.length > 1 ? typmod : -1};
}

/** A cast by a function in LANGUAGE sql: its lone expression over the value. */
function castBySql(
  binding: Binding,
  row: FunctionRow,
  args: readonly BoundExpr[],
  target: TypeInstance,
  location: number,
): BoundExpr {
  const descriptor = binding.context.catalog.get('function', row.oid);
  const isDefiner = descriptor?.kind === 'function' && descriptor.isSecurityDefiner;
  const body = bodyStatements(row.sqlBody!).replace(/;\s*$/, '');
  if (row.isStrict || isDefiner || !isLoneExpression(binding, body))
    throw featureNotSupported(
      `a cast by function ${row.name} is not supported: only SQL functions of one expression, neither STRICT nor SECURITY DEFINER`,
    );
  noteCall(binding, row.oid);
  if (row.volatility === 'v') binding.hasVolatile = true;
  const value = binding.withoutPositions(() =>
    withSubstitutes(
      binding,
      args,
      parameterNamesOf(row),
      () =>
        binding.hooks.scalar(binding, expressionAst(binding, body.replace(/^select\s/i, '')), {
          columns: [],
          domainValue: null,
          clause: 'SELECT',
          relationName: '',
        }),
      row.name,
    ),
  );
  return coerce(binding, value, target, {context: 'assignment', location});
}

/** Same value, other type. */
export function relabel(
  expr: BoundExpr,
  target: TypeInstance,
  location = expr.location,
  typmod = -1,
): BoundExpr {
  if (expr.type.oid === target.oid && expr.typmod === typmod) return expr;
  return {
    kind: 'relabel',
    type: target,
    typmod,
    location,
    arg: expr.kind === 'relabel' && expr.collation === undefined ? expr.arg : expr,
  };
}

/** The length of a domain's values: that of the domain at the bottom (PostgreSQL getBaseTypeAndTypmod). */
function domainTypmod(target: TypeInstance): number {
  const {base} = target;
  return base?.kind === 'd' ? domainTypmod(base) : target.baseTypmod;
}

function domain(
  binding: Binding,
  expr: BoundExpr,
  target: TypeInstance,
  location: number,
  isExplicit: boolean,
): BoundExpr {
  if (target.kind !== 'd') return expr;
  const base = baseType(target);
  const typmod = domainTypmod(target);
  const limited = coerceTypmod(binding, expr, base, typmod, isExplicit, location);
  const id = binding.newLet();
  const checks = bindDomainChecks(binding, target, id);
  return {
    kind: 'domainCast',
    type: target,
    typmod,
    location,
    arg: limited,
    id,
    isNotNull: checks.isNotNull,
    schemaName: checks.schemaName,
    checks: checks.checks,
  };
}

function convertRow(
  binding: Binding,
  row: RowExpr,
  target: TypeInstance,
  context: CoercionContext,
  location: number,
): BoundExpr | null {
  const columns = compositeColumns(binding, target);
  if (columns === null || columns.length !== row.fields.length) return null;
  const fields: BoundExpr[] = [];
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index]!;
    const field = tryCoerce(binding, row.fields[index]!, column.type, {
      context,
      typmod: column.typmod,
      location,
    });
    if (field === null) return null;
    fields.push(field);
  }
  const made = {kind: 'row', type: target, typmod: -1, location, fields} as const;
  return row.presence === undefined ? made : {...made, presence: row.presence};
}

/** The fields of a composite type, or null when it is none. */
export function compositeColumns(
  binding: Binding,
  type: TypeInstance,
): readonly {readonly name: string; readonly type: TypeInstance; readonly typmod: number}[] | null {
  const base = baseType(type);
  if (base.kind !== 'c') return null;
  const catalog = binding.context.catalog;
  const columns =
    catalog.typeDescriptorByOid(base.oid)?.columns ?? tableOfRowType(binding, base)?.columns;
  if (columns === undefined) return null;
  return columns
    .filter(column => !column.isDropped)
    .map(column => ({
      name: column.name,
      type: binding.type(column.typeOid),
      typmod: column.typmod,
    }));
}

function tableOfRowType(binding: Binding, type: TypeInstance) {
  const catalog = binding.context.catalog;
  const relation = catalog.relationByName(catalog.typeSchema(type.oid), type.name);
  return relation !== undefined && 'columns' in relation ? relation : undefined;
}

/** Applies a typmod by the type's length coercion function (varchar(n), numeric(p,s)); constants at once unless they are slots. */
export function coerceTypmod(
  binding: Binding,
  expr: BoundExpr,
  target: TypeInstance,
  typmod: number,
  isExplicit: boolean,
  location: number,
): BoundExpr {
  if (typmod < 0 || expr.typmod === typmod) return expr;
  const base = baseType(target);
  if (isTrueArray(base) && base.oid !== TypeOid.int2vector && base.oid !== TypeOid.oidvector) {
    const id = binding.newLet();
    const ref: BoundExpr = {kind: 'letRef', type: base.element!, typmod: -1, location, id};
    const element = coerceTypmod(binding, ref, base.element!, typmod, isExplicit, location);
    return element === ref
      ? expr
      : {kind: 'arrayCast', type: expr.type, typmod, location, arg: expr, id, element};
  }
  const cast = binding.context.catalog.builtin.castFor(base.oid, base.oid);
  if (cast === undefined || cast.method !== 'f') return expr.typmod === -1 ? expr : expr;
  if (expr.kind === 'constant' && expr.value === null) return {...expr, typmod};
  const call = castCall(binding, cast.function, expr, base, typmod, isExplicit, location);
  return target.kind === 'd' ? relabel(call, target, location, typmod) : call;
}
