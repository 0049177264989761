import type {Oid, OwnerId, Seq} from '../common/ids.ts';

/** A segment of the newest manifest. */
export interface SegmentInfo {
  readonly table: Oid;
  readonly owner: OwnerId;
  readonly id: number;
  readonly path: string;
  readonly rows: number;
  readonly deletedRows: number;
  readonly bytes: number;
  readonly minSeq: Seq;
  readonly maxSeq: Seq;
  readonly schemaVersion: number;
  readonly createdAt: bigint;
}

/** A lock that is held or waited for. */
export interface LockInfo {
  readonly pid: number;
  readonly type: 'relation' | 'tuple' | 'transactionid' | 'advisory';
  /** 0 where the lock is not of one database. */
  readonly database: Oid;
  readonly relation: Oid;
  /** Of an advisory lock: its 64 bits, with bit 64 when it was given as two numbers. */
  readonly key: bigint | null;
  /** The transaction that is waited for, null where the lock is another. */
  readonly transaction: number | null;
  /** Who holds or wants it. */
  readonly holder: number;
  readonly mode: string;
  readonly granted: boolean;
  /** When the wait began, in milliseconds since 1970; null for a lock that is held. */
  readonly waitingSince: number | null;
}
