import type {Batch} from '../columns/batch.ts';
import type {Seq} from '../common/ids.ts';

export const CHANGE_INSERT = 0;
export const CHANGE_UPDATE = 1;
export const CHANGE_DELETE = 2;
export const MARK = 3;
export const RESET = 4;
export const LAG = 5;

/** What happened to a row, or to the subscription. */
export type ChangeOp =
  | typeof CHANGE_INSERT
  | typeof CHANGE_UPDATE
  | typeof CHANGE_DELETE
  | typeof MARK
  | typeof RESET
  | typeof LAG;

/** Names of the operations in `_op`, by number. */
export const OP_NAMES: readonly string[] = ['ins', 'upd', 'del', 'mark', 'reset', 'lag'];

/** All changes that one commit makes to a result, or one control message. Shared by all subscribers of a group; never changed. */
export class Frame {
  readonly seq: Seq;
  readonly ops: readonly ChangeOp[];
  /** Target list of each change: the new row, or the old one of a deletion. Empty for control messages. */
  readonly rows: readonly (readonly unknown[])[];
  /** Target list before an update, else null. */
  readonly olds: readonly (readonly unknown[] | null)[];
  readonly tokenTail: string;
  /** Why a reset happened, else ''. */
  readonly reason: string;
  /** Encodings shared by the subscribers, made by the first that needs them. */
  encoded: readonly string[] | null = null;
  /** Operations as JSON texts, uncut. */
  operations: readonly string[] | null = null;
  /** More than one subscriber gets it: then encodings are worth keeping. */
  isShared = false;
  /** The whole frame as a batch with the columns of a SUBSCRIBE. */
  batch: Batch | null = null;

  constructor(
    seq: Seq,
    ops: readonly ChangeOp[],
    rows: readonly (readonly unknown[])[],
    olds: readonly (readonly unknown[] | null)[],
    tokenTail: string,
    reason = '',
  ) {
    this.seq = seq;
    this.ops = ops;
    this.rows = rows;
    this.olds = olds;
    this.tokenTail = tokenTail;
    this.reason = reason;
  }
}

/** A message without rows: mark or reset. */
export function controlFrame(
  seq: Seq,
  op: typeof MARK | typeof RESET | typeof LAG,
  tokenTail: string,
  reason = '',
): Frame {
  return new Frame(seq, [op], NO_ROWS, NO_OLDS, tokenTail, reason);
}

const NO_ROWS: readonly (readonly unknown[])[] = [];
const NO_OLDS: readonly null[] = [];
