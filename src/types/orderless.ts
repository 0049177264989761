import type {TypeInstance} from './contract.ts';

/** Types that hash and have no order: xid, cid, aclitem. */
const ONLY_EQUAL: ReadonlySet<number> = new Set([28, 29, 1033]);

/** Without a btree and a hash operator class: json, xml, geometry, jsonpath, snapshots. */
const INCOMPARABLE: ReadonlySet<number> = new Set([
  114, 142, 600, 601, 602, 603, 604, 628, 718, 2970, 4072, 5038,
]);

/** Whether values of a type, or of a part of it, cannot be ordered (PostgreSQL finds no comparison function). */
export function lacksOrder(type: TypeInstance): boolean {
  return lacks(type, false, 0);
}

/** Whether values of a type, or of a part of it, cannot even be compared for equality. */
export function lacksEquality(type: TypeInstance): boolean {
  return lacks(type, true, 0);
}

function lacks(type: TypeInstance, forEquality: boolean, depth: number): boolean {
  if (type.kind === 'd') return lacks(type.base!, forEquality, depth);
  if (INCOMPARABLE.has(type.oid)) return true;
  if (!forEquality && ONLY_EQUAL.has(type.oid)) return true;
  // A row type may hold arrays of itself.
  if (depth > 8) return false;
  if (type.element !== null && type.element.arrayOid === type.oid)
    return lacks(type.element, forEquality, depth + 1);
  const fields = type.kind === 'c' ? fieldsOf(type) : [];
  return fields.some(field => lacks(field.type, forEquality, depth + 1));
}

function fieldsOf(type: TypeInstance): readonly {readonly type: TypeInstance}[] {
  return 'compositeFields' in type
    ? (type.compositeFields as readonly {readonly type: TypeInstance}[])
    : [];
}
