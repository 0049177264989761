import type {Node} from '@pgsql/types';
import {namesOf, stringOf} from './ast.ts';

/** The name of an output column without AS (PostgreSQL FigureColname). */
export function columnName(node: Node): string {
  return figure(node).name ?? '?column?';
}

interface Figured {
  readonly name: string | null;
  /** 2 = certain, 1 = from a type name, 0 = none. */
  readonly strength: number;
}

const none: Figured = {name: null, strength: 0};

function certain(name: string): Figured {
  return {name, strength: 2};
}

function figure(node: Node): Figured {
  if ('ColumnRef' in node) return lastName(node.ColumnRef.fields);
  if ('A_Indirection' in node) {
    const found = lastName(node.A_Indirection.indirection);
    return found.name !== null ? found : figure(node.A_Indirection.arg!);
  }
  if ('FuncCall' in node) return certain(namesOf(node.FuncCall.funcname).at(-1) ?? '');
  if ('A_Expr' in node) return node.A_Expr.kind === 'AEXPR_NULLIF' ? certain('nullif') : none;
  if ('TypeCast' in node) {
    const inner = node.TypeCast.arg === undefined ? none : figure(node.TypeCast.arg);
    if (inner.strength > 1) return inner;
    const type = namesOf(node.TypeCast.typeName?.names).at(-1);
    return type === undefined ? inner : {name: type, strength: 1};
  }
  if ('CollateClause' in node)
    return node.CollateClause.arg === undefined ? none : figure(node.CollateClause.arg);
  if ('GroupingFunc' in node) return certain('grouping');
  if ('SubLink' in node) return subLinkName(node);
  if ('CaseExpr' in node) {
    const inner = node.CaseExpr.defresult === undefined ? none : figure(node.CaseExpr.defresult);
    return inner.strength > 1 ? inner : {name: 'case', strength: 1};
  }
  if ('A_ArrayExpr' in node) return certain('array');
  if ('RowExpr' in node) return certain('row');
  if ('CoalesceExpr' in node) return certain('coalesce');
  if ('MinMaxExpr' in node)
    return certain(node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest');
  if ('SQLValueFunction' in node)
    return sqlValueName(node.SQLValueFunction.op ?? 'SVFOP_CURRENT_DATE');
  return none;
}

function lastName(fields: readonly Node[] | undefined): Figured {
  for (let index = (fields?.length ?? 0) - 1; index >= 0; index--) {
    const field = fields![index]!;
    if ('String' in field) return certain(stringOf(field));
  }
  return none;
}

function subLinkName(node: {
  readonly SubLink: {readonly subLinkType?: string; readonly subselect?: Node};
}): Figured {
  switch (node.SubLink.subLinkType ?? 'EXISTS_SUBLINK') {
    case 'EXISTS_SUBLINK':
      return certain('exists');
    case 'ARRAY_SUBLINK':
      return certain('array');
    case 'EXPR_SUBLINK': {
      const select = node.SubLink.subselect;
      if (select === undefined || !('SelectStmt' in select)) return none;
      let statement = select.SelectStmt;
      while (statement.larg !== undefined) statement = statement.larg;
      const target = statement.targetList?.[0];
      if (target === undefined || !('ResTarget' in target))
        return statement.valuesLists === undefined ? none : certain('column1');
      if (target.ResTarget.name !== undefined) return certain(target.ResTarget.name);
      return target.ResTarget.val === undefined ? none : figure(target.ResTarget.val);
    }
    default:
      return none;
  }
}

function sqlValueName(op: string): Figured {
  if (op === 'SVFOP_USER') return certain('user');
  return certain(
    op
      .replace(/^SVFOP_/, '')
      .replace(/_N$/, '')
      .toLowerCase(),
  );
}
