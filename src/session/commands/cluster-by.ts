import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

type Options = Readonly<Record<string, string>>;

/** 42703 when `cluster_by` names what is no column of the table. */
export function checkClusterBy(table: TableDescriptor): void {
  for (const name of namesOf(table.options)) {
    if (!table.columns.some(column => !column.isDropped && column.name === name)) {
      throw new PgError(
        SqlState.undefinedColumn,
        `column "${name}" named in option "cluster_by" does not exist`,
      );
    }
  }
}

/** The options after a column got another name, or went (`to` null). */
export function clusterByWith(options: Options, from: string, to: string | null): Options {
  const names = namesOf(options);
  if (!names.includes(from)) return options;
  const {cluster_by: _, ...others} = options;
  const left = names.flatMap(name => (name !== from ? [name] : to === null ? [] : [to]));
  return left.length === 0 ? others : {...others, cluster_by: left.join(',')};
}

function namesOf(options: Options): string[] {
  const text = options['cluster_by'] ?? '';
  return text.split(',').flatMap(name => (name.trim() === '' ? [] : [name.trim()]));
}
