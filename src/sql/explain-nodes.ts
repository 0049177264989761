import {assertNever} from '../common/errors.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {quoteIdentifier} from './bind/display-type.ts';
import {joinNames, joinSuffix, joinTitle} from './explain-joins.ts';
import type {AggregatePlan, Plan, SetFunctionCall, SortKey, TableScanPlan} from './plan/plan.ts';

/** A plan node as EXPLAIN shows it. Projections are not shown: their input stands for them. */
export interface ExplainNode {
  readonly id: number;
  /** The line of the text format. */
  readonly label: string;
  /** JSON's Node Type and further facts. */
  readonly type: string;
  readonly facts: readonly (readonly [string, string | boolean])[];
  readonly properties: readonly (readonly [string, string | string[]])[];
  readonly children: readonly {readonly title: string; readonly node: ExplainNode}[];
  readonly startCost: number;
  readonly totalCost: number;
  readonly rows: number;
  readonly width: number;
}

/** What describing needs. */
export interface DescribeContext {
  readonly catalog: CatalogSnapshot;
  readonly verbose: boolean;
  /** More than one relation: columns are printed with their relation's alias. */
  readonly qualifies: boolean;
  print(expr: BoundExpr, columns: readonly string[]): string;
  /** Numbers SubPlans. */
  readonly subplan: {next: number};
}

type Properties = [string, string | string[]][];

interface Shape {
  readonly label: string;
  readonly type: string;
  readonly facts?: readonly (readonly [string, string | boolean])[];
  readonly properties?: Properties;
  readonly children?: readonly {readonly title?: string; readonly plan: Plan}[];
  /** Text of each output column, for the expressions of the node above. */
  readonly names: readonly string[];
}

/** Describes a plan tree. */
export function describeNode(plan: Plan, context: DescribeContext): ExplainNode {
  return build(plan, context).node;
}

interface Described {
  readonly node: ExplainNode;
  readonly names: readonly string[];
}

function build(plan: Plan, context: DescribeContext): Described {
  if (plan.kind === 'project') {
    const input = build(plan.input, context);
    return {
      node: {...input.node, width: widthOf(plan)},
      names: plan.exprs.map(expr => context.print(expr, input.names)),
    };
  }
  const described = new Map<Plan, Described>();
  const namesOf = (input: Plan): readonly string[] => {
    let known = described.get(input);
    if (known === undefined) described.set(input, (known = build(input, context)));
    return known.names;
  };
  const shape = shapeOf(plan, context, namesOf);
  const children = (shape.children ?? []).map(({title, plan: input}) => {
    namesOf(input);
    return {title: title ?? '', node: described.get(input)!.node};
  });
  const inputCost = children.reduce((sum, child) => sum + child.node.totalCost, 0);
  const isBlocking = plan.kind === 'sort' || plan.kind === 'aggregate' || plan.kind === 'hashJoin';
  const node: ExplainNode = {
    id: plan.id,
    label: shape.label,
    type: shape.type,
    facts: shape.facts ?? [],
    properties: shape.properties ?? [],
    children,
    startCost: isBlocking ? inputCost : 0,
    totalCost: inputCost + plan.estimatedRows * 0.01,
    rows: plan.estimatedRows,
    width: widthOf(plan),
  };
  return {node, names: shape.names};
}

function widthOf(plan: Plan): number {
  return plan.columns.reduce(
    (sum, column) => sum + (column.type.length > 0 ? column.type.length : 32),
    0,
  );
}

