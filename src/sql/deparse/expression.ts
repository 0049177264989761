import {assertNever} from '../../common/errors.ts';
import type {BoundExpr, CallExpr, ConstantExpr} from '../../expr/bound.ts';
import type {FormatSettings, TypeInstance} from '../../types/contract.ts';
import {displayType, quoteIdentifier} from '../bind/display-type.ts';

/** How names that an expression does not carry itself are printed. */
export interface DeparseOptions {
  /** Text of an input column by index. */
  column(index: number): string;
  /** Text of a value of an enclosing level. */
  outer?(index: number): string;
  /** Text of a literal slot's value; default `$slot`. */
  slot?(index: number): string;
  /** Schema prefix of a function that is not in pg_catalog, with its dot; default none. */
  functionSchema?(call: CallExpr): string;
  /** What a letRef stands for (VALUE in a domain's CHECK). */
  readonly letName?: string;
  readonly format: FormatSettings;
}

/** An expression as PostgreSQL's ruleutils print it: operators in parentheses, constants with their types. */
export function deparseExpression(expr: BoundExpr, options: DeparseOptions): string {
  return new Deparser(options).print(expr, false);
}

/** A string literal as SQL text. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

class Deparser {
  readonly #options: DeparseOptions;
  readonly #lets = new Map<number, BoundExpr>();

  constructor(options: DeparseOptions) {
    this.#options = options;
  }

  /** `shows`: implicit conversions are printed, as inside operators and calls. */
  print(expr: BoundExpr, shows: boolean): string {
    switch (expr.kind) {
      case 'constant':
        return this.#constant(expr);
      case 'slot':
        return this.#options.slot?.(expr.index) ?? `$slot${expr.index + 1}`;
      case 'param':
        return `$${expr.index + 1}`;
      case 'column':
        return this.#options.column(expr.index);
      case 'outer':
        return this.#options.outer?.(expr.index) ?? `$outer${expr.index}`;
      case 'call':
        return this.#call(expr, shows);
      case 'and':
      case 'or':
        return `(${expr.args.map(arg => this.print(arg, false)).join(expr.kind === 'and' ? ' AND ' : ' OR ')})`;
      case 'not':
        return `(NOT ${this.print(expr.arg, false)})`;
      case 'nullTest':
        return `(${this.print(expr.arg, true)} IS ${expr.negated ? 'NOT ' : ''}NULL)`;
      case 'booleanTest':
        return `(${this.print(expr.arg, false)} IS ${expr.negated ? 'NOT ' : ''}${expr.test.toUpperCase()})`;
      case 'distinct':
        return `(${this.print(expr.left, true)} IS ${expr.negated ? 'NOT ' : ''}DISTINCT FROM ${this.print(expr.right, true)})`;
      case 'case':
        return this.#case(expr, null);
      case 'let':
        return this.#let(expr);
      case 'letRef': {
        const bound = this.#lets.get(expr.id);
        return bound === undefined ? (this.#options.letName ?? 'VALUE') : this.print(bound, shows);
      }
      case 'coalesce':
        return `COALESCE(${this.#list(expr.args)})`;
      case 'minMax':
        return `${expr.isGreatest ? 'GREATEST' : 'LEAST'}(${this.#list(expr.args)})`;
      case 'nullIf':
        return `NULLIF(${this.print(expr.left, true)}, ${this.print(expr.right, true)})`;
      case 'scalarArray':
        return `(${this.print(expr.left, true)} ${expr.operatorName} ${expr.isAll ? 'ALL' : 'ANY'} (${this.print(expr.array, true)}))`;
      case 'array':
        if (expr.elements.length === 0) return `ARRAY[]::${displayType(expr.type)}`;
        return `ARRAY[${this.#list(expr.elements)}]`;
      case 'row':
        return `ROW(${this.#list(expr.fields)})`;
      case 'field':
        return `(${this.print(expr.arg, false)}).f${expr.index + 1}`;
      case 'subscript':
        return this.#subscript(expr);
      case 'rowCompare':
        return `(ROW(${this.#list(expr.left)}) ${expr.operator} ROW(${this.#list(expr.right)}))`;
      case 'relabel':
      case 'ioCast':
      case 'domainCast':
        return shows || expr.kind !== 'relabel' ? this.#cast(expr.arg, expr.type, expr.typmod) : this.print(expr.arg, false);
      case 'arrayCast':
        return this.#cast(expr.arg, expr.type, expr.typmod);
      case 'sessionValue':
        return expr.name.toUpperCase();
      default:
        return assertNever(expr);
    }
  }

  #list(exprs: readonly BoundExpr[]): string {
    return exprs.map(expr => this.print(expr, true)).join(', ');
  }

  #constant(constant: ConstantExpr): string {
    const {type, typmod, value} = constant;
    const shown = displayType(type, typmod);
    if (value === null) return `NULL::${shown}`;
    const text = type.output(value, this.#options.format);
    switch (type.oid as number) {
      case 16:
        return text === 't' || text === 'true' ? 'true' : 'false';
      case 23:
        return text.startsWith('-') ? `'${text}'::integer` : text;
      case 1700:
        return /^\d+\.\d*$/.test(text) && typmod < 0 ? text : `'${text}'::${shown}`;
      case 705:
        return quoteLiteral(text);
      default:
        return `${quoteLiteral(text)}::${shown}`;
    }
  }

  #cast(arg: BoundExpr, type: TypeInstance, typmod: number): string {
    const inner = this.print(arg, false);
    return arg.kind === 'constant' ? `${inner}::${displayType(type, typmod)}` : `(${inner})::${displayType(type, typmod)}`;
  }

  #call(call: CallExpr, shows: boolean): string {
    if (call.operatorName !== '') {
      if (call.args.length === 1) return `(${call.operatorName} ${this.print(call.args[0]!, true)})`;
      return `(${this.print(call.args[0]!, true)} ${call.operatorName} ${this.print(call.args[1]!, true)})`;
    }
    const first = call.args[0];
    if (first !== undefined && isConversion(call)) {
      return shows || call.typmod >= 0 ? this.#cast(first, call.type, call.typmod) : this.print(first, false);
    }
    const special = this.#specialSyntax(call);
    if (special !== null) return special;
    const schema = this.#options.functionSchema?.(call) ?? '';
    return `${schema}${quoteIdentifier(call.functionName)}(${this.#list(call.args)})`;
  }

  /** Functions that PostgreSQL prints in the grammar's own form. */
  #specialSyntax(call: CallExpr): string | null {
    const args = (): string[] => call.args.map(arg => this.print(arg, true));
    const [first] = call.args;
    switch (call.functionName) {
      case 'extract':
        if (first?.kind !== 'constant' || call.args.length !== 2) return null;
        return `EXTRACT(${String(first.value)} FROM ${args()[1]})`;
      case 'timezone':
        return call.args.length === 2 ? `(${args()[1]} AT TIME ZONE ${args()[0]})` : null;
      default:
        return null;
    }
  }

  #case(expr: BoundExpr & {readonly kind: 'case'}, operand: BoundExpr | null): string {
    const whens = expr.whens.map(when => {
      const condition = operand === null ? this.print(when.condition, false) : this.#whenValue(when.condition);
      return ` WHEN ${condition} THEN ${this.print(when.result, true)}`;
    });
    const start = operand === null ? 'CASE' : `CASE ${this.print(operand, true)}`;
    return `${start}${whens.join('')} ELSE ${this.print(expr.otherwise, true)} END`;
  }

  /** CASE x WHEN value: the condition is x = value. */
  #whenValue(condition: BoundExpr): string {
    if (condition.kind === 'call' && condition.operatorName === '=' && condition.args.length === 2) return this.print(condition.args[1]!, false);
    return this.print(condition, false);
  }

  #let(expr: BoundExpr & {readonly kind: 'let'}): string {
    this.#lets.set(expr.id, expr.value);
    return expr.body.kind === 'case' ? this.#case(expr.body, expr.value) : this.print(expr.body, true);
  }

  #subscript(expr: BoundExpr & {readonly kind: 'subscript'}): string {
    const array = this.print(expr.array, false);
    const parts = expr.subscripts.map(part => {
      const upper = part.upper === null ? '' : this.print(part.upper, false);
      return expr.isSlice ? `[${part.lower === null ? '' : this.print(part.lower, false)}:${upper}]` : `[${upper}]`;
    });
    return (expr.array.kind === 'column' ? array : `(${array})`) + parts.join('');
  }
}

/** A conversion function: printed as a cast. */
function isConversion(call: CallExpr): boolean {
  if (call.args.length === 3 && call.functionName === call.type.name) return true;
  return call.args.length <= 2 && call.functionName === call.type.name && call.args[0]!.type.oid !== call.type.oid;
}
