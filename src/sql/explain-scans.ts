import type {CatalogSnapshot} from '../catalog/contract.ts';
import {quoteIdentifier} from '../catalog/quote.ts';
import type {Oid} from '../common/ids.ts';
import type {PlanNames, Property, Shape} from './explain-types.ts';
import type {SystemScanPlan, TableScanPlan} from './plan/plan.ts';

const MOST_KEYS = 10;

/** The name of an index, quoted. */
export function indexName(catalog: CatalogSnapshot, index: Oid): string {
  return quoteIdentifier(catalog.relationByOid(index)?.name ?? String(index));
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

/** Scan of a stored table: sequential, by key lookup, or in index order. */
export function scanShape(describer: PlanNames, plan: TableScanPlan): Shape {
  const bare = plan.columns.map(column => quoteIdentifier(column.name));
  const names = describer.prefixed(plan.alias === '' ? plan.tableName : plan.alias, bare);
  const shown = describer.isVerbose ? names : bare;
  const properties: Property[] = [];
  if (plan.lookup !== null)
    properties.push(['Index Cond', lookupText(describer, plan, plan.lookup)]);
  if (plan.filter !== null) properties.push(['Filter', describer.print(plan.filter, shown)]);
  const pruning = plan.pushed.map(item => pushedText(describer, plan, item));
  if (pruning.length > 0 && describer.isVerbose)
    properties.push(['Pruning', pruning.join(' AND ')]);
  if (plan.scope !== 'none') properties.push(['Owner', ownerText(describer, plan)]);
  const on = onName(plan.tableName, plan.alias);
  const facts: [string, string][] = relationFacts(plan.tableName, plan.alias);
  const index = plan.lookup?.index ?? plan.order?.index ?? null;
  if (index === null)
    return {label: `Seq Scan on ${on}`, type: 'Seq Scan', facts, properties, names, bare: shown};
  const isBackward = plan.lookup === null && plan.order?.descending === true;
  const name = indexName(describer.catalog, index);
  return {
    label: `Index Scan${isBackward ? ' Backward' : ''} using ${name} on ${on}`,
    type: 'Index Scan',
    properties,
    names,
    bare: shown,
    facts: [
      ['Scan Direction', isBackward ? 'Backward' : 'Forward'],
      ['Index Name', describer.catalog.relationByOid(index)?.name ?? ''],
      ...facts,
    ],
  };
}

function ownerText(describer: PlanNames, plan: TableScanPlan): string {
  if (plan.scope === 'own') return 'own rows';
  return plan.ownerEquals === null ? 'all owners' : describer.print(plan.ownerEquals, []);
}

function lookupText(
  describer: PlanNames,
  plan: TableScanPlan,
  lookup: NonNullable<TableScanPlan['lookup']>,
): string {
  const index = describer.catalog.indexesOf(plan.table).find(each => each.oid === lookup.index);
  const columns = (index?.keys ?? []).map(
    key => key.expressionText ?? describer.columnName(plan.table, key.attnum),
  );
  const keys = lookup.keys.slice(0, MOST_KEYS).map(key => {
    const parts = key.map((value, at) => `(${columns[at] ?? '?'} = ${describer.print(value, [])})`);
    return parts.length === 1 ? parts[0]! : `(${parts.join(' AND ')})`;
  });
  if (lookup.keys.length > MOST_KEYS) keys.push('...');
  return keys.length === 1 ? keys[0]! : `(${keys.join(' OR ')})`;
}

function pushedText(
  describer: PlanNames,
  plan: TableScanPlan,
  item: TableScanPlan['pushed'][number],
): string {
  const column = describer.columnName(plan.table, item.column);
  if (item.op === 'isNull' || item.op === 'isNotNull')
    return `(${column} IS ${item.op === 'isNull' ? '' : 'NOT '}NULL)`;
  const values = item.values.map(value => describer.print(value, []));
  if (item.op !== 'in') return `(${column} ${item.op} ${values[0]!})`;
  return item.isArray
    ? `(${column} = ANY (${values[0]!}))`
    : `(${column} = ANY (ARRAY[${values.join(', ')}]))`;
}

/** Scan of a system relation. */
export function systemScanShape(describer: PlanNames, plan: SystemScanPlan): Shape {
  const bare = plan.columns.map(column => quoteIdentifier(column.name));
  const names = describer.prefixed(plan.alias === '' ? plan.relationName : plan.alias, bare);
  const shown = describer.isVerbose ? names : bare;
  const properties: Property[] = [];
  if (plan.equals !== null) {
    properties.push([
      'Lookup Cond',
      `(${describer.columnName(plan.relation, plan.equals.attnum)} = ${describer.print(plan.equals.value, [])})`,
    ]);
  }
  if (plan.filter !== null) properties.push(['Filter', describer.print(plan.filter, shown)]);
  return {
    label: `Seq Scan on ${onName(plan.relationName, plan.alias)}`,
    type: 'Seq Scan',
    facts: relationFacts(plan.relationName, plan.alias),
    properties,
    names,
    bare: shown,
  };
}
