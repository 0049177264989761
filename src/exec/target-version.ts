// Hot path: UPDATE, DELETE and MERGE.
import type {OwnerId, Rid, Seq} from '../common/ids.ts';
import type {RowVersion} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';

/** Where an input row holds the target's row. */
export interface TargetPlaces {
  readonly rid: number;
  readonly seq: number;
  readonly owner: number;
  readonly location: number;
  readonly oldColumns: readonly number[];
}

/** The version of the target's row that an input row was made of. */
export function seenVersion(places: TargetPlaces, input: readonly Datum[]): RowVersion {
  const {rid, seq, owner, location, oldColumns} = places;
  const row: Datum[] = new Array<Datum>(oldColumns.length);
  for (let i = 0; i < row.length; i++) row[i] = input[oldColumns[i]!]!;
  return {
    rid: input[rid] as Rid,
    owner: input[owner] as OwnerId,
    row,
    location: input[location] as number,
    seq: (input[seq] ?? 0n) as Seq,
  };
}

/** Puts a newer version of the target's row into an input row. */
export function refreshTarget(places: TargetPlaces, input: Datum[], newest: RowVersion): void {
  const {seq, location, oldColumns} = places;
  for (let i = 0; i < oldColumns.length; i++) input[oldColumns[i]!] = newest.row[i]!;
  input[seq] = newest.seq;
  input[location] = newest.location;
}
