import type {ParsedStatement} from '../../sql/contract.ts';
import type {Oid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';

/** What a command is made from. */
export interface CommandInput<N> {
  readonly session: SessionContext;
  readonly node: N;
  readonly statement: ParsedStatement;
  readonly params: readonly Datum[];
  /** Types of the parameters, for a command that plans a query within it. */
  readonly parameterTypes: readonly Oid[];
}

/** Makes a command's execution: checks nothing and does nothing before `run`. */
export type CommandMaker<N> = (input: CommandInput<N>) => Execution;
