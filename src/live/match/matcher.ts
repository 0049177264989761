// Hot path: every commit that touches a table with subscriptions.
import type {Oid, OwnerId} from '../../common/ids.ts';
import type {ChangePart, CommitEvent, RowChange} from '../../storage/contract.ts';
import type {CompiledShape} from './compiled-shape.ts';
import type {Group} from './group.ts';
import type {RowKey} from './row-key.ts';

/** Groups of one shape under one table and owner. */
class ShapeEntry {
  readonly compiled: CompiledShape;
  /** Groups by access key; a lone group is kept without an array. */
  readonly byKey = new Map<RowKey, Group | Group[]>();
  /** Groups of a shape without an access key. */
  readonly scanned: Group[] = [];
  size = 0;

  constructor(compiled: CompiledShape) {
    this.compiled = compiled;
  }

  groups(): ReadonlySet<Group> {
    const groups = new Set<Group>(this.scanned);
    for (const known of this.byKey.values())
      for (const group of Array.isArray(known) ? known : [known]) groups.add(group);
    return groups;
  }

  add(group: Group): void {
    this.size++;
    if (group.keys === null) {
      group.scanAt = this.scanned.length;
      this.scanned.push(group);
      return;
    }
    if (typeof group.keys === 'object') for (const key of group.keys) this.#put(key, group);
    else this.#put(group.keys, group);
  }

  #put(key: RowKey, group: Group): void {
    const known = this.byKey.get(key);
    if (known === undefined) this.byKey.set(key, group);
    else if (Array.isArray(known)) known.push(group);
    else this.byKey.set(key, [known, group]);
  }

  remove(group: Group): void {
    this.size--;
    if (group.keys === null) {
      const last = this.scanned.pop()!;
      if (last !== group) {
        this.scanned[group.scanAt] = last;
        last.scanAt = group.scanAt;
      }
      return;
    }
    if (typeof group.keys === 'object') for (const key of group.keys) this.#take(key, group);
    else this.#take(group.keys, group);
  }

  #take(key: RowKey, group: Group): void {
    const known = this.byKey.get(key);
    if (!Array.isArray(known)) {
      this.byKey.delete(key);
      return;
    }
    const at = known.indexOf(group);
    const last = known.pop()!;
    if (last !== group) known[at] = last;
    if (known.length === 0) this.byKey.delete(key);
  }
}

/** Subscriptions of a table that see one owner's rows, or all rows. */
class OwnerEntry {
  readonly shapes: ShapeEntry[] = [];

  entryOf(compiled: CompiledShape): ShapeEntry | undefined {
    return this.shapes.find(entry => entry.compiled === compiled);
  }
}

class TableEntry {
  readonly owners = new Map<OwnerId, OwnerEntry>();
  readonly all = new OwnerEntry();
}

/**
 * Finds the groups that a commit concerns: (table, owner) -> shape -> access key -> groups. Its cost does not grow with
 * groups that do not match.
 */
export class Matcher {
  readonly #tables = new Map<Oid, TableEntry>();
  readonly #touched: Group[] = [];
  size = 0;

  hasTable(table: Oid): boolean {
    return this.#tables.has(table);
  }

  add(group: Group): void {
    const {table} = group.compiled.shape;
    let entry = this.#tables.get(table);
    if (entry === undefined) {
      entry = new TableEntry();
      this.#tables.set(table, entry);
    }
    let owner = group.owner === null ? entry.all : entry.owners.get(group.owner);
    if (owner === undefined) {
      owner = new OwnerEntry();
      entry.owners.set(group.owner!, owner);
    }
    let shape = owner.entryOf(group.compiled);
    if (shape === undefined) {
      shape = new ShapeEntry(group.compiled);
      owner.shapes.push(shape);
    }
    shape.add(group);
    this.size++;
  }

  remove(group: Group): void {
    const {table} = group.compiled.shape;
    const entry = this.#tables.get(table)!;
    const owner = group.owner === null ? entry.all : entry.owners.get(group.owner)!;
    const shape = owner.entryOf(group.compiled)!;
    shape.remove(group);
    this.size--;
    if (shape.size > 0) return;
    owner.shapes.splice(owner.shapes.indexOf(shape), 1);
    if (owner.shapes.length === 0 && group.owner !== null) entry.owners.delete(group.owner);
    if (entry.owners.size === 0 && entry.all.shapes.length === 0) this.#tables.delete(table);
  }

