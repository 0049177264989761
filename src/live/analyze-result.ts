import type {CatalogSnapshot} from '../catalog/contract.ts';
import {oid, type Oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {Plan, QueryPlan, TableScanPlan} from '../sql/plan/plan.ts';
import {checkExpression, checkFunction, hashOf, unsupported, valuesOf} from './determinism.ts';
import {exprText} from './expr-text.ts';
import type {ReadTable, ResultShape} from './live-shape.ts';

/** Plan nodes whose result depends on their inputs only. Whatever else a planner makes is refused. */
const DETERMINISTIC: ReadonlySet<string> = new Set([
  ...['tableScan', 'values', 'filter', 'project', 'projectSet', 'functionScan', 'hashJoin'],
  ...['nestedLoop', 'apply', 'sort', 'limit', 'aggregate', 'window', 'distinct', 'append'],
  ...['setOp', 'with', 'cteScan', 'recursiveUnion', 'workTableScan'],
]);

/** Any other deterministic SELECT: the tables that it reads and what tells its rows apart. 0A000 with the cause otherwise. */
export function resultShape(plan: QueryPlan, catalog: CatalogSnapshot, cause: string): ResultShape {
  if (!plan.isReadOnly) throw unsupported('changes of data or FOR UPDATE');
  const found = new PlanFacts(catalog);
  found.visit(plan.root);
  const tables = found.tables();
  const queryId = hashOf([
    exprText(plan.root as unknown as BoundExpr),
    plan.columns.map(column => `${column.name} ${column.type.oid} ${column.typmod}`).join(','),
  ]);
  const versions = tables.map(({table}) => catalog.tableByOid(table)!.schemaVersion);
  return {
    class: 'E',
    queryId,
    id: hashOf([queryId, versions.join(',')]),
    plan,
    tables,
    keyColumns: keyOf(plan.root, catalog),
    cause,
    columns: plan.columns,
    values: valuesOf(found.exprs),
    constants: [],
    parameterCount: plan.parameterTypes.length,
    schemaVersion: versions.reduce((sum, version) => sum + version, 0),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields that hold no part of a plan: descriptors of types, values. */
const LEAVES: ReadonlySet<string> = new Set(['type', 'columns', 'value', 'element']);

/** Walks everything of a plan: nodes, expressions, calls. */
class PlanFacts {
  readonly exprs: BoundExpr[] = [];
  readonly #tables = new Map<Oid, ReadTable>();
  readonly #catalog: CatalogSnapshot;

  constructor(catalog: CatalogSnapshot) {
    this.#catalog = catalog;
  }

  tables(): readonly ReadTable[] {
    return [...this.#tables.values()].sort((a, b) => a.table - b.table);
  }

  visit(part: unknown): void {
    if (Array.isArray(part)) {
      for (const each of part as readonly unknown[]) this.visit(each);
      return;
    }
    if (typeof part !== 'object' || part === null) return;
    const fields = part as Fields;
    if ('estimatedRows' in fields) this.#node(fields as unknown as Plan);
    else if (typeof fields['kind'] === 'string' && 'typmod' in fields) {
      const expr = part as BoundExpr;
      checkExpression(expr);
      this.exprs.push(expr);
      return;
    } else if (typeof fields['function'] === 'number') this.#call(fields);
    for (const name of Object.keys(fields)) if (!LEAVES.has(name)) this.visit(fields[name]);
  }

  #node(node: Plan): void {
    if (node.kind === 'systemScan') throw unsupported(`the system relation ${node.relationName}`);
    if (!DETERMINISTIC.has(node.kind)) throw unsupported(`${node.kind} in its plan`);
    if (node.kind === 'tableScan') this.#scan(node);
  }

  #scan(scan: TableScanPlan): void {
    if (this.#catalog.tableByOid(scan.table) === undefined)
      throw unsupported(`the system relation ${scan.tableName}`);
    if (scan.outputs.includes('ctid')) throw unsupported('ctid in a query of several tables');
    const known = this.#tables.get(scan.table);
    const attnums = scan.outputs.filter(output => typeof output === 'number');
    this.#tables.set(scan.table, {
      table: scan.table,
      tableName: scan.tableName,
      scope: known?.scope === 'all' ? 'all' : scan.scope,
      attnums: [...new Set([...(known?.attnums ?? []), ...attnums])],
    });
  }

  /** Set-returning functions, aggregates and window functions. */
  #call(call: Fields): void {
    const row = this.#catalog.functionByOid(oid(call['function'] as number));
    if (row === undefined) return;
    checkFunction({volatility: row.volatility, functionName: row.name, source: row.source});
  }
}

/** Output columns of a node that no two of its rows share (NULLs being equal); null when none are known. */
function keyOf(node: Plan, catalog: CatalogSnapshot): readonly number[] | null {
  switch (node.kind) {
    case 'tableScan': {
      const primary = catalog.indexesOf(node.table).find(index => index.isPrimary);
      if (primary === undefined) return null;
      const positions = primary.keys.map(key => node.outputs.indexOf(key.attnum));
      if (node.scope === 'all') positions.push(node.outputs.indexOf('userId'));
      return positions.includes(-1) ? null : positions;
    }
    case 'filter':
    case 'sort':
    case 'limit':
    case 'apply':
    case 'window':
      return keyOf(node.input, catalog);
    case 'project': {
      const below = keyOf(node.input, catalog);
      const positions = below?.map(position =>
        node.exprs.findIndex(expr => expr.kind === 'column' && expr.index === position),
      );
      return positions === undefined || positions.includes(-1) ? null : positions;
    }
    case 'aggregate':
      return node.groupingSets === null ? node.keys.map((_, index) => index) : null;
    case 'hashJoin':
    case 'nestedLoop': {
      const left = keyOf(node.left, catalog);
      if (left === null || node.joinType === 'semi' || node.joinType === 'anti') return left;
      const right = keyOf(node.right, catalog);
      if (right === null) return null;
      const offset = node.left.columns.length;
      return [...left, ...right.map(position => position + offset)];
    }
    case 'distinct':
      return node.on === null ? node.columns.map((_, index) => index) : null;
    case 'setOp':
      return node.all ? null : node.columns.map((_, index) => index);
    default:
      return null;
  }
}
