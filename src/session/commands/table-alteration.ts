import type {AlterTableCmd} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import type {SessionContext} from '../session-context.ts';

/** One subcommand on a table, with what it needs. */
export interface TableAlteration {
  readonly session: SessionContext;
  /** Text of the statement. */
  readonly text: string;
  /** The table as the subcommands so far left it. */
  readonly table: TableDescriptor;
  readonly cmd: AlterTableCmd;
}
