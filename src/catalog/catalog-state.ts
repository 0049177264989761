import type {Oid} from '../common/ids.ts';
import type {CatalogChange} from './contract.ts';
import type {
  ConstraintDescriptor,
  Descriptor,
  FunctionDescriptor,
  IndexDescriptor,
  PolicyDescriptor,
  RelationDescriptor,
} from './descriptors.ts';
import {clashError} from './catalog-errors.ts';
import {PersistentMap} from './persistent-map.ts';
import {rowArrayOid} from './well-known.ts';

/** How a type OID belongs to a descriptor: its own type, or the array of it. */
export interface TypeEntry {
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  readonly owner: Extract<Descriptor, {kind: 'table' | 'view' | 'type'}>;
  readonly isArray: boolean;
}

/** The persistent maps of one snapshot. */
export interface CatalogState {
  /** By kind, then OID. */
  readonly objects: Readonly<Record<Descriptor['kind'], PersistentMap<Oid, Descriptor>>>;
  /** Relations by OID, and by `schema.name`. */
  readonly relations: PersistentMap<Oid, RelationDescriptor>;
  readonly relationNames: PersistentMap<string, RelationDescriptor>;
  readonly types: PersistentMap<Oid, TypeEntry>;
  readonly typeNames: PersistentMap<string, TypeEntry>;
  readonly functionNames: PersistentMap<string, readonly FunctionDescriptor[]>;
  /** Other named things by `kind:name` or `kind:schema.name`. */
  readonly names: PersistentMap<string, Descriptor>;
  readonly indexes: PersistentMap<Oid, readonly IndexDescriptor[]>;
  readonly constraints: PersistentMap<Oid, readonly ConstraintDescriptor[]>;
  readonly referencing: PersistentMap<Oid, readonly ConstraintDescriptor[]>;
  readonly policies: PersistentMap<Oid, readonly PolicyDescriptor[]>;
}

/** A state without objects. */
export function emptyState(): CatalogState {
  return {
    objects: {
      schema: PersistentMap.empty(),
      database: PersistentMap.empty(),
      role: PersistentMap.empty(),
      table: PersistentMap.empty(),
      index: PersistentMap.empty(),
      constraint: PersistentMap.empty(),
      view: PersistentMap.empty(),
      sequence: PersistentMap.empty(),
      type: PersistentMap.empty(),
      function: PersistentMap.empty(),
      liveQuery: PersistentMap.empty(),
      storage: PersistentMap.empty(),
      policy: PersistentMap.empty(),
      cast: PersistentMap.empty(),
      defaultAcl: PersistentMap.empty(),
    },
    relations: PersistentMap.empty(),
    relationNames: PersistentMap.empty(),
    types: PersistentMap.empty(),
    typeNames: PersistentMap.empty(),
    functionNames: PersistentMap.empty(),
    names: PersistentMap.empty(),
    indexes: PersistentMap.empty(),
    constraints: PersistentMap.empty(),
    referencing: PersistentMap.empty(),
    policies: PersistentMap.empty(),
  };
}

function objectKey(kind: Descriptor['kind'], objectOid: Oid): string {
  return `${kind}:${objectOid}`;
}

/** The state with all changes made at once: old names leave first, so that renames may swap. Clashes raise. */
export function applyChanges(state: CatalogState, changes: readonly CatalogChange[]): CatalogState {
  const last = new Map<string, CatalogChange>();
  for (const change of changes) {
    const key =
      change.op === 'put'
        ? objectKey(change.descriptor.kind, change.descriptor.oid)
        : objectKey(change.kind, change.oid);
    last.delete(key);
    last.set(key, change);
  }
  const draft: Draft = {...state, objects: {...state.objects}};
  for (const change of last.values()) {
    const old =
      change.op === 'put'
        ? draft.objects[change.descriptor.kind].get(change.descriptor.oid)
        : draft.objects[change.kind].get(change.oid);
    if (old !== undefined) removeObject(draft, old);
  }
  for (const change of last.values()) {
    if (change.op === 'put') addObject(draft, change.descriptor);
  }
  return draft;
}

type Draft = {
  -readonly [K in keyof CatalogState]: K extends 'objects'
    ? Record<Descriptor['kind'], PersistentMap<Oid, Descriptor>>
    : CatalogState[K];
};

function removeObject(draft: Draft, old: Descriptor): void {
  draft.objects[old.kind] = draft.objects[old.kind].delete(old.oid);
  switch (old.kind) {
    case 'table':
    case 'view':
    case 'sequence':
    case 'index':
      draft.relations = draft.relations.delete(old.oid);
      draft.relationNames = draft.relationNames.delete(`${old.schema}.${old.name}`);
      if (old.kind === 'table' || old.kind === 'view') removeTypes(draft, old.rowType);
      if (old.kind === 'index') draft.indexes = withoutOid(draft.indexes, old.table, old.oid);
      break;
    case 'type':
      removeTypes(draft, old.oid, old.arrayOid);
      break;
    case 'function': {
      const name = `${old.schema}.${old.name}`;
      draft.functionNames = withoutOid(draft.functionNames, name, old.oid);
      break;
    }
    case 'constraint':
      draft.constraints = withoutOid(draft.constraints, constraintOwner(old), old.oid);
      if (old.type === 'f') {
        draft.referencing = withoutOid(draft.referencing, old.referencedTable, old.oid);
      }
      break;
    case 'policy':
      draft.policies = withoutOid(draft.policies, old.table, old.oid);
      break;
    default:
      draft.names = draft.names.delete(nameKey(old));
  }
}

