import type {A_Const, A_Expr, FuncCall, Node, TypeName} from '@pgsql/types';
import {formatType, type NameScope} from '../../catalog/names.ts';
import {quoteIdentifier, quoteLiteral} from '../../catalog/quote.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {TypeRef} from '../../sql/contract.ts';
import {stringList} from './ast-values.ts';

/** What printing an expression tree needs: names of types. */
export interface ExpressionPrinter {
  readonly scope: NameScope;
  typeRef(name: TypeName): TypeRef;
}

/** An expression tree as SQL text, with parentheses around every operator. */
export function expressionText(printer: ExpressionPrinter, node: Node): string {
  const text = (each: Node | undefined): string => (each === undefined ? 'NULL' : expressionText(printer, each));
  const list = (nodes: readonly Node[] | undefined): string => (nodes ?? []).map(text).join(', ');
  if ('A_Const' in node) return constant(node.A_Const);
  if ('ColumnRef' in node) return (node.ColumnRef.fields ?? []).map(field => ('A_Star' in field ? '*' : quoteIdentifier(stringList([field])[0]!))).join('.');
  if ('TypeCast' in node) {
    const {type, typmod} = printer.typeRef(node.TypeCast.typeName!);
    return `${operand(node.TypeCast.arg, text)}::${formatType(printer.scope, type.oid, typmod)}`;
  }
  if ('A_Expr' in node) return operator(node.A_Expr, text, list);
  if ('BoolExpr' in node) {
    const args = node.BoolExpr.args ?? [];
    if (node.BoolExpr.boolop === 'NOT_EXPR') return `(NOT ${text(args[0])})`;
    return `(${args.map(text).join(node.BoolExpr.boolop === 'OR_EXPR' ? ' OR ' : ' AND ')})`;
  }
  if ('FuncCall' in node) return call(node.FuncCall, text);
  if ('NullTest' in node) return `(${text(node.NullTest.arg)} IS ${node.NullTest.nulltesttype === 'IS_NULL' ? 'NULL' : 'NOT NULL'})`;
  if ('BooleanTest' in node) {
    const test = (node.BooleanTest.booltesttype ?? '').replace('IS_', '').replace('_', ' ');
    return `(${text(node.BooleanTest.arg)} IS ${test})`;
  }
  if ('CaseExpr' in node) {
    const whens = (node.CaseExpr.args ?? []).flatMap(arg => ('CaseWhen' in arg ? [`WHEN ${text(arg.CaseWhen.expr)} THEN ${text(arg.CaseWhen.result)}`] : []));
    const subject = node.CaseExpr.arg === undefined ? '' : ` ${text(node.CaseExpr.arg)}`;
    return `CASE${subject} ${whens.join(' ')} ELSE ${text(node.CaseExpr.defresult)} END`;
  }
  if ('CoalesceExpr' in node) return `COALESCE(${list(node.CoalesceExpr.args)})`;
  if ('MinMaxExpr' in node) return `${node.MinMaxExpr.op === 'IS_LEAST' ? 'LEAST' : 'GREATEST'}(${list(node.MinMaxExpr.args)})`;
  if ('A_ArrayExpr' in node) return `ARRAY[${list(node.A_ArrayExpr.elements)}]`;
  if ('RowExpr' in node) return `ROW(${list(node.RowExpr.args)})`;
  if ('List' in node) return `(${list(node.List.items)})`;
  if ('CollateClause' in node) {
    return `(${text(node.CollateClause.arg)} COLLATE ${stringList(node.CollateClause.collname).map(quoteIdentifier).join('.')})`;
  }
  if ('SQLValueFunction' in node) return valueFunction(node.SQLValueFunction.op ?? '', node.SQLValueFunction.typmod ?? -1);
  if ('A_Indirection' in node) {
    const rest = (node.A_Indirection.indirection ?? []).map(each => {
      if ('String' in each) return `.${quoteIdentifier(each.String.sval ?? '')}`;
      if (!('A_Indices' in each)) throw featureNotSupported('this expression cannot be stored');
      const {is_slice: isSlice, lidx, uidx} = each.A_Indices;
      return isSlice === true ? `[${lidx === undefined ? '' : text(lidx)}:${uidx === undefined ? '' : text(uidx)}]` : `[${text(uidx)}]`;
    });
    return `(${text(node.A_Indirection.arg)})${rest.join('')}`;
  }
  throw featureNotSupported(`expression ${Object.keys(node)[0] ?? ''} cannot be stored`);
}

