/** PostgreSQL object identifier: unsigned 32 bits. Built-in objects are below 16384. */
export type Oid = number & {readonly brand: 'Oid'};

/** Brands a number as an OID; the caller knows that it is one. */
export function oid(value: number): Oid {
  return value as Oid;
}

/** The first OID that user objects get (PostgreSQL `FirstNormalObjectId`). */
export const FIRST_NORMAL_OID = 16384;

/** Hidden immutable identity of a row, kept over UPDATE, key changes, flush and compaction. */
export type Rid = bigint & {readonly brand: 'Rid'};

/** The place of a commit in the one commit order; strictly increasing. */
export type Seq = bigint & {readonly brand: 'Seq'};

/** The role OID that owns rows of a user table; 0 in shared tables. Never used again after DROP ROLE. */
export type OwnerId = Oid;
