import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {NameScope} from '../catalog/names.ts';
import {SchemaOid} from '../catalog/well-known.ts';
import type {Datum} from '../types/contract.ts';
import {deparseExpression} from './deparse/expression.ts';
import {PlanDescriber} from './explain-nodes.ts';
import type {ExplainChild, ExplainNode, PrintExpr, Property} from './explain-types.ts';
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
  /** Values of its parameters: EXPLAIN EXECUTE. */
  readonly params?: readonly Datum[];
}

/** The lines of EXPLAIN, in PostgreSQL's layout. JSON comes as the lines of one document. */
export function explainPlan(plan: QueryPlan, options: ExplainOptions): string[] {
  const scope: NameScope = options.scope ?? {
    snapshot: options.catalog,
    searchPath: [SchemaOid.pgCatalog, SchemaOid.public],
  };
  const print: PrintExpr = (expr, columns, outer) =>
    deparseExpression(expr, {
      scope,
      slots: options.slots ?? [],
      params: options.params ?? [],
      isIndented: false,
      showsImplicit: true,
      columnName: index => columns[index] ?? `column${index + 1}`,
      outerName: index => outer.get(index) ?? `$${index}`,
    });
  const {node} = new PlanDescriber(plan.root, {
    catalog: options.catalog,
    isVerbose: options.verbose,
    print,
  }).describe(plan.root);
  if (options.format === 'json')
    return JSON.stringify([jsonDocument(node, options)], null, 2).split('\n');
  const lines: string[] = [];
  writeText(node, options, lines, {label: '', body: '  '});
  if (options.summary) {
    lines.push(`Planning Time: ${options.planningMs.toFixed(3)} ms`);
    if (options.executionMs !== null)
      lines.push(`Execution Time: ${options.executionMs.toFixed(3)} ms`);
  }
  return lines;
}

/** What stands before a node's first line and before those below it. */
interface Margin {
  readonly label: string;
  readonly body: string;
}

function writeText(
  node: ExplainNode,
  options: ExplainOptions,
  lines: string[],
  margin: Margin,
): void {
  lines.push(margin.label + node.label + figures(node, options));
  const {body} = margin;
  for (const [name, value] of propertiesOf(node, options))
    lines.push(`${body}${name}: ${typeof value === 'string' ? value : value.join(', ')}`);
  const counted = countersOf(node, options);
  if (counted !== null && node.type !== 'Hash')
    for (const line of counterLines(counted)) lines.push(body + line);
  for (const child of inOrder(node.children)) {
    if (child.title !== '') lines.push(body + child.title);
    const indent = child.title === '' ? body : `${body}  `;
    writeText(child.node, options, lines, {label: `${indent}->  `, body: `${indent}      `});
  }
}

/** InitPlans and CTEs first, subplans last. */
function inOrder(children: readonly ExplainChild[]): readonly ExplainChild[] {
  const rank = ({relationship}: ExplainChild): number =>
    relationship === 'InitPlan' ? 0 : relationship === 'SubPlan' ? 2 : 1;
  return [...children].sort((left, right) => rank(left) - rank(right));
}

/** A node's properties with what VERBOSE and ANALYZE add. */
function propertiesOf(node: ExplainNode, options: ExplainOptions): readonly Property[] {
  const output: Property[] =
    options.verbose && node.output.length > 0 ? [['Output', node.output]] : [];
  const removed: Property[] = [];
  const rows = rowsRemoved(node, options);
  if (rows !== null) removed.push(['Rows Removed by Filter', String(rows)]);
  const at = node.properties.findIndex(property => property[0] === 'Owner');
  const [before, after] =
    at === -1 ? [node.properties, []] : [node.properties.slice(0, at), node.properties.slice(at)];
  return [...output, ...before, ...removed, ...after];
}

function rowsRemoved(node: ExplainNode, options: ExplainOptions): number | null {
  if (!options.analyze || options.counters === null || node.filters.length === 0) return null;
  let removed = 0;
  for (const [filter, input] of node.filters) {
    const passed = options.counters.get(filter);
    const given = options.counters.get(input);
    if (passed === undefined || given === undefined || given.loops === 0) return null;
    removed += given.rows - passed.rows;
  }
  const loops = countersOf(node, options)?.loops ?? 0;
  return removed <= 0 || loops === 0 ? null : Math.round(removed / loops);
}

/** Rows and times of the outermost plan node that counted; the rest summed over all. */
function countersOf(node: ExplainNode, options: ExplainOptions): ExplainCounters | null {
  if (!options.analyze || options.counters === null) return null;
  const all = node.ids.flatMap(id => options.counters?.get(id) ?? []);
  const first = all[0];
  if (first === undefined) return null;
  return {
    ...first,
    pauses: Math.max(...all.map(each => each.pauses)),
    spilledBytes: all.reduce((sum, each) => sum + each.spilledBytes, 0),
    extra: all.reduce<Readonly<Record<string, number>>>(
      (extra, each) => ({...each.extra, ...extra}),
      {},
    ),
  };
}