function operand(node: Node | undefined, text: (node: Node | undefined) => string): string {
  const shown = text(node);
  return /^-/.test(shown) ? `'${shown}'` : shown;
}

function constant(value: A_Const): string {
  if (value.isnull === true) return 'NULL';
  if (value.sval !== undefined) return quoteLiteral(value.sval.sval ?? '');
  if (value.ival !== undefined) return String(value.ival.ival ?? 0);
  if (value.fval !== undefined) return value.fval.fval ?? '0';
  if (value.boolval !== undefined) return value.boolval.boolval === true ? 'true' : 'false';
  const bits = value.bsval?.bsval ?? 'b';
  return `${bits[0]!.toUpperCase()}'${bits.slice(1)}'`;
}

function operator(expr: A_Expr, text: (node: Node | undefined) => string, list: (nodes: readonly Node[] | undefined) => string): string {
  const names = stringList(expr.name);
  const name = names.length > 1 ? `OPERATOR(${quoteIdentifier(names[0]!)}.${names[1]})` : (names[0] ?? '=');
  const left = expr.lexpr === undefined ? '' : `${text(expr.lexpr)} `;
  const items = expr.rexpr !== undefined && 'List' in expr.rexpr ? expr.rexpr.List.items : undefined;
  switch (expr.kind) {
    case 'AEXPR_OP':
      return `(${left}${name} ${text(expr.rexpr)})`;
    case 'AEXPR_OP_ANY':
      return `(${left}${name} ANY (${text(expr.rexpr)}))`;
    case 'AEXPR_OP_ALL':
      return `(${left}${name} ALL (${text(expr.rexpr)}))`;
    case 'AEXPR_DISTINCT':
      return `(${left}IS DISTINCT FROM ${text(expr.rexpr)})`;
    case 'AEXPR_NOT_DISTINCT':
      return `(${left}IS NOT DISTINCT FROM ${text(expr.rexpr)})`;
    case 'AEXPR_NULLIF':
      return `NULLIF(${text(expr.lexpr)}, ${text(expr.rexpr)})`;
    case 'AEXPR_IN':
      return `(${left}${name === '<>' ? 'NOT IN' : 'IN'} (${list(items)}))`;
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return `(${left}${name} ${text(expr.rexpr)})`;
    case 'AEXPR_SIMILAR':
      return `(${left}${name.startsWith('!') ? 'NOT SIMILAR TO' : 'SIMILAR TO'} ${text(expr.rexpr)})`;
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM': {
      const words = expr.kind.replace('AEXPR_', '').replace('NOT_', 'NOT ').replace('_SYM', ' SYMMETRIC');
      return `(${left}${words} ${text(items?.[0])} AND ${text(items?.[1])})`;
    }
    default:
      throw featureNotSupported('this expression cannot be stored');
  }
}

function call(fn: FuncCall, text: (node: Node | undefined) => string): string {
  if (fn.agg_order !== undefined || fn.over !== undefined || fn.agg_filter !== undefined || fn.agg_distinct === true) {
    throw featureNotSupported('this expression cannot be stored');
  }
  const names = stringList(fn.funcname);
  const name = (names[0] === 'pg_catalog' ? names.slice(1) : names).map(quoteIdentifier).join('.');
  const args = (fn.args ?? []).map((arg, at, all) => {
    const variadic = fn.func_variadic === true && at === all.length - 1 ? 'VARIADIC ' : '';
    if ('NamedArgExpr' in arg) return `${quoteIdentifier(arg.NamedArgExpr.name ?? '')} => ${text(arg.NamedArgExpr.arg)}`;
    return variadic + text(arg);
  });
  return `${name}(${fn.agg_star === true ? '*' : args.join(', ')})`;
}

function valueFunction(op: string, typmod: number): string {
  const name = op.replace('SVFOP_', '').replace(/_N$/, '');
  return typmod >= 0 ? `${name}(${typmod})` : name;
}
