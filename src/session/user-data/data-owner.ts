import type {OwnerId} from '../../common/ids.ts';

/** A user whose data is asked for. */
export interface DataOwner {
  readonly owner: OwnerId;
  readonly name: string;
}
