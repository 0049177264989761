import type {ExplainStmt} from '@pgsql/types';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {NodeCounters} from '../../exec/operator.ts';
import {explainPlan} from '../../sql/explain.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import {discardRows, RowsExecution, type Execution} from '../execution.ts';
import {PlanExecution} from '../plan-execution.ts';
import {seesFiguresOf, seesStorageOf} from '../owner-visibility.ts';
import {computedShape} from '../result-shape.ts';
import {ExecutionRun} from '../run-context.ts';
import type {PlannedQuery, SessionContext} from '../session-context.ts';
import {booleanOption, constantText, defElems} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {isThere, madeTable, makeTable, type MadeTable} from './explain-into.ts';
import {liveExplanation} from './explain-live.ts';
import {executeArguments, preparedStatement} from './prepared.ts';

interface ExplainOptions {
  readonly analyze: boolean;
  readonly verbose: boolean;
  readonly costs: boolean;
  readonly timing: boolean;
  readonly summary: boolean;
  readonly format: 'text' | 'json';
}

const TEXT = oid(25);
const JSON_TYPE = oid(114);

/** EXPLAIN [ANALYZE] statement, in text or JSON. */
export function explainCommand(input: CommandInput<ExplainStmt>): Execution {
  const {session, node, statement} = input;
  const live = liveExplanation(input);
  if (live !== null) return live;
  const options = explainOptions(node);
  const type = session.transaction.catalog.typeByOid(options.format === 'json' ? JSON_TYPE : TEXT)!;
  const shape = computedShape([['QUERY PLAN', type]]);
  const body: ParsedStatement = {...statement, ast: node.query ?? null, custom: null};
  return new RowsExecution(shape, () => explain(input, body, options), 'EXPLAIN');
}

function explainOptions(node: ExplainStmt): ExplainOptions {
  let options: ExplainOptions = {
    analyze: false,
    verbose: false,
    costs: true,
    timing: true,
    summary: false,
    format: 'text',
  };
  let hasSummary = false;
  for (const option of defElems(node.options)) {
    const name = option.defname ?? '';
    switch (name) {
      case 'analyze':
      case 'verbose':
      case 'costs':
      case 'timing':
        options = {...options, [name]: booleanOption(option)};
        break;
      case 'summary':
        hasSummary = true;
        options = {...options, summary: booleanOption(option)};
        break;
      case 'buffers':
      case 'wal':
      case 'settings':
        if (booleanOption(option)) {
          throw featureNotSupported(`EXPLAIN option ${name.toUpperCase()} is not supported`);
        }
        break;
      case 'format':
        options = {...options, format: explainFormat(constantText(option.arg))};
        break;
      default:
        throw new PgError(SqlState.syntaxError, `unrecognized EXPLAIN option "${name}"`);
    }
  }
  return hasSummary ? options : {...options, summary: options.analyze};
}

function explainFormat(text: string): 'text' | 'json' {
  if (text === 'text' || text === 'json') return text;
  if (text === 'xml' || text === 'yaml')
    throw featureNotSupported(`EXPLAIN (FORMAT ${text.toUpperCase()}) is not supported`);
  throw new PgError(
    SqlState.invalidParameterValue,
    `unrecognized value for EXPLAIN option "format": "${text}"`,
  );
}

async function explain(
  input: CommandInput<ExplainStmt>,
  statement: ParsedStatement,
  options: ExplainOptions,
): Promise<Datum[][]> {
  const {session} = input;
  const made = madeTable(statement.ast);
  if (made !== null && isThere(session, made, statement.text)) return nothingMade(made, options);
  const planStart = performance.now();
  const planned = plannedBody(input, made === null ? statement : {...statement, ast: made.query});
  const planningMs = performance.now() - planStart;
  const {slots} = planned;
  let {entry} = planned;
  let counters: Map<number, NodeCounters> | null = null;
  let executionMs: number | null = null;
  if (options.analyze) {
    counters = new Map();
    const start = performance.now();
    if (made === null) await runToEnd(countedExecution(session, planned, counters));
    else {
      const counts = counters;
      await makeTable({...input, statement}, made, (own, params) => {
        entry = own;
        return countedExecution(session, {entry, slots: [], params}, counts);
      });
    }
    executionMs = performance.now() - start;
  }
  const {catalog} = session.transaction;
  const tables = entry.plan.tables.map(({oid: table}) => catalog.tableByOid(table));
  const hidesStorage = tables.some(
    table => table?.tableKind === 'shared' && !seesStorageOf(session, table),
  );
  const lines = explainPlan(entry.plan, {
    ...options,
    // Estimates go by the rows of all users.
    costs:
      options.costs && tables.every(table => table === undefined || seesFiguresOf(session, table)),
    counters: hidesStorage ? withoutStorage(counters) : counters,
    planningMs,
    executionMs,
    catalog,
    slots,
    params: planned.params,
  });
  return options.format === 'json' ? [[lines.join('\n')]] : lines.map(line => [line]);
}

/** What there is to say of a table that is there already. */
function nothingMade({isMaterializedView}: MadeTable, {format}: ExplainOptions): Datum[][] {
  if (format === 'text') return [];
  return [[`[\n  "CREATE ${isMaterializedView ? 'MATERIALIZED VIEW' : 'TABLE AS'}"\n]`]];
}

/** An execution that counts what each node of its plan does. */
function countedExecution(
  session: SessionContext,
  {entry, slots, params}: PlannedQuery & {readonly params: readonly Datum[]},
  counters: Map<number, NodeCounters>,
): Execution {
  const run = new ExecutionRun(entry.plan.outerCount);
  run.counters = counters;
  const execution = new PlanExecution(session, entry, params, slots);
  execution.useInstance({operator: session.planner.instrumented(entry), run});
  return execution;
}

async function runToEnd(execution: Execution): Promise<void> {
  try {
    await execution.run(Infinity, discardRows);
  } finally {
    execution.close();
  }
}

/** What was read and pruned of rows that are hidden is not told; what PostgreSQL counts is. */
function withoutStorage(
  counters: ReadonlyMap<number, NodeCounters> | null,
): ReadonlyMap<number, NodeCounters> | null {
  if (counters === null) return null;
  const out = new Map<number, NodeCounters>();
  for (const [id, counted] of counters) {
    const extra = Object.fromEntries(
      Object.entries(counted.extra).filter(([name]) => name.startsWith('tuples')),
    );
    out.set(id, {...counted, pauses: 0, extra});
  }
  return out;
}

function plannedBody(
  {session, params, parameterTypes}: CommandInput<ExplainStmt>,
  statement: ParsedStatement,
): PlannedQuery & {readonly params: readonly Datum[]} {
  const {ast} = statement;
  if (ast !== null && 'ExecuteStmt' in ast) {
    const prepared = preparedStatement(session, ast.ExecuteStmt.name ?? '');
    if (prepared.statement === null)
      throw featureNotSupported('EXPLAIN of an empty statement is not supported');
    const types = prepared.parameterTypes.map(type => type.oid);
    const args = executeArguments(session, prepared, ast.ExecuteStmt);
    return {...session.planner.plan(prepared.statement, types), params: args};
  }
  if (!session.planner.isPlannable(statement))
    throw featureNotSupported('EXPLAIN of this statement is not supported');
  return {...session.planner.plan(statement, parameterTypes), params};
}