function addObject(draft: Draft, descriptor: Descriptor): void {
  const {kind} = descriptor;
  draft.objects[kind] = draft.objects[kind].set(descriptor.oid, descriptor);
  switch (descriptor.kind) {
    case 'table':
    case 'view':
    case 'sequence':
    case 'index':
      addRelation(draft, descriptor);
      break;
    case 'type':
      addTypes(draft, descriptor, descriptor.oid, descriptor.arrayOid);
      break;
    case 'function': {
      const name = `${descriptor.schema}.${descriptor.name}`;
      const same = draft.functionNames.get(name) ?? [];
      if (same.some(other => sameTypes(other, descriptor))) throw clashError(descriptor);
      draft.functionNames = withItem(draft.functionNames, name, descriptor);
      break;
    }
    case 'constraint': {
      const owner = constraintOwner(descriptor);
      const siblings = draft.constraints.get(owner) ?? [];
      if (siblings.some(other => other.name === descriptor.name)) {
        throw clashError(descriptor, draft.relations.get(descriptor.table)?.name);
      }
      draft.constraints = withItem(draft.constraints, owner, descriptor);
      if (descriptor.type === 'f') {
        draft.referencing = withItem(draft.referencing, descriptor.referencedTable, descriptor);
      }
      break;
    }
    case 'policy': {
      const siblings = draft.policies.get(descriptor.table) ?? [];
      if (siblings.some(other => other.name === descriptor.name))
        throw clashError(descriptor, draft.relations.get(descriptor.table)?.name);
      draft.policies = withItem(draft.policies, descriptor.table, descriptor);
      break;
    }
    default: {
      const name = nameKey(descriptor);
      if (draft.names.has(name)) throw clashError(descriptor);
      draft.names = draft.names.set(name, descriptor);
    }
  }
}

function addRelation(
  draft: Draft,
  descriptor: Extract<Descriptor, {kind: 'table' | 'view' | 'sequence' | 'index'}>,
): void {
  const name = `${descriptor.schema}.${descriptor.name}`;
  if (draft.relationNames.has(name)) throw clashError(descriptor);
  draft.relations = draft.relations.set(descriptor.oid, descriptor);
  draft.relationNames = draft.relationNames.set(name, descriptor);
  if (descriptor.kind === 'index') {
    draft.indexes = withItem(draft.indexes, descriptor.table, descriptor);
  } else if (descriptor.kind !== 'sequence' && descriptor.rowType !== 0) {
    addTypes(draft, descriptor, descriptor.rowType, rowArrayOid(descriptor.rowType));
  }
}

function addTypes(draft: Draft, owner: TypeEntry['owner'], typeOid: Oid, arrayOid: Oid): void {
  const name = `${owner.schema}.${owner.name}`;
  const existing = draft.typeNames.get(name);
  if (existing !== undefined) {
    if (!existing.isArray) throw clashError({...owner, kind: 'type'} as Descriptor);
    addType(draft, {...existing, name: freeArrayName(draft, owner.schema, existing.name)});
  }
  addType(draft, {oid: typeOid, name: owner.name, schema: owner.schema, owner, isArray: false});
  if (arrayOid === 0) return;
  const arrayName = freeArrayName(draft, owner.schema, owner.name);
  addType(draft, {oid: arrayOid, name: arrayName, schema: owner.schema, owner, isArray: true});
}

function addType(draft: Draft, entry: TypeEntry): void {
  draft.types = draft.types.set(entry.oid, entry);
  draft.typeNames = draft.typeNames.set(`${entry.schema}.${entry.name}`, entry);
}

/** `_name`, with more underscores while taken (PostgreSQL makeArrayTypeName). */
function freeArrayName(draft: Draft, schema: Oid, name: string): string {
  let array = truncate(`_${name}`);
  while (draft.typeNames.has(`${schema}.${array}`)) array = truncate(`_${array}`);
  return array;
}

/** At most 63 bytes. */
function truncate(name: string): string {
  if (Buffer.byteLength(name) <= 63) return name;
  return Buffer.from(name).subarray(0, 63).toString('utf8').replace(/�$/, '');
}

function removeTypes(draft: Draft, typeOid: Oid, arrayOid: Oid = rowArrayOid(typeOid)): void {
  for (const each of [typeOid, arrayOid]) {
    const entry = draft.types.get(each);
    if (entry === undefined) continue;
    draft.types = draft.types.delete(each);
    draft.typeNames = draft.typeNames.delete(`${entry.schema}.${entry.name}`);
  }
}

/** A table's OID, or a domain's. */
function constraintOwner(constraint: ConstraintDescriptor): Oid {
  return constraint.table === 0 ? constraint.domain : constraint.table;
}

function nameKey(descriptor: Descriptor): string {
  return 'schema' in descriptor
    ? `${descriptor.kind}:${descriptor.schema}.${descriptor.name}`
    : `${descriptor.kind}:${descriptor.name}`;
}

function sameTypes(a: FunctionDescriptor, b: FunctionDescriptor): boolean {
  return (
    a.argTypes.length === b.argTypes.length &&
    a.argTypes.every((type, at) => type === b.argTypes[at])
  );
}

function withItem<K extends string | number, T extends {readonly oid: Oid}>(
  map: PersistentMap<K, readonly T[]>,
  key: K,
  item: T,
): PersistentMap<K, readonly T[]> {
  const items = [...(map.get(key) ?? []), item];
  return map.set(
    key,
    items.sort((a, b) => a.oid - b.oid),
  );
}

function withoutOid<K extends string | number, T extends {readonly oid: Oid}>(
  map: PersistentMap<K, readonly T[]>,
  key: K,
  itemOid: Oid,
): PersistentMap<K, readonly T[]> {
  const rest = (map.get(key) ?? []).filter(item => item.oid !== itemOid);
  return rest.length === 0 ? map.delete(key) : map.set(key, rest);
}
