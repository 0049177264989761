import {formatType, isFunctionVisible, type NameScope, qualifiedName} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {assertNever} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import type {BoundExpr, CallExpr, CallForm} from '../../expr/bound.ts';
import type {Datum, FormatSettings} from '../../types/contract.ts';
import {defaultFormatSettings} from '../../types/format-settings.ts';
import {type ConstantText, constantText, type TypeLabel} from './constant.ts';
import {sqlSyntax} from './sql-syntax.ts';
import {TextBuilder} from './text-builder.ts';

/** How an expression is printed. */
export interface DeparseOptions {
  /** Snapshot and search path under which names must be found again. */
  readonly scope: NameScope;
  /** The text of a column reference by the index in the expression, with quotes where needed. */
  columnName(index: number): string;
  /** The text of a value of an enclosing level; absent: `outer.n`. */
  outerName?(index: number): string;
  /** The text of a row that is a whole FROM item, null when it is none. */
  rowName?(row: BoundExpr & {readonly kind: 'row'}): string | null;
  /** Values of literal slots, when the expression has any. */
  readonly slots?: readonly Datum[];
  /** Values of $n, shown in its place. */
  readonly params?: readonly Datum[];
  readonly format?: FormatSettings;
  /** CASE over several lines, as pg_get_expr prints it (default); off on one line, as EXPLAIN does. */
  readonly isIndented?: boolean;
  /** Whether an outermost implicit conversion is printed (target lists: yes). */
  readonly showsImplicit?: boolean;
}

/** An expression as PostgreSQL's pg_get_expr prints it. */
export function deparseExpression(expr: BoundExpr, options: DeparseOptions): string {
  const printer = new ExpressionPrinter(options, new TextBuilder(options.isIndented ?? true));
  printer.print(expr, options.showsImplicit ?? false);
  return printer.out.text;
}

const CASE_INDENT = 4;
const ANY_TYPE = 2276;
const TEXT = 25;

/** Prints bound expressions into a text (ruleutils get_rule_expr). */
export class ExpressionPrinter {
  readonly options: DeparseOptions;
  readonly out: TextBuilder;
  /** Values of enclosing lets, by id. */
  readonly #lets = new Map<number, BoundExpr>();

  constructor(options: DeparseOptions, out: TextBuilder) {
    this.options = options;
    this.out = out;
  }

  /** The text of a type. */
  typeText(type: {readonly oid: Oid}, typmod: number): string {
    return formatType(this.options.scope, type.oid, typmod);
  }

  /** Prints a constant with its type where needed. */
  constant(constant: ConstantText, label: TypeLabel): void {
    this.out.append(
      constantText(
        constant,
        this.options.scope,
        this.options.format ?? defaultFormatSettings,
        label,
      ),
    );
  }

