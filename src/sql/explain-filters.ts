import type {Property} from './explain-types.ts';
import type {Plan} from './plan/plan.ts';

const filterable: ReadonlySet<string> = new Set([
  'Seq Scan',
  'Index Scan',
  'Function Scan',
  'Values Scan',
  'CTE Scan',
  'WorkTable Scan',
  'Hash Join',
  'Nested Loop',
  'Aggregate',
  'Result',
  'Subquery Scan',
]);

/** Whether a condition is shown on a node of this type. */
export function holdsFilter(type: string): boolean {
  return filterable.has(type);
}

/** Properties with a condition more. */
export function withFilter(
  properties: readonly Property[],
  name: string,
  text: string,
): Property[] {
  const known = properties.find(property => property[0] === name);
  if (known !== undefined)
    return properties.map(property =>
      property === known ? [name, `(${String(known[1])} AND ${text})`] : property,
    );
  const at = properties.findIndex(property => property[0] === 'Owner');
  const filter: Property = [name, text];
  return at === -1
    ? [...properties, filter]
    : [...properties.slice(0, at), filter, ...properties.slice(at)];
}

const relationKinds: ReadonlySet<string> = new Set([
  'tableScan',
  'systemScan',
  'functionScan',
  'cteScan',
  'workTableScan',
]);

/** Relations that a plan reads. */
export function countScans(plan: Plan): number {
  let count = 0;
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    else if (
      value !== null &&
      typeof value === 'object' &&
      Object.getPrototypeOf(value) === Object.prototype
    ) {
      const fields = value as Readonly<Record<string, unknown>>;
      if (typeof fields['kind'] === 'string' && relationKinds.has(fields['kind'])) count++;
      for (const key in fields)
        if (key !== 'type' && key !== 'columns' && key !== 'value') visit(fields[key]);
    }
  };
  visit(plan);
  return count;
}
