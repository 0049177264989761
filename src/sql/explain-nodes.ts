import type {CatalogSnapshot} from '../catalog/contract.ts';
import {quoteIdentifier} from '../catalog/quote.ts';
import {assertNever} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {countScans, holdsFilter, withFilter} from './explain-filters.ts';
import {aggregateShape, windowShape} from './explain-aggregates.ts';
import {joinNames, joinSuffix, joinTitle} from './explain-joins.ts';
import {indexName, scanShape, systemScanShape} from './explain-scans.ts';
import {
  type Described,
  type ExplainChild,
  type ExplainNode,
  outer,
  type PlanNames,
  type PrintExpr,
  type Property,
  type Shape,
} from './explain-types.ts';
import type {OuterBinding, Plan, SetFunctionCall, SortKey} from './plan/plan.ts';

/** Describes a plan tree; state of one EXPLAIN. */
export class PlanDescriber implements PlanNames {
  readonly catalog: CatalogSnapshot;
  readonly isVerbose: boolean;
  /** Whether columns are shown with their table: several relations, or VERBOSE. */
  readonly isPrefixed: boolean;
  readonly #print: PrintExpr;
  readonly #outer = new Map<number, string>();
  #nextSubplan = 1;

  constructor(
    plan: Plan,
    options: {
      readonly catalog: CatalogSnapshot;
      readonly isVerbose: boolean;
      readonly print: PrintExpr;
    },
  ) {
    this.catalog = options.catalog;
    this.isVerbose = options.isVerbose;
    this.#print = options.print;
    this.isPrefixed = options.isVerbose || countScans(plan) > 1;
  }

  print(expr: BoundExpr, names: readonly string[]): string {
    return this.#print(expr, names, this.#outer);
  }

  /** Column names as nodes above show them. */
  prefixed(alias: string, names: readonly string[]): readonly string[] {
    return this.isPrefixed && alias !== ''
      ? names.map(name => `${quoteIdentifier(alias)}.${name}`)
      : names;
  }

  /** The node of a plan. */
  describe(plan: Plan): Described {
    switch (plan.kind) {
      case 'project':
        return this.#project(plan);
      case 'filter':
        return this.#filter(plan);
      case 'apply':
        return this.#apply(plan);
      case 'with':
        return this.#with(plan);
      default: {
        const shape = this.#shape(plan);
        return this.#made(plan, shape);
      }
    }
  }