  /** Prints an expression; implicit conversions on top of it only when asked to. */
  print(expr: BoundExpr, showsImplicit: boolean): void {
    const {out} = this;
    switch (expr.kind) {
      case 'constant':
        return this.constant(expr, 'needed');
      case 'slot':
        return this.#slot(expr);
      case 'param':
        return this.#param(expr);
      case 'column':
        return out.append(this.options.columnName(expr.index));
      case 'outer':
        return out.append(this.options.outerName?.(expr.index) ?? `outer.${expr.index + 1}`);
      case 'letRef': {
        const value = this.#lets.get(expr.id);
        return value === undefined ? out.append('VALUE') : this.print(value, showsImplicit);
      }
      case 'call':
        return this.#call(expr, showsImplicit);
      case 'relabel':
      case 'ioCast':
      case 'arrayCast':
      case 'domainCast': {
        if (expr.kind === 'relabel' && expr.collation !== undefined) {
          return this.#around(
            '(',
            expr.arg,
            ` COLLATE ${quoteIdentifier(expr.collation)})`,
            showsImplicit,
          );
        }
        const typmod = expr.kind === 'ioCast' || expr.kind === 'domainCast' ? -1 : expr.typmod;
        return this.#cast(expr.arg, expr.form, expr.type, typmod, showsImplicit);
      }
      case 'sessionValue':
        return out.append(expr.name.toUpperCase());
      default:
        return this.#structure(expr);
    }
  }

  #structure(expr: Exclude<BoundExpr, {readonly kind: Printed}>): void {
    const {out} = this;
    switch (expr.kind) {
      case 'and':
      case 'or':
        return this.#joined(expr.args, expr.kind === 'and' ? ' AND ' : ' OR ', '(', ')', false);
      case 'not':
        return this.#around('(NOT ', expr.arg, ')', false);
      case 'nullTest':
        return this.#around('(', expr.arg, ` IS ${expr.negated ? 'NOT ' : ''}NULL)`, true);
      case 'booleanTest':
        return this.#around(
          '(',
          expr.arg,
          ` IS ${expr.negated ? 'NOT ' : ''}${expr.test.toUpperCase()})`,
          false,
        );
      case 'distinct': {
        if (expr.negated) out.append('(NOT ');
        this.#joined([expr.left, expr.right], ' IS DISTINCT FROM ', '(', ')', true);
        return expr.negated ? out.append(')') : undefined;
      }
      case 'case':
        return this.#case(expr, null);
      case 'let':
        return this.#let(expr);
      case 'coalesce':
        return this.#joined(expr.args, ', ', 'COALESCE(', ')', true);
      case 'minMax':
        return this.#joined(expr.args, ', ', expr.isGreatest ? 'GREATEST(' : 'LEAST(', ')', true);
      case 'nullIf':
        return this.#joined([expr.left, expr.right], ', ', 'NULLIF(', ')', true);
      case 'scalarArray':
        this.#around('(', expr.left, ` ${expr.operatorName} ${expr.isAll ? 'ALL' : 'ANY'} `, true);
        return this.#around('(', expr.array, '))', true);
      case 'array':
        this.#joined(expr.elements, ', ', 'ARRAY[', ']', true);
        return expr.elements.length === 0
          ? out.append(`::${this.typeText(expr.type, -1)}`)
          : undefined;
      case 'row': {
        const whole = this.options.rowName?.(expr) ?? null;
        if (whole !== null) return out.append(whole);
        this.#joined(expr.fields, ', ', 'ROW(', ')', true);
        return expr.type.oid === RECORD
          ? undefined
          : out.append(`::${this.typeText(expr.type, -1)}`);
      }
      case 'rowCompare':
        this.#joined(expr.left, ', ', '(ROW(', ')', true);
        return this.#joined(expr.right, ', ', ` ${expr.operator} ROW(`, '))', true);
      case 'field':
        return this.#field(expr);
      case 'subscript':
        return this.#subscript(expr);
      default:
        return assertNever(expr);
    }
  }

  #around(before: string, expr: BoundExpr, after: string, showsImplicit: boolean): void {
    this.out.append(before);
    this.print(expr, showsImplicit);
    this.out.append(after);
  }

  #joined(
    exprs: readonly BoundExpr[],
    separator: string,
    before: string,
    after: string,
    showsImplicit: boolean,
  ): void {
    this.out.append(before);
    exprs.forEach((expr, at) => {
      if (at > 0) this.out.append(separator);
      this.print(expr, showsImplicit);
    });
    this.out.append(after);
  }

  #param(expr: BoundExpr & {readonly kind: 'param'}): void {
    const value = this.options.params?.[expr.index];
    if (value === undefined) this.out.append(`$${expr.index + 1}`);
    else this.constant({type: expr.type, typmod: expr.typmod, value}, 'needed');
  }

  #slot(expr: BoundExpr & {readonly kind: 'slot'}): void {
    const value = this.options.slots?.[expr.index];
    if (value === undefined) this.out.append(`'?'::${this.typeText(expr.type, expr.typmod)}`);
    else this.constant({type: expr.type, typmod: expr.typmod, value}, 'needed');
  }

  #cast(
    arg: BoundExpr,
    form: CallForm | undefined,
    type: {readonly oid: Oid},
    typmod: number,
    showsImplicit: boolean,
  ): void {
    if (form !== 'cast' && (!showsImplicit || type.oid === RECORD)) return this.print(arg, false);
    if (arg.kind === 'constant' && arg.type.oid === type.oid && arg.typmod === -1)
      this.constant(arg, 'never');
    else this.#around('(', arg, ')', false);
    this.out.append(`::${this.typeText(type, typmod)}`);
  }

  #call(call: CallExpr, showsImplicit: boolean): void {
    const {out} = this;
    const [first, second] = call.args;
    if (call.operatorName !== '') {
      if (second === undefined) this.#around(`(${call.operatorName} `, first!, ')', true);
      else this.#joined(call.args, ` ${call.operatorName} `, '(', ')', true);
      return;
    }
    if (first?.kind === 'sessionValue' && first.type.oid === call.type.oid)
      return out.append(`${first.name.toUpperCase()}(${call.typmod})`);
    const isLengthCast = call.form === undefined && call.typmod >= 0;
    if (call.form === 'cast' || call.form === 'implicit' || isLengthCast) {
      return this.#cast(
        first!,
        isLengthCast ? 'cast' : call.form,
        call.type,
        call.typmod,
        showsImplicit,
      );
    }
    if (
      call.form === 'syntax' &&
      sqlSyntax(call, (text, expr, implicit) => this.#piece(text, expr, implicit))
    )
      return;
    const isSpread = call.source.startsWith('variadic ');
    this.functionCall(call.function, call.functionName, call.args, '', isSpread);
  }

  #piece(text: string, expr: BoundExpr | null, showsImplicit: boolean): void {
    this.out.append(text);
    if (expr !== null) this.print(expr, showsImplicit);
  }

  /** The name of a function as it must be written here. */
  functionName(functionOid: Oid, name: string): string {
    const {scope} = this.options;
    const row = scope.snapshot.functionByOid(functionOid);
    if (row === undefined || isFunctionVisible(scope, row)) return quoteIdentifier(name);
    return qualifiedName(scope.snapshot, row.schema, row.name);
  }

  /** name(args) with VARIADIC, and without arguments that are their declared defaults. */
  functionCall(
    functionOid: Oid,
    name: string,
    args: readonly BoundExpr[],
    before = '',
    isSpread = false,
  ): void {
    const row = this.options.scope.snapshot.functionByOid(functionOid);
    this.out.append(`${this.functionName(functionOid, name)}(${before}`);
    const firstDefault = row === undefined ? args.length : row.argTypes.length - row.defaultCount;
    let isNamed = false;
    let isFirst = true;
    args.forEach((arg, at) => {
      if (at >= firstDefault && this.#isDefault(arg, row!.defaultTexts[at - firstDefault])) {
        isNamed = true;
        return;
      }
      if (!isFirst) this.out.append(', ');
      isFirst = false;
      const isVariadic =
        row !== undefined &&
        row.variadic !== 0 &&
        (row.variadic !== ANY_TYPE || isSpread) &&
        at === args.length - 1;
      if (isNamed) this.out.append(`${quoteIdentifier(row!.argNames[at] ?? '')} => `);
      else if (isVariadic) this.out.append('VARIADIC ');
      const isOpen =
        row !== undefined &&
        (row.argTypes[at] === ANY_TYPE ||
          (row.variadic === ANY_TYPE && at >= row.argTypes.length - 1));
      if (isOpen && arg.kind === 'constant' && arg.type.oid === TEXT) this.constant(arg, 'never');
      else this.print(arg, true);
    });
    this.out.append(')');
  }

  #isDefault(arg: BoundExpr, text: string | undefined): boolean {
    return text !== undefined && this.out.capture(() => this.print(arg, false)) === text;
  }

  #let(expr: BoundExpr & {readonly kind: 'let'}): void {
    const {body, value, id} = expr;
    if (body.kind === 'case') return this.#case(body, expr);
    this.#lets.set(id, value);
    this.print(body, true);
    this.#lets.delete(id);
  }

  #case(
    expr: BoundExpr & {readonly kind: 'case'},
    subject: (BoundExpr & {readonly kind: 'let'}) | null,
  ): void {
    const {out} = this;
    const space = (): void => (out.isIndented ? undefined : out.append(' '));
    out.keyword('CASE', 0, CASE_INDENT, 0);
    if (subject !== null) this.#around(' ', subject.value, '', true);
    for (const when of expr.whens) {
      space();
      out.keyword('WHEN ', 0, 0, 0);
      this.print(subject === null ? when.condition : comparand(when.condition, subject.id), false);
      this.#around(' THEN ', when.result, '', true);
    }
    space();
    out.keyword('ELSE ', 0, 0, 0);
    this.print(expr.otherwise, true);
    space();
    out.keyword('END', -CASE_INDENT, 0, 0);
  }

  #field(expr: BoundExpr & {readonly kind: 'field'}): void {
    const needsParens = expr.arg.kind !== 'field' && expr.arg.kind !== 'subscript';
    this.#around(needsParens ? '(' : '', expr.arg, needsParens ? ')' : '', true);
    this.out.append(`.${quoteIdentifier(this.#fieldName(expr.arg.type.oid, expr.index))}`);
  }

  #fieldName(type: Oid, index: number): string {
    const {snapshot} = this.options.scope;
    const found = snapshot.typeByOid(type);
    const relation =
      found === undefined
        ? undefined
        : snapshot.relationByName(snapshot.typeSchema(type), found.name);
    const columns =
      snapshot.typeDescriptorByOid(type)?.columns ??
      (relation !== undefined && 'columns' in relation ? relation.columns : []);
    return columns.filter(column => !column.isDropped)[index]?.name ?? `f${index + 1}`;
  }

  #subscript(expr: BoundExpr & {readonly kind: 'subscript'}): void {
    const {out} = this;
    const needsParens = expr.array.kind !== 'column' && expr.array.kind !== 'field';
    this.#around(needsParens ? '(' : '', expr.array, needsParens ? ')' : '', false);
    for (const {lower, upper} of expr.subscripts) {
      out.append('[');
      if (lower !== null) this.print(lower, false);
      if (expr.isSlice) out.append(':');
      if (upper !== null) this.print(upper, false);
      out.append(']');
    }
  }
}

const RECORD = 2249;

type Printed =
  | 'constant'
  | 'slot'
  | 'param'
  | 'column'
  | 'outer'
  | 'letRef'
  | 'call'
  | 'relabel'
  | 'ioCast'
  | 'arrayCast'
  | 'domainCast'
  | 'sessionValue';

/** What a WHEN of a simple CASE compares with. */
function comparand(condition: BoundExpr, id: number): BoundExpr {
  if (condition.kind !== 'call' || condition.args.length !== 2) return condition;
  const left = withoutImplicit(condition.args[0]!);
  return left.kind === 'letRef' && left.id === id ? condition.args[1]! : condition;
}

/** An expression without the conversions that the binder added on top. */
export function withoutImplicit(expr: BoundExpr): BoundExpr {
  if (expr.kind === 'call' && expr.form === 'implicit') return withoutImplicit(expr.args[0]!);
  const isCast =
    expr.kind === 'relabel' ||
    expr.kind === 'ioCast' ||
    expr.kind === 'arrayCast' ||
    expr.kind === 'domainCast';
  return isCast && expr.form === 'implicit' ? withoutImplicit(expr.arg) : expr;
}