  /** Whether a commit can concern anyone. */
  concerns(event: CommitEvent): boolean {
    for (let i = 0; i < event.parts.length; i++)
      if (this.#tables.has(event.parts[i]!.table.oid)) return true;
    return false;
  }

  /** Evaluates a commit; `take` of each touched group then gives its frame. The answer is valid until the next call. */
  match(event: CommitEvent): readonly Group[] {
    this.#touched.length = 0;
    for (let i = 0; i < event.parts.length; i++) {
      const part = event.parts[i]!;
      const table = this.#tables.get(part.table.oid);
      if (table === undefined) continue;
      if (part.isTruncate) this.#reset(table, part, 'truncate');
      else if (part.unlistedRows !== undefined) this.#reset(table, part, 'bulk');
      const owned = table.owners.get(part.owner);
      if (owned !== undefined) this.#matchShapes(owned.shapes, part, event.seq);
      this.#matchShapes(table.all.shapes, part, event.seq);
    }
    return this.#touched;
  }

  /** Subscribers read the table anew: all its rows are gone, or too many came at once. */
  #reset(table: TableEntry, part: ChangePart, reason: string): void {
    const entries = [table.all];
    if (part.owner === 0) entries.push(...table.owners.values());
    else {
      const owned = table.owners.get(part.owner);
      if (owned !== undefined) entries.push(owned);
    }
    for (const entry of entries) {
      for (const shape of entry.shapes) {
        for (const group of shape.groups())
          for (let m = group.memberCount - 1; m >= 0; m--) group.member(m).reset(reason);
      }
    }
  }

  #matchShapes(shapes: readonly ShapeEntry[], part: ChangePart, seq: bigint): void {
    const {changes} = part;
    for (let s = 0; s < shapes.length; s++) {
      const entry = shapes[s]!;
      if (!entry.compiled.fits(part.table)) continue;
      try {
        for (let c = 0; c < changes.length; c++) this.#matchChange(entry, changes[c]!, part, seq);
      } catch (error) {
        // Nobody knows whom it concerns: all end, and nobody else does.
        for (const group of entry.groups()) this.#fail(group, error);
      }
    }
  }

  #fail(group: Group, error: unknown): void {
    if (!group.isTouched) this.#touched.push(group);
    group.fail(error);
  }

  #matchChange(entry: ShapeEntry, change: RowChange, part: ChangePart, seq: bigint): void {
    const {compiled, scanned} = entry;
    if (!compiled.begin(change, part, seq)) return;
    const {oldRow, newRow, keyMaker} = compiled;
    for (let i = 0; i < scanned.length; i++)
      this.#decide(scanned[i]!, oldRow !== null, newRow !== null);
    if (keyMaker === null) return;
    const oldKey = oldRow === null ? undefined : keyMaker.ofRow(oldRow);
    const newKey = newRow === null ? undefined : keyMaker.ofRow(newRow);
    if (newKey !== undefined) this.#decideNew(entry, oldKey, newKey);
    if (oldKey === undefined || oldKey === newKey) return;
    const known = entry.byKey.get(oldKey);
    if (known === undefined) return;
    if (!Array.isArray(known)) {
      if (!known.hasKey(newKey)) this.#decide(known, true, false);
      return;
    }
    for (let i = 0; i < known.length; i++)
      if (!known[i]!.hasKey(newKey)) this.#decide(known[i]!, true, false);
  }

  #decideNew(entry: ShapeEntry, oldKey: RowKey | undefined, newKey: RowKey): void {
    const known = entry.byKey.get(newKey);
    if (known === undefined) return;
    if (!Array.isArray(known)) {
      this.#decide(known, oldKey === newKey || known.hasKey(oldKey), true);
      return;
    }
    for (let i = 0; i < known.length; i++)
      this.#decide(known[i]!, oldKey === newKey || known[i]!.hasKey(oldKey), true);
  }

  #decide(group: Group, hasOld: boolean, hasNew: boolean): void {
    const before = group.isTouched;
    group.decide(hasOld, hasNew);
    if (!before && group.isTouched) this.#touched.push(group);
  }
}

/** Evaluates a commit for one group alone (replay of the log); true when there is a frame to take. `isReset` tells a TRUNCATE. */
export function matchOne(
  group: Group,
  event: CommitEvent,
): {readonly hasFrame: boolean; readonly isReset: boolean} {
  const {compiled} = group;
  const {keyMaker, shape} = compiled;
  for (const part of event.parts) {
    if (part.table.oid !== shape.table) continue;
    if (
      group.owner !== null &&
      part.owner !== group.owner &&
      !(part.isTruncate && part.owner === 0)
    )
      continue;
    if (part.isTruncate || !compiled.fits(part.table)) return RESET_FOUND;
    for (const change of part.changes) {
      if (!compiled.begin(change, part, event.seq)) continue;
      const {oldRow, newRow} = compiled;
      if (keyMaker === null) group.decide(oldRow !== null, newRow !== null);
      else
        group.decide(
          oldRow !== null && group.hasKey(keyMaker.ofRow(oldRow)),
          newRow !== null && group.hasKey(keyMaker.ofRow(newRow)),
        );
    }
  }
  return group.isTouched ? FRAME_FOUND : NOTHING_FOUND;
}

const RESET_FOUND = {hasFrame: false, isReset: true} as const;
const FRAME_FOUND = {hasFrame: true, isReset: false} as const;
const NOTHING_FOUND = {hasFrame: false, isReset: false} as const;
