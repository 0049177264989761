import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {NameScope} from '../catalog/names.ts';
import {SchemaOid} from '../catalog/well-known.ts';
import type {Datum} from '../types/contract.ts';
import {deparseExpression} from './deparse/expression.ts';
import {describeNode, type ExplainNode} from './explain-nodes.ts';
import type {QueryPlan} from './plan/plan.ts';

/** What EXPLAIN ANALYZE counted per plan node. */
export interface ExplainCounters {
  readonly rows: number;
  readonly loops: number;
  readonly timeMs: number;
  readonly pauses: number;
  readonly spilledBytes: number;
  readonly extra: Readonly<Record<string, number>>;
}

/** Options of EXPLAIN and what its run found. */
export interface ExplainOptions {
  readonly analyze: boolean;
  readonly verbose: boolean;
  readonly costs: boolean;
  readonly timing: boolean;
  readonly summary: boolean;
  readonly format: 'text' | 'json';
  readonly counters: ReadonlyMap<number, ExplainCounters> | null;
  readonly planningMs: number;
  readonly executionMs: number | null;
  readonly catalog: CatalogSnapshot;
  /** Where names are printed; absent: as under the default search path. */
  readonly scope?: NameScope;
  /** Values of the plan's literal slots. */
  readonly slots?: readonly Datum[];
}

/** The lines of EXPLAIN, in PostgreSQL's layout. JSON comes as the lines of one document. */
export function explainPlan(plan: QueryPlan, options: ExplainOptions): string[] {
  const scope: NameScope = options.scope ?? {
    snapshot: options.catalog,
    searchPath: [SchemaOid.pgCatalog, SchemaOid.public],
  };
  const print = (expr: BoundExpr, columns: readonly string[]): string =>
    deparseExpression(expr, {
      scope,
      slots: options.slots ?? [],
      isIndented: false,
      columnName: index => columns[index] ?? `column${index + 1}`,
      outerName: index => `$${index}`,
    });
  const root = describeNode(plan.root, {
    catalog: options.catalog,
    print,
    verbose: options.verbose,
    qualifies: options.verbose || countScans(plan.root) > 1,
    subplan: {next: 1},
  });
  if (options.format === 'json')
    return JSON.stringify([jsonDocument(root, options)], null, 2).split('\n');
  const lines: string[] = [];
  writeText(root, options, lines, 0, '');
  if (options.summary) {
    lines.push(`Planning Time: ${options.planningMs.toFixed(3)} ms`);
    if (options.executionMs !== null)
      lines.push(`Execution Time: ${options.executionMs.toFixed(3)} ms`);
  }
  return lines;
}

/** Children as PostgreSQL shows them: the build side of a hash join stands under a node of its own. */
function shownChildren(node: ExplainNode): ExplainNode['children'] {
  if (node.type !== 'Hash Join') return node.children;
  return node.children.map((child, index) =>
    index === 0
      ? child
      : {
          title: '',
          node: {
            ...child.node,
            label: 'Hash',
            type: 'Hash',
            facts: [],
            properties: [],
            children: [child],
          },
        },
  );
}

const childKeys = [
  'input',
  'left',
  'right',
  'inputs',
  'subplan',
  'body',
  'ctes',
  'plan',
  'initial',
  'recursive',
];

function countScans(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countScans(item), 0);
  const fields = value as Readonly<Record<string, unknown>>;
  const isScan =
    fields['kind'] === 'tableScan' ||
    fields['kind'] === 'systemScan' ||
    fields['kind'] === 'functionScan';
  return childKeys.reduce((sum, key) => sum + countScans(fields[key]), isScan ? 1 : 0);
}

function writeText(
  node: ExplainNode,
  options: ExplainOptions,
  lines: string[],
  indent: number,
  title: string,
): void {
  const isRoot = indent === 0;
  let at = indent;
  if (title !== '') {
    lines.push(`${' '.repeat(at)}${title}`);
    at += 2;
  }
  const prefix = isRoot && title === '' ? '' : `${' '.repeat(at)}->  `;
  lines.push(prefix + node.label + figures(node, options));
  const inner = isRoot && title === '' ? 2 : at + 6;
  const pad = ' '.repeat(inner);
  for (const [name, value] of node.properties)
    lines.push(`${pad}${name}: ${Array.isArray(value) ? value.join(', ') : value}`);
  for (const line of counterLines(node, options)) lines.push(pad + line);
  for (const child of shownChildren(node))
    writeText(child.node, options, lines, inner, child.title);
}