function shapeOf(
  plan: Exclude<Plan, {kind: 'project'}>,
  context: DescribeContext,
  namesOf: (input: Plan) => readonly string[],
): Shape {
  const own = plan.columns.map(column =>
    quoteIdentifier(column.name === '' ? '?column?' : column.name),
  );
  switch (plan.kind) {
    case 'tableScan':
      return tableScan(plan, context);
    case 'systemScan': {
      const names = scanNames(plan, context);
      const properties: Properties = [];
      if (plan.equals !== null)
        properties.push([
          'Lookup Cond',
          `(${columnName(context, plan.relation, plan.equals.attnum)} = ${context.print(plan.equals.value, [])})`,
        ]);
      if (plan.filter !== null)
        properties.push(['Filter', context.print(plan.filter, localNames(plan, context))]);
      return {
        label: `Seq Scan on ${onName(plan.relationName, plan.alias)}`,
        type: 'Seq Scan',
        facts: relationFacts(plan.relationName, plan.alias),
        properties,
        names,
      };
    }
    case 'values': {
      const isOne = plan.rows.length <= 1;
      const properties: Properties = plan.rows.length === 0 ? [['One-Time Filter', 'false']] : [];
      const names =
        isOne && plan.rows.length === 1 ? plan.rows[0]!.map(expr => context.print(expr, [])) : own;
      return {
        label: isOne ? 'Result' : 'Values Scan on "*VALUES*"',
        type: isOne ? 'Result' : 'Values Scan',
        properties,
        names,
      };
    }
    case 'filter': {
      const names = namesOf(plan.input);
      return {
        label: 'Filter',
        type: 'Filter',
        properties: [['Filter', context.print(plan.condition, names)]],
        children: [{plan: plan.input}],
        names,
      };
    }
    case 'projectSet': {
      const names = [
        ...namesOf(plan.input),
        ...plan.functions.flatMap(call => call.columns.map(column => column.name)),
      ];
      return {label: 'ProjectSet', type: 'ProjectSet', children: [{plan: plan.input}], names};
    }
    case 'functionScan': {
      const name = plan.functions.map(call => call.name).join(', ');
      const properties: Properties = context.verbose
        ? [['Function Call', plan.functions.map(call => callText(call, context)).join(', ')]]
        : [];
      if (plan.filter !== null) properties.push(['Filter', context.print(plan.filter, own)]);
      return {
        label: `Function Scan on ${name}`,
        type: 'Function Scan',
        facts: [['Function Name', name]],
        properties,
        names: own,
      };
    }
    case 'hashJoin':
      return hashJoin(plan, context, namesOf);
    case 'nestedLoop': {
      const names = joinNames(plan.joinType, namesOf(plan.left), namesOf(plan.right));
      const both = [...namesOf(plan.left), ...namesOf(plan.right)];
      const properties: Properties =
        plan.condition === null ? [] : [['Join Filter', context.print(plan.condition, both)]];
      return {
        label: `Nested Loop${joinSuffix(plan.joinType)}`,
        type: 'Nested Loop',
        facts: [['Join Type', joinTitle(plan.joinType)]],
        properties,
        children: [{plan: plan.left}, {plan: plan.right}],
        names,
      };
    }
    case 'apply': {
      const number = context.subplan.next++;
      const kind = plan.runOnce ? 'InitPlan' : 'SubPlan';
      const input = namesOf(plan.input);
      const properties: Properties = [];
      if (plan.test !== null)
        properties.push([
          'Subquery Test',
          context.print(plan.test, [...input, ...namesOf(plan.subplan)]),
        ]);
      if (plan.guard !== null) properties.push(['Only If', context.print(plan.guard, input)]);
      return {
        label: `Subquery (${plan.mode})`,
        type: 'Subquery',
        facts: [['Mode', plan.mode]],
        properties,
        children: [{plan: plan.input}, {title: `${kind} ${number}`, plan: plan.subplan}],
        names: [...input, `(${kind} ${number})`],
      };
    }
    case 'sort': {
      const names = namesOf(plan.input);
      const properties: Properties = [
        ['Sort Key', plan.keys.map(key => sortText(key, context, names))],
      ];
      if (plan.limit !== null) properties.push(['Sort Method', 'top-N heapsort']);
      return {label: 'Sort', type: 'Sort', properties, children: [{plan: plan.input}], names};
    }
    case 'limit':
      return {
        label: 'Limit',
        type: 'Limit',
        children: [{plan: plan.input}],
        names: namesOf(plan.input),
      };
    case 'aggregate':
      return aggregate(plan, context, namesOf(plan.input));
    case 'window': {
      const input = namesOf(plan.input);
      const calls = plan.calls.map(
        call =>
          `${call.name}(${call.args.map(arg => context.print(arg, input)).join(', ')}) OVER (?)`,
      );
      return {
        label: 'WindowAgg',
        type: 'WindowAgg',
        children: [{plan: plan.input}],
        names: [...input, ...calls],
      };
    }
    case 'distinct': {
      const names = namesOf(plan.input);
      if (plan.on !== null)
        return {label: 'Unique', type: 'Unique', children: [{plan: plan.input}], names};
      return {
        label: 'HashAggregate',
        type: 'Aggregate',
        properties: [['Group Key', [...names]]],
        children: [{plan: plan.input}],
        names,
      };
    }
    case 'append':
      return {
        label: 'Append',
        type: 'Append',
        children: plan.inputs.map(input => ({plan: input})),
        names: own,
      };
    case 'setOp': {
      const command = plan.op === 'intersect' ? 'Intersect' : 'Except';
      return {
        label: `HashSetOp ${command}${plan.all ? ' All' : ''}`,
        type: 'SetOp',
        facts: [['Command', command]],
        children: [{plan: plan.left}, {plan: plan.right}],
        names: own,
      };
    }
    case 'with': {
      const names = namesOf(plan.body);
      return {
        label: 'With',
        type: 'With',
        children: [
          ...plan.ctes.map(cte => ({title: `CTE ${cte.name}`, plan: cte.plan})),
          {plan: plan.body},
        ],
        names,
      };
    }
    case 'cteScan':
      return {
        label: `CTE Scan on ${quoteIdentifier(plan.name)}`,
        type: 'CTE Scan',
        facts: [['CTE Name', plan.name]],
        names: own,
      };
    case 'recursiveUnion':
      return {
        label: 'Recursive Union',
        type: 'Recursive Union',
        children: [{plan: plan.initial}, {plan: plan.recursive}],
        names: own,
      };
    case 'workTableScan':
      return {label: 'WorkTable Scan', type: 'WorkTable Scan', names: own};
    case 'lockRows':
      return {
        label: 'LockRows',
        type: 'LockRows',
        children: [{plan: plan.input}],
        names: namesOf(plan.input),
      };
    case 'insert':
    case 'update':
    case 'delete': {
      const operation =
        plan.kind === 'insert' ? 'Insert' : plan.kind === 'update' ? 'Update' : 'Delete';
      const table = context.catalog.tableByOid(plan.table)?.name ?? String(plan.table);
      const properties: Properties = [];
      if (plan.kind === 'insert' && plan.onConflict !== null) {
        properties.push(['Conflict Resolution', plan.onConflict.action.toUpperCase()]);
        if (plan.onConflict.arbiters.length > 0)
          properties.push([
            'Conflict Arbiter Indexes',
            plan.onConflict.arbiters.map(index => indexName(context, index)),
          ]);
      }
      return {
        label: `${operation} on ${quoteIdentifier(table)}`,
        type: 'ModifyTable',
        facts: [
          ['Operation', operation],
          ['Relation Name', table],
        ],
        properties,
        children: [{plan: plan.input}],
        names: own,
      };
    }
    default:
      return assertNever(plan);
  }
}