function figures(node: ExplainNode, options: ExplainOptions): string {
  let text = '';
  if (options.costs)
    text += `  (cost=${node.startCost.toFixed(2)}..${node.totalCost.toFixed(2)} rows=${Math.round(node.rows)} width=${node.width})`;
  if (!options.analyze) return text;
  const counted = countersOf(node, options);
  if (counted === null || counted.loops === 0) return `${text} (never executed)`;
  const time = options.timing ? `time=0.000..${(counted.timeMs / counted.loops).toFixed(3)} ` : '';
  return `${text} (actual ${time}rows=${Math.round(counted.rows / counted.loops)} loops=${counted.loops})`;
}

/** Counters shown in pairs: what was read and what was skipped. */
const pairs: readonly (readonly [title: string, read: string, skipped: string])[] = [
  ['Segments', 'segmentsRead', 'segmentsSkipped'],
  ['Row Groups', 'rowGroupsRead', 'rowGroupsSkipped'],
  ['Pages', 'pagesRead', 'pagesSkipped'],
];

function counterLines(counted: ExplainCounters): string[] {
  const lines: string[] = [];
  const shown = new Set<string>();
  for (const [title, read, skipped] of pairs) {
    shown.add(read).add(skipped);
    const [first, second] = [counted.extra[read] ?? 0, counted.extra[skipped] ?? 0];
    if (first !== 0 || second !== 0) lines.push(`${title}: read ${first}, skipped ${second}`);
  }
  const tuples = ['Inserted', 'Updated', 'Deleted', 'Skipped'].flatMap(kind => {
    const name = `tuples${kind}`;
    shown.add(name);
    const count = counted.extra[name] ?? 0;
    return count === 0 ? [] : [`${kind.toLowerCase()}=${count}`];
  });
  if (tuples.length > 0) lines.push(`Tuples: ${tuples.join(' ')}`);
  for (const [name, value] of Object.entries(counted.extra))
    if (value !== 0 && !shown.has(name)) lines.push(`${titleOf(name)}: ${value}`);
  if (counted.spilledBytes > 0) lines.push(`Spilled: ${Math.ceil(counted.spilledBytes / 1024)}kB`);
  if (counted.pauses > 0) lines.push(`Pauses: ${counted.pauses}`);
  return lines;
}

/** hotRows: `Hot rows`. */
function titleOf(name: string): string {
  return name
    .replace(/([A-Z])/g, match => ` ${match.toLowerCase()}`)
    .replace(/^./, first => first.toUpperCase());
}

function jsonDocument(root: ExplainNode, options: ExplainOptions): object {
  const document: Record<string, unknown> = {Plan: jsonNode(root, options, null)};
  if (options.summary) {
    document['Planning Time'] = Number(options.planningMs.toFixed(3));
    document['Triggers'] = options.executionMs === null ? undefined : [];
    if (options.executionMs !== null)
      document['Execution Time'] = Number(options.executionMs.toFixed(3));
  }
  return document;
}

function jsonNode(node: ExplainNode, options: ExplainOptions, child: ExplainChild | null): object {
  const result: Record<string, unknown> = {'Node Type': node.type};
  for (const name of ['Strategy', 'Partial Mode', 'Operation']) {
    const fact = node.facts.find(each => each[0] === name);
    if (fact !== undefined) result[name] = fact[1];
  }
  if (child !== null) result['Parent Relationship'] = child.relationship;
  if (child !== null && child.title !== '') result['Subplan Name'] = child.title;
  result['Parallel Aware'] = false;
  result['Async Capable'] = false;
  for (const [name, value] of node.facts) result[name] = value;
  if (options.costs) {
    result['Startup Cost'] = Number(node.startCost.toFixed(2));
    result['Total Cost'] = Number(node.totalCost.toFixed(2));
    result['Plan Rows'] = Math.round(node.rows);
    result['Plan Width'] = node.width;
  }
  const counted = countersOf(node, options);
  if (options.analyze) jsonActuals(result, counted, options);
  for (const [name, value] of propertiesOf(node, options))
    result[name] = name === 'Rows Removed by Filter' ? Number(value) : value;
  if (counted !== null && node.type !== 'Hash') jsonCounters(result, counted);
  if (node.children.length > 0)
    result['Plans'] = inOrder(node.children).map(each => jsonNode(each.node, options, each));
  return result;
}

function jsonActuals(
  result: Record<string, unknown>,
  counted: ExplainCounters | null,
  options: ExplainOptions,
): void {
  const loops = counted?.loops ?? 0;
  if (options.timing) {
    result['Actual Startup Time'] = 0;
    result['Actual Total Time'] = loops === 0 ? 0 : Number((counted!.timeMs / loops).toFixed(3));
  }
  result['Actual Rows'] = loops === 0 ? 0 : Math.round(counted!.rows / loops);
  result['Actual Loops'] = loops;
}

function jsonCounters(result: Record<string, unknown>, counted: ExplainCounters): void {
  for (const [name, value] of Object.entries(counted.extra)) {
    const title = name.replace(/([A-Z])/g, ' $1').replace(/^./, first => first.toUpperCase());
    result[title] = value;
  }
  if (counted.spilledBytes > 0) result['Spilled Bytes'] = counted.spilledBytes;
  if (counted.pauses > 0) result['Pauses'] = counted.pauses;
}