  #made(plan: Plan, shape: Shape): Described {
    const children = shape.children ?? [];
    const inputCost = children.reduce((sum, child) => sum + child.node.totalCost, 0);
    const isBlocking =
      plan.kind === 'sort' || plan.kind === 'aggregate' || plan.kind === 'hashJoin';
    const isModify = shape.type === 'ModifyTable';
    const node: ExplainNode = {
      ids: [plan.id],
      label: shape.label,
      type: shape.type,
      facts: shape.facts ?? [],
      output: shape.names,
      properties: shape.properties ?? [],
      children,
      filters: [],
      startCost: isBlocking ? inputCost : 0,
      totalCost: inputCost + plan.estimatedRows * 0.01,
      rows: isModify && plan.columns.length === 0 ? 0 : plan.estimatedRows,
      width: widthOf(plan),
    };
    return {node, names: shape.names, bare: shape.bare ?? shape.names};
  }

  #project(plan: Plan & {kind: 'project'}): Described {
    const {node, names} = this.describe(plan.input);
    const exprs = plan.exprs.map(expr => this.print(expr, names));
    return {
      node: {...node, ids: [plan.id, ...node.ids], output: exprs, width: widthOf(plan)},
      names: exprs,
      bare: exprs,
    };
  }

  #filter(plan: Plan & {kind: 'filter'}): Described {
    const input = this.describe(plan.input);
    const text = this.print(plan.condition, input.bare);
    const ids = [plan.id, ...input.node.ids];
    const filters = [...input.node.filters, [plan.id, plan.input.id] as const];
    if (!holdsFilter(input.node.type)) {
      const shape: Shape = {
        label: 'Subquery Scan',
        type: 'Subquery Scan',
        names: input.names,
        children: [outer(input.node)],
        properties: [['Filter', text]],
      };
      const made = this.#made(plan, shape);
      return {...made, node: {...made.node, filters: [[plan.id, plan.input.id]]}};
    }
    const name = input.node.type === 'Result' ? 'One-Time Filter' : 'Filter';
    const properties = withFilter(input.node.properties, name, text);
    return {...input, node: {...input.node, ids, filters, properties, rows: plan.estimatedRows}};
  }

  #apply(plan: Plan & {kind: 'apply'}): Described {
    const input = this.describe(plan.input);
    const number = this.#nextSubplan++;
    this.#bind(plan.bindings, input.names);
    const subplan = this.describe(plan.subplan);
    const isInit = plan.runOnce && plan.test === null;
    const title = isInit ? `InitPlan ${number} (returns $${number - 1})` : `SubPlan ${number}`;
    const child: ExplainChild = {
      title,
      relationship: isInit ? 'InitPlan' : 'SubPlan',
      node: subplan.node,
    };
    const value = isInit
      ? `$${number - 1}`
      : this.#subplanText(plan, number, [...input.names, ...subplan.names]);
    const node = {
      ...input.node,
      ids: [plan.id, ...input.node.ids],
      children: [...input.node.children, child],
      totalCost: input.node.totalCost + subplan.node.totalCost,
    };
    return {node, names: [...input.names, value], bare: [...input.bare, value]};
  }

  #subplanText(plan: Plan & {kind: 'apply'}, number: number, names: readonly string[]): string {
    const hashed = plan.runOnce ? 'hashed ' : '';
    if (plan.mode === 'exists') return `(${hashed}SubPlan ${number})`;
    return this.isVerbose && plan.test !== null
      ? `(${hashed}SubPlan ${number}: ${this.print(plan.test, names)})`
      : `(${hashed}SubPlan ${number})`;
  }

  #with(plan: Plan & {kind: 'with'}): Described {
    const ctes = plan.ctes.map(
      (cte): ExplainChild => ({
        title: `CTE ${cte.name}`,
        relationship: 'InitPlan',
        node: this.describe(cte.plan).node,
      }),
    );
    const body = this.describe(plan.body);
    const totalCost = ctes.reduce((sum, cte) => sum + cte.node.totalCost, body.node.totalCost);
    return {
      ...body,
      node: {
        ...body.node,
        ids: [plan.id, ...body.node.ids],
        children: [...ctes, ...body.node.children],
        totalCost,
      },
    };
  }

  #bind(bindings: readonly OuterBinding[], names: readonly string[]): void {
    for (const {slot, expr} of bindings) this.#outer.set(slot, this.print(expr, names));
  }

  #shape(plan: Exclude<Plan, {kind: 'project' | 'filter' | 'apply' | 'with'}>): Shape {
    const own = plan.columns.map(column =>
      quoteIdentifier(column.name === '' ? '?column?' : column.name),
    );
    switch (plan.kind) {
      case 'tableScan':
        return scanShape(this, plan);
      case 'systemScan':
        return systemScanShape(this, plan);
      case 'values':
        return this.#values(plan, own);
      case 'functionScan':
        return this.#functionScan(plan, own);
      case 'hashJoin':
        return this.#hashJoin(plan);
      case 'nestedLoop':
        return this.#nestedLoop(plan);
      case 'aggregate':
        return aggregateShape(this, plan, this.describe(plan.input));
      case 'window':
        return windowShape(this, plan, this.describe(plan.input));
      case 'append':
        return {
          label: 'Append',
          type: 'Append',
          children: plan.inputs.map(input => ({
            title: '',
            relationship: 'Member',
            node: this.describe(input).node,
          })),
          names: own,
        };
      case 'setOp':
        return this.#setOp(plan, own);
      case 'recursiveUnion':
        return {
          label: 'Recursive Union',
          type: 'Recursive Union',
          names: own,
          children: [
            outer(this.describe(plan.initial).node),
            {title: '', relationship: 'Inner', node: this.describe(plan.recursive).node},
          ],
        };
      case 'cteScan':
        return {
          label: `CTE Scan on ${quoteIdentifier(plan.name)}`,
          type: 'CTE Scan',
          facts: [
            ['CTE Name', plan.name],
            ['Alias', plan.name],
          ],
          names: this.prefixed(plan.name, own),
          bare: own,
        };
      case 'workTableScan':
        return {label: 'WorkTable Scan', type: 'WorkTable Scan', names: own};
      case 'insert':
      case 'update':
      case 'delete':
      case 'merge':
        return this.#modify(plan, own);
      default:
        return this.#single(plan);
    }
  }

  /** Nodes with one input whose columns they keep. */
  #single(plan: Plan & {kind: 'projectSet' | 'sort' | 'limit' | 'distinct' | 'lockRows'}): Shape {
    const input = this.describe(plan.input);
    const {names} = input;
    const children = [outer(input.node)];
    switch (plan.kind) {
      case 'projectSet':
        return {
          label: 'ProjectSet',
          type: 'ProjectSet',
          children,
          names: [
            ...names,
            ...plan.functions.flatMap(call => call.columns.map(() => this.call(call, names))),
          ],
        };
      case 'sort':
        return {
          label: 'Sort',
          type: 'Sort',
          children,
          names,
          properties: [['Sort Key', plan.keys.map(key => this.sortKey(key, names))]],
        };
      case 'limit':
        return {label: 'Limit', type: 'Limit', children, names};
      case 'lockRows':
        return {label: 'LockRows', type: 'LockRows', children, names};
      case 'distinct':
        if (plan.on !== null) return {label: 'Unique', type: 'Unique', children, names};
        return {
          label: 'HashAggregate',
          type: 'Aggregate',
          facts: [
            ['Strategy', 'Hashed'],
            ['Partial Mode', 'Simple'],
          ],
          children,
          names,
          properties: [['Group Key', names]],
        };
      default:
        return assertNever(plan);
    }
  }

  #values(plan: Plan & {kind: 'values'}, own: readonly string[]): Shape {
    const isOne = plan.rows.length <= 1;
    const properties: Property[] = plan.rows.length === 0 ? [['One-Time Filter', 'false']] : [];
    const names = plan.rows.length === 1 ? plan.rows[0]!.map(expr => this.print(expr, [])) : own;
    if (isOne) return {label: 'Result', type: 'Result', properties, names};
    return {
      label: 'Values Scan on "*VALUES*"',
      type: 'Values Scan',
      facts: [['Alias', '*VALUES*']],
      names: this.prefixed('*VALUES*', own),
      bare: own,
    };
  }

  #functionScan(plan: Plan & {kind: 'functionScan'}, own: readonly string[]): Shape {
    const name = plan.functions.map(call => call.name).join(', ');
    const properties: Property[] = this.isVerbose
      ? [['Function Call', plan.functions.map(call => this.call(call, [])).join(', ')]]
      : [];
    if (plan.filter !== null) properties.push(['Filter', this.print(plan.filter, own)]);
    return {
      label: `Function Scan on ${plan.functions.map(call => quoteIdentifier(call.name)).join(', ')}`,
      type: 'Function Scan',
      facts: [
        ['Function Name', name],
        ['Alias', name],
      ],
      properties,
      names: own,
    };
  }

  #hashJoin(plan: Plan & {kind: 'hashJoin'}): Shape {
    const left = this.describe(plan.left);
    const right = this.describe(plan.right);
    const pairs = plan.leftKeys.map(
      (key, at) =>
        `(${this.print(key, left.names)} = ${this.print(plan.rightKeys[at]!, right.names)})`,
    );
    const properties: Property[] = [
      ['Hash Cond', pairs.length === 1 ? pairs[0]! : `(${pairs.join(' AND ')})`],
    ];
    if (plan.condition !== null)
      properties.push(['Join Filter', this.print(plan.condition, [...left.names, ...right.names])]);
    const hash: ExplainNode = {
      ...right.node,
      label: 'Hash',
      type: 'Hash',
      facts: [],
      properties: [],
      filters: [],
      startCost: right.node.totalCost,
      children: [outer(right.node)],
    };
    return {
      label: plan.joinType === 'inner' ? 'Hash Join' : `Hash${joinSuffix(plan.joinType)}`,
      type: 'Hash Join',
      facts: [['Join Type', joinTitle(plan.joinType)]],
      properties,
      children: [outer(left.node), {title: '', relationship: 'Inner', node: hash}],
      names: joinNames(plan.joinType, left.names, right.names),
    };
  }

  #nestedLoop(plan: Plan & {kind: 'nestedLoop'}): Shape {
    const left = this.describe(plan.left);
    this.#bind(plan.bindings, left.names);
    const right = this.describe(plan.right);
    const both = [...left.names, ...right.names];
    return {
      label: `Nested Loop${joinSuffix(plan.joinType)}`,
      type: 'Nested Loop',
      facts: [['Join Type', joinTitle(plan.joinType)]],
      properties:
        plan.condition === null ? [] : [['Join Filter', this.print(plan.condition, both)]],
      children: [outer(left.node), {title: '', relationship: 'Inner', node: right.node}],
      names: joinNames(plan.joinType, left.names, right.names),
    };
  }

  #setOp(plan: Plan & {kind: 'setOp'}, own: readonly string[]): Shape {
    const command = `${plan.op === 'intersect' ? 'Intersect' : 'Except'}${plan.all ? ' All' : ''}`;
    const children = [
      outer(this.describe(plan.left).node),
      {title: '', relationship: 'Inner' as const, node: this.describe(plan.right).node},
    ];
    return {
      label: `HashSetOp ${command}`,
      type: 'SetOp',
      facts: [
        ['Strategy', 'Hashed'],
        ['Command', command],
      ],
      children,
      names: own,
    };
  }

  #modify(
    plan: Plan & {kind: 'insert' | 'update' | 'delete' | 'merge'},
    own: readonly string[],
  ): Shape {
    const operation = OPERATIONS[plan.kind];
    const table = this.catalog.tableByOid(plan.table)?.name ?? String(plan.table);
    const alias = plan.kind === 'merge' ? plan.alias : table;
    const properties: Property[] = [];
    if (plan.kind === 'insert' && plan.onConflict !== null) {
      properties.push(['Conflict Resolution', plan.onConflict.action.toUpperCase()]);
      const {arbiters} = plan.onConflict;
      if (arbiters.length > 0)
        properties.push([
          'Conflict Arbiter Indexes',
          arbiters.map(index => indexName(this.catalog, index)),
        ]);
    }
    return {
      label: `${operation} on ${quoteIdentifier(table)}${alias === table ? '' : ` ${quoteIdentifier(alias)}`}`,
      type: 'ModifyTable',
      facts: [
        ['Operation', operation],
        ['Relation Name', table],
        ['Alias', alias],
      ],
      properties,
      children: [outer(this.describe(plan.input).node)],
      names: own,
    };
  }

  /** A sort key with its direction. */
  sortKey(key: SortKey, names: readonly string[]): string {
    const nulls =
      key.nullsFirst === key.descending ? '' : key.nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
    return this.print(key.expr, names) + (key.descending ? ' DESC' : '') + nulls;
  }

  /** A set-returning call. */
  call(call: SetFunctionCall, names: readonly string[]): string {
    if (call.expr !== null) return this.print(call.expr, names);
    return `${quoteIdentifier(call.name)}(${call.args.map(arg => this.print(arg, names)).join(', ')})`;
  }

  /** The quoted name of a column of a relation. */
  columnName(relation: Oid, attnum: number): string {
    const found = this.catalog.relationByOid(relation);
    const column =
      found !== undefined && 'columns' in found
        ? found.columns.find(each => each.attnum === attnum)
        : undefined;
    return quoteIdentifier(column?.name ?? `column${attnum}`);
  }
}

const OPERATIONS = {insert: 'Insert', update: 'Update', delete: 'Delete', merge: 'Merge'} as const;

function widthOf(plan: Plan): number {
  return plan.columns.reduce(
    (sum, column) => sum + (column.type.length > 0 ? column.type.length : 32),
    0,
  );
}
