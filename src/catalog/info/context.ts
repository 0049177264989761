import type {ViewDescriptor} from '../descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {NameScope} from '../names.ts';

/** What a session tells the catalog information functions beside the snapshot and its effective search path. */
export interface InfoContext extends NameScope {
  readonly currentRole: Oid;
  /** The session's temporary schema, 0 if it has none. */
  readonly tempSchema: Oid;
  /** Bytes of a table or index, hot and cold; of a database; null when there is none. */
  relationSize(relation: Oid): bigint;
  databaseSize(database: Oid): bigint;
  /** Last value of a sequence, null when it was never called. */
  sequenceLastValue(sequence: Oid): bigint | null;
  /** As RuntimeFacts.updatableColumns. */
  updatableColumns?(view: ViewDescriptor): readonly number[] | null;
}

/** One information function: arguments as SQL gave them (strict ones never see NULL). */
export type InfoFunction = (context: InfoContext, args: readonly Datum[]) => Datum;

/** One that returns rows: each row its columns. */
export type InfoSetFunction = (
  context: InfoContext,
  args: readonly Datum[],
) => readonly (readonly Datum[])[];

/** An OID argument. */
export function oidArg(args: readonly Datum[], at: number): Oid {
  const value = args[at];
  return (typeof value === 'bigint' ? Number(value) : ((value as number | undefined) ?? 0)) as Oid;
}

/** A text or name argument. */
export function textArg(args: readonly Datum[], at: number): string {
  return (args[at] as string | undefined) ?? '';
}

/** A small integer argument. */
export function intArg(args: readonly Datum[], at: number): number {
  const value = args[at];
  return typeof value === 'bigint' ? Number(value) : ((value as number | undefined) ?? 0);
}
