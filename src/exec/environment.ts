import type {FactoryCache} from '../expr/factory-cache.ts';
import type {FunctionLibrary} from '../functions/contract.ts';
import type {Plan} from '../sql/plan/plan.ts';
import type {TypeLookup} from '../types/contract.ts';
import type {PlanCompiler} from './compiler.ts';
import type {Operator} from './operator.ts';
import type {WorkTable} from './work-table.ts';
import type {CteBuffer} from './cte-buffer.ts';

/** What building an operator tree needs: the compiler of expressions, functions by prosrc, and what WITH queries share, by cte id. */
export interface ExecEnv {
  readonly compiler: PlanCompiler;
  readonly library: FunctionLibrary;
  readonly types: TypeLookup;
  readonly factories: FactoryCache;
  readonly ctes: Map<number, CteBuffer>;
  readonly workTables: Map<number, WorkTable>;
  /** Builds a child operator. */
  build(plan: Plan): Operator;
}