function scanNames(
  plan: Extract<Plan, {kind: 'tableScan' | 'systemScan'}>,
  context: DescribeContext,
): string[] {
  const prefix = context.qualifies ? `${quoteIdentifier(plan.alias)}.` : '';
  return plan.columns.map(column => prefix + quoteIdentifier(column.name));
}

/** Conditions of a scan itself are printed without its alias. */
function localNames(plan: Plan, context: DescribeContext): readonly string[] {
  return context.verbose && 'alias' in plan
    ? scanNames(plan, context)
    : plan.columns.map(column => quoteIdentifier(column.name));
}

function onName(name: string, alias: string): string {
  return alias === name || alias === ''
    ? quoteIdentifier(name)
    : `${quoteIdentifier(name)} ${quoteIdentifier(alias)}`;
}

function relationFacts(name: string, alias: string): [string, string][] {
  return [
    ['Relation Name', name],
    ['Alias', alias === '' ? name : alias],
  ];
}

function indexName(context: DescribeContext, index: Oid): string {
  return context.catalog.relationByOid(index)?.name ?? String(index);
}

function columnName(context: DescribeContext, relation: Oid, attnum: number): string {
  const found = context.catalog.relationByOid(relation);
  const column =
    found !== undefined && 'columns' in found
      ? found.columns.find(candidate => candidate.attnum === attnum)
      : undefined;
  return quoteIdentifier(column?.name ?? `column${attnum}`);
}

