// Hot path: decides per change and group.
import type {OwnerId, Seq} from '../../common/ids.ts';
import type {ExprRun} from '../../expr/run.ts';
import type {Datum} from '../../types/contract.ts';
import {CHANGE_DELETE, CHANGE_INSERT, CHANGE_UPDATE, type ChangeOp, Frame} from '../frame.ts';
import type {CompiledShape} from './compiled-shape.ts';
import type {GroupFamily} from './group-family.ts';
import {type GroupValues, unpackValues} from './group-values.ts';
import type {RowKey} from './row-key.ts';

/** Who gets a group's frames. */
export interface GroupMember {
  /** Its place among the group's members. */
  memberAt: number;
  deliver(frame: Frame): void;
  /** A commit cannot be evaluated; nothing happens when what it shows already has that commit. */
  failAt(seq: Seq, error: unknown): void;
  reset(reason: string): void;
}

/** What the commit being matched does to the result of a group. */
class GroupChange {
  ops: ChangeOp[] = [];
  rows: (readonly unknown[])[] = [];
  olds: (readonly unknown[] | null)[] = [];
  error: unknown = null;

  add(op: ChangeOp, row: readonly unknown[], old: readonly unknown[] | null): void {
    this.ops.push(op);
    this.rows.push(row);
    this.olds.push(old);
  }

  /** A commit can delete a key and insert it again, or swap two keys: who applies changes one by one needs the old rows gone first. */
  deletionsFirst(): void {
    const {ops, rows, olds} = this;
    const order: number[] = [];
    for (let i = 0; i < ops.length; i++) if (ops[i] === CHANGE_DELETE) order.push(i);
    if (order.length === 0 || order.at(-1) === order.length - 1) return;
    for (let i = 0; i < ops.length; i++) if (ops[i] !== CHANGE_DELETE) order.push(i);
    this.ops = order.map(at => ops[at]!);
    this.rows = order.map(at => rows[at]!);
    this.olds = order.map(at => olds[at]!);
  }
}

/**
 * Subscriptions with the same shape, values, owner, role and codec: one evaluation and one frame for all of them. There may be 100,000
 * groups: what others of the family have too is the family's, and what is read rarely is made anew from the values.
 */
export class Group {
  readonly family: GroupFamily;
  /** Access keys, a lone one without a list; null when the shape has none (every change of the table is a candidate). */
  readonly keys: RowKey | readonly RowKey[] | null;
  /** Position in the list of groups without a key. */
  scanAt = -1;
  readonly #values: GroupValues;
  /** Of the first subscriber; null: its frames are not sent as they are. */
  readonly #queryText: string | null;
  /** Most groups have one, which needs no list. */
  #members: GroupMember | GroupMember[] | null = null;
  #change: GroupChange | null = null;

  constructor(
    family: GroupFamily,
    values: GroupValues,
    keys: readonly RowKey[] | null,
    queryText: string | null,
  ) {
    this.family = family;
    this.#values = values;
    this.keys = keys?.length === 1 ? keys[0]! : keys;
    this.#queryText = queryText;
  }

  get compiled(): CompiledShape {
    return this.family.compiled;
  }

  get owner(): OwnerId | null {
    return this.family.owner;
  }

  /** What its expressions are evaluated with; valid until another group of the family is asked. */
  get run(): ExprRun {
    return this.family.run.with(this.#values);
  }

  /** Parameters (with the lifted constants) and literals, as lists that stay. */
  get values(): Pick<ExprRun, 'params' | 'slots'> {
    return unpackValues(this.#values);
  }

  /** Under which the family knows it. */
  get key(): Datum {
    return this.family.keyOf(this.#values);
  }

  /** Tail of resume tokens, without the seq. */
  get tokenTail(): string {
    return this.#queryText === null ? '' : this.family.tokenTail(this.#values, this.#queryText);
  }

  /** Whether it has something for the commit being matched. */
  get isTouched(): boolean {
    return this.#change !== null;
  }

  /**
   * Evaluates the change that the shape began; `hasOld` and `hasNew`: whether that image has an access key of this group.
   */
  decide(hasOld: boolean, hasNew: boolean): void {
    const {compiled, run} = this.family;
    if (this.#change !== null && this.#change.error !== null) return;
    run.with(this.#values);
    try {
      const was = hasOld && compiled.accepts(run, compiled.oldRow!);
      const is = hasNew && compiled.accepts(run, compiled.newRow!);
      if (!was && !is) return;
      const change = this.#change ?? new GroupChange();
      if (is) {
        if (was && compiled.isKeyTouched) change.add(CHANGE_DELETE, compiled.projectOld(run), null);
        if (!was || compiled.isKeyTouched)
          change.add(CHANGE_INSERT, compiled.projectNew(run), null);
        else if (compiled.isProjectionTouched)
          change.add(CHANGE_UPDATE, compiled.projectNew(run), compiled.projectOld(run));
      } else if (was) {
        change.add(CHANGE_DELETE, compiled.projectOld(run), null);
      }
      if (change.ops.length > 0) this.#change = change;
    } catch (error) {
      // One bad row or query must not stop the others.
      this.fail(error);
    }
  }

  /** The commit being matched cannot be evaluated. */
  fail(error: unknown): void {
    this.#change ??= new GroupChange();
    this.#change.error = error;
  }

  // --- members

  get memberCount(): number {
    if (this.#members === null) return 0;
    return Array.isArray(this.#members) ? this.#members.length : 1;
  }

  /** A member by its place. */
  member(at: number): GroupMember {
    return Array.isArray(this.#members) ? this.#members[at]! : this.#members!;
  }

  join(member: GroupMember): void {
    const known = this.#members;
    member.memberAt = this.memberCount;
    if (known === null) this.#members = member;
    else if (Array.isArray(known)) known.push(member);
    else this.#members = [known, member];
  }

  /** The last member takes its place. */
  leave(member: GroupMember): void {
    const known = this.#members;
    if (!Array.isArray(known)) {
      this.#members = null;
      return;
    }
    const last = known.pop()!;
    if (last !== member) {
      known[member.memberAt] = last;
      last.memberAt = member.memberAt;
    }
    if (known.length === 0) this.#members = null;
  }

  hasKey(key: RowKey | undefined): boolean {
    const {keys} = this;
    if (key === undefined || keys === null) return false;
    return typeof keys === 'object' ? keys.includes(key) : keys === key;
  }

  /** The commit's frame, or the error that evaluating it raised; the group is empty again. */
  take(seq: Seq): Frame {
    const change = this.#change ?? NO_CHANGE;
    this.#change = null;
    if (change.error !== null) throw change.error;
    if (change.ops.length > 1) change.deletionsFirst();
    const frame = new Frame(seq, change.ops, change.rows, change.olds, this.tokenTail);
    frame.isShared = this.memberCount > 1;
    return frame;
  }
}

const NO_CHANGE = new GroupChange();