function figures(node: ExplainNode, options: ExplainOptions): string {
  let text = '';
  if (options.costs) {
    text += `  (cost=${node.startCost.toFixed(2)}..${node.totalCost.toFixed(2)} rows=${node.rows} width=${node.width})`;
  }
  if (!options.analyze) return text;
  const counted = options.counters?.get(node.id);
  if (counted === undefined || counted.loops === 0) return `${text} (never executed)`;
  const rows = Math.round(counted.rows / counted.loops);
  const time = options.timing
    ? `time=${(0).toFixed(3)}..${(counted.timeMs / counted.loops).toFixed(3)} `
    : '';
  return `${text}${options.costs ? '' : ' '} (actual ${time}rows=${rows} loops=${counted.loops})`;
}

const extraNames: Readonly<Record<string, string>> = {
  segmentsRead: 'Segments Read',
  segmentsSkipped: 'Segments Skipped',
  rowGroupsRead: 'Row Groups Read',
  rowGroupsSkipped: 'Row Groups Skipped',
  pagesRead: 'Pages Read',
  pagesSkipped: 'Pages Skipped',
  rowsRemoved: 'Rows Removed by Filter',
  hotRows: 'Hot Rows',
  coldRows: 'Cold Rows',
};

function counterLines(node: ExplainNode, options: ExplainOptions): string[] {
  const counted = options.counters?.get(node.id);
  if (!options.analyze || counted === undefined || node.type === 'Hash') return [];
  const lines: string[] = [];
  for (const [name, value] of Object.entries(counted.extra))
    if (value !== 0) lines.push(`${extraNames[name] ?? titleOf(name)}: ${value}`);
  if (counted.spilledBytes > 0) lines.push(`Spilled: ${Math.ceil(counted.spilledBytes / 1024)}kB`);
  if (counted.pauses > 0) lines.push(`Pauses: ${counted.pauses}`);
  return lines;
}

function titleOf(name: string): string {
  return name.replace(/([A-Z])/g, ' $1').replace(/^./, first => first.toUpperCase());
}

function jsonDocument(root: ExplainNode, options: ExplainOptions): object {
  const document: Record<string, unknown> = {Plan: jsonNode(root, options, '')};
  if (options.summary) {
    document['Planning Time'] = Number(options.planningMs.toFixed(3));
    if (options.executionMs !== null)
      document['Execution Time'] = Number(options.executionMs.toFixed(3));
  }
  return document;
}

function jsonNode(node: ExplainNode, options: ExplainOptions, title: string): object {
  const result: Record<string, unknown> = {'Node Type': node.type};
  if (title !== '') result['Subplan Name'] = title;
  for (const [name, value] of node.facts) result[name] = value;
  if (options.costs) {
    result['Startup Cost'] = Number(node.startCost.toFixed(2));
    result['Total Cost'] = Number(node.totalCost.toFixed(2));
    result['Plan Rows'] = node.rows;
    result['Plan Width'] = node.width;
  }
  const counted = options.counters?.get(node.id);
  if (options.analyze) {
    const loops = counted?.loops ?? 0;
    if (options.timing) {
      result['Actual Startup Time'] = 0;
      result['Actual Total Time'] = loops === 0 ? 0 : Number((counted!.timeMs / loops).toFixed(3));
    }
    result['Actual Rows'] = loops === 0 ? 0 : Math.round(counted!.rows / loops);
    result['Actual Loops'] = loops;
    for (const [name, value] of Object.entries(counted?.extra ?? {}))
      result[extraNames[name] ?? titleOf(name)] = value;
    if (counted !== undefined && counted.spilledBytes > 0)
      result['Spilled Bytes'] = counted.spilledBytes;
    if (counted !== undefined && counted.pauses > 0) result['Pauses'] = counted.pauses;
  }
  for (const [name, value] of node.properties) result[name] = value;
  if (node.children.length > 0)
    result['Plans'] = shownChildren(node).map(child => jsonNode(child.node, options, child.title));
  return result;
}