function tableScan(plan: TableScanPlan, context: DescribeContext): Shape {
  const names = scanNames(plan, context);
  const properties: Properties = [];
  const on = onName(plan.tableName, plan.alias);
  const facts: [string, string][] = relationFacts(plan.tableName, plan.alias);
  if (plan.lookup !== null) {
    const index = context.catalog
      .indexesOf(plan.table)
      .find(candidate => candidate.oid === plan.lookup!.index);
    const columns = (index?.keys ?? []).map(key => columnName(context, plan.table, key.attnum));
    const keys = plan.lookup.keys
      .slice(0, 10)
      .map(key =>
        key.map((value, at) => `(${columns[at]} = ${context.print(value, [])})`).join(' AND '),
      );
    properties.push([
      'Index Cond',
      keys.length === 1 && columns.length === 1 ? keys[0]! : `(${keys.join(' OR ')})`,
    ]);
    facts.unshift(['Index Name', index?.name ?? '']);
  }
  const pushed = plan.pushed.map(item => {
    const column = columnName(context, plan.table, item.column);
    if (item.op === 'isNull' || item.op === 'isNotNull')
      return `(${column} IS ${item.op === 'isNull' ? '' : 'NOT '}NULL)`;
    const value = context.print(item.values[0]!, []);
    return item.op === 'in' ? `(${column} = ANY (${value}))` : `(${column} ${item.op} ${value})`;
  });
  if (plan.filter !== null)
    properties.push(['Filter', context.print(plan.filter, localNames(plan, context))]);
  if (pushed.length > 0 && context.verbose) properties.push(['Pruning', pushed.join(' AND ')]);
  if (plan.scope !== 'none') {
    const owner =
      plan.scope === 'own'
        ? 'current user'
        : plan.ownerEquals === null
          ? 'all'
          : context.print(plan.ownerEquals, []);
    properties.push(['Owner', owner]);
  }
  if (plan.lookup === null)
    return {label: `Seq Scan on ${on}`, type: 'Seq Scan', facts, properties, names};
  return {
    label: `Index Lookup using ${quoteIdentifier(indexName(context, plan.lookup.index))} on ${on}`,
    type: 'Index Lookup',
    facts,
    properties,
    names,
  };
}

function hashJoin(
  plan: Plan & {kind: 'hashJoin'},
  context: DescribeContext,
  namesOf: (input: Plan) => readonly string[],
): Shape {
  const left = namesOf(plan.left);
  const right = namesOf(plan.right);
  const pairs = plan.leftKeys.map(
    (key, index) =>
      `(${context.print(key, left)} = ${context.print(plan.rightKeys[index]!, right)})`,
  );
  const properties: Properties = [
    ['Hash Cond', pairs.length === 1 ? pairs[0]! : `(${pairs.join(' AND ')})`],
  ];
  if (plan.condition !== null)
    properties.push(['Join Filter', context.print(plan.condition, [...left, ...right])]);
  return {
    label: `Hash${plan.joinType === 'inner' ? ' Join' : joinSuffix(plan.joinType)}`,
    type: 'Hash Join',
    facts: [['Join Type', joinTitle(plan.joinType)]],
    properties,
    children: [{plan: plan.left}, {plan: plan.right}],
    names: joinNames(plan.joinType, left, right),
  };
}

function sortText(key: SortKey, context: DescribeContext, names: readonly string[]): string {
  const nulls =
    key.nullsFirst === key.descending ? '' : key.nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
  return context.print(key.expr, names) + (key.descending ? ' DESC' : '') + nulls;
}

function aggregate(plan: AggregatePlan, context: DescribeContext, input: readonly string[]): Shape {
  const keys = plan.keys.map(key => context.print(key, input));
  const calls = plan.aggregates.map(call => {
    const args = call.args.map(arg => context.print(arg, input)).join(', ');
    return `${call.name}(${call.isDistinct ? 'DISTINCT ' : ''}${call.args.length === 0 ? '*' : args})`;
  });
  const names = [...keys, ...calls, ...plan.groupings.map(() => 'GROUPING')];
  const properties: Properties = keys.length === 0 ? [] : [['Group Key', keys]];
  const isHashed = keys.length > 0;
  return {
    label: isHashed ? 'HashAggregate' : 'Aggregate',
    type: 'Aggregate',
    facts: [['Strategy', isHashed ? 'Hashed' : 'Plain']],
    properties,
    children: [{plan: plan.input}],
    names,
  };
}

function callText(call: SetFunctionCall, context: DescribeContext): string {
  return call.expr === null
    ? `${call.name}(${call.args.map(arg => context.print(arg, [])).join(', ')})`
    : context.print(call.expr, []);
}
