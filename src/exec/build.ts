import {assertNever} from '../common/errors.ts';
import type {FactoryCache} from '../expr/factory-cache.ts';
import type {FunctionLibrary} from '../functions/contract.ts';
import type {Plan} from '../sql/plan/plan.ts';
import type {TypeLookup} from '../types/contract.ts';
import {PlanCompiler} from './compiler.ts';
import type {ExecEnv} from './environment.ts';
import {Instrument, PauseInjector} from './instrument.ts';
import type {Operator} from './operator.ts';
import {Aggregate} from './operators/aggregate.ts';
import {Append} from './operators/append.ts';
import {Apply} from './operators/apply.ts';
import {CallRows} from './operators/call-rows.ts';
import {Distinct} from './operators/distinct.ts';
import {Filter} from './operators/filter.ts';
import {FunctionScan} from './operators/function-scan.ts';
import {HashJoin} from './operators/hash-join.ts';
import {Insert} from './operators/insert.ts';
import {Limit} from './operators/limit.ts';
import {LockRows} from './operators/lock-rows.ts';
import {MaterialisedLoop} from './operators/materialised-loop.ts';
import {MergeRows} from './operators/merge-rows.ts';
import {ModifyRows} from './operators/modify-rows.ts';
import {NestedLoop} from './operators/nested-loop.ts';
import {Project} from './operators/project.ts';
import {ProjectSet} from './operators/project-set.ts';
import {RecursiveUnion, WorkTableScan} from './operators/recursive-union.ts';
import {SetOp} from './operators/set-op.ts';
import {Sort} from './operators/sort.ts';
import {canStream, StreamingWindow} from './operators/streaming-window.ts';
import {SystemScan} from './operators/system-scan.ts';
import {TableScan} from './operators/table-scan.ts';
import {Values} from './operators/values.ts';
import {Window} from './operators/window.ts';
import {CteScan, With} from './operators/with.ts';
import {splitWaiting} from './split-waiting.ts';
import {mayWait} from './waiting.ts';

/** What an operator tree is built with. One tree serves one execution at a time; it is pooled with its plan. */
export interface BuildOptions {
  readonly library: FunctionLibrary;
  readonly types: TypeLookup;
  readonly factories: FactoryCache;
  /** Counts rows and time per node (EXPLAIN ANALYZE). */
  readonly isInstrumented: boolean;
  /** Answers PAUSE before every `next` (test mode). */
  readonly injectsPauses: boolean;
  /** Operators that stand in for plan nodes (the rows of a COPY for the VALUES of its INSERT). */
  readonly replaced?: ReadonlyMap<Plan, Operator>;
}

/** Builds the operators of a plan. */
export function buildOperator(plan: Plan, options: BuildOptions): Operator {
  const env: ExecEnv = {
    compiler: new PlanCompiler(options.library, options.types, options.factories),
    library: options.library,
    types: options.types,
    factories: options.factories,
    ctes: new Map(),
    workTables: new Map(),
    build(child) {
      let operator = options.replaced?.get(child) ?? makeOperator(splitWaiting(child), env);
      if (options.injectsPauses) operator = new PauseInjector(operator);
      return options.isInstrumented ? new Instrument(operator, child.id) : operator;
    },
  };
  return env.build(plan);
}

function makeOperator(plan: Plan, env: ExecEnv): Operator {
  switch (plan.kind) {
    case 'tableScan':
      return new TableScan(plan, env);
    case 'systemScan':
      return new SystemScan(plan, env);
    case 'values':
      return new Values(plan, env);
    case 'filter':
      return mayWait(plan.condition) ? new CallRows(plan, env) : new Filter(plan, env);
    case 'project':
      return plan.exprs.some(mayWait) ? new CallRows(plan, env) : new Project(plan, env);
    case 'projectSet':
      return new ProjectSet(plan, env);
    case 'functionScan':
      return new FunctionScan(plan, env);
    case 'hashJoin':
      return new HashJoin(plan, env);
    case 'nestedLoop':
      return plan.bindings.length > 0 ? new NestedLoop(plan, env) : new MaterialisedLoop(plan, env);
    case 'apply':
      return new Apply(plan, env);
    case 'sort':
      return new Sort(plan, env);
    case 'limit':
      return new Limit(plan, env);
    case 'aggregate':
      return new Aggregate(plan, env);
    case 'window':
      return canStream(plan) ? new StreamingWindow(plan, env) : new Window(plan, env);
    case 'distinct':
      return new Distinct(plan, env);
    case 'append':
      return new Append(plan, env);
    case 'setOp':
      return new SetOp(plan, env);
    case 'with':
      return new With(plan, env);
    case 'cteScan':
      return new CteScan(plan, env);
    case 'recursiveUnion':
      return new RecursiveUnion(plan, env);
    case 'workTableScan':
      return new WorkTableScan(plan, env);
    case 'lockRows':
      return new LockRows(plan, env);
    case 'insert':
      return new Insert(plan, env);
    case 'update':
    case 'delete':
      return new ModifyRows(plan, env);
    case 'merge':
      return new MergeRows(plan, env);
    default:
      return assertNever(plan);
  }
}
