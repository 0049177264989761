// Hot path: decides per change and group.
import type {OwnerId, Seq} from '../../common/ids.ts';
import type {ExprRun} from '../../expr/run.ts';
import {CHANGE_DELETE, CHANGE_INSERT, CHANGE_UPDATE, type ChangeOp, Frame} from '../frame.ts';
import type {CompiledShape} from './compiled-shape.ts';
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

/** Subscriptions with the same shape, values, owner, role and codec: one evaluation and one frame for all of them. */
export class Group {
  readonly compiled: CompiledShape;
  /** Identity of the group in its matcher. */
  readonly text: string;
  readonly owner: OwnerId | null;
  readonly run: ExprRun;
  /** Access keys; null when the shape has none (every change of the table is a candidate). */
  readonly keys: readonly RowKey[] | null;
  members: GroupMember[] = NO_MEMBERS;
  /** Tail of resume tokens, without the seq. */
  readonly tokenTail: string;
  /** Position in the list of groups without a key. */
  scanAt = -1;
  /** What the commit being matched does to the result; the same empty lists while there is none. */
  #ops: ChangeOp[] = NO_OPS;
  #rows: (readonly unknown[])[] = NO_ROWS;
  #olds: (readonly unknown[] | null)[] = NO_OLDS;
  #error: unknown = null;

  constructor(
    compiled: CompiledShape,
    identity: {
      readonly text: string;
      readonly owner: OwnerId | null;
      readonly run: ExprRun;
      readonly tokenTail: string;
    },
    keys: readonly RowKey[] | null,
  ) {
    this.compiled = compiled;
    this.text = identity.text;
    this.owner = identity.owner;
    this.run = identity.run;
    this.tokenTail = identity.tokenTail;
    this.keys = keys;
  }

  /** Whether it has something for the commit being matched. */
  get isTouched(): boolean {
    return this.#ops.length > 0 || this.#error !== null;
  }

  /** Evaluates the change that the shape began; `hasOld` and `hasNew`: whether that image has an access key of this group. */
  decide(hasOld: boolean, hasNew: boolean): void {
    const {compiled, run} = this;
    if (this.#error !== null) return;
    try {
      const was = hasOld && compiled.accepts(run, compiled.oldRow!);
      const is = hasNew && compiled.accepts(run, compiled.newRow!);
      if (is) {
        if (was && compiled.isKeyTouched) this.#add(CHANGE_DELETE, compiled.projectOld(run), null);
        if (!was || compiled.isKeyTouched) this.#add(CHANGE_INSERT, compiled.projectNew(run), null);
        else if (compiled.isProjectionTouched)
          this.#add(CHANGE_UPDATE, compiled.projectNew(run), compiled.projectOld(run));
      } else if (was) {
        this.#add(CHANGE_DELETE, compiled.projectOld(run), null);
      }
    } catch (error) {
      // One bad row or query must not stop the others.
      this.#error = error;
    }
  }

  #add(op: ChangeOp, row: readonly unknown[], old: readonly unknown[] | null): void {
    if (this.#ops.length === 0) {
      this.#ops = [];
      this.#rows = [];
      this.#olds = [];
    }
    this.#ops.push(op);
    this.#rows.push(row);
    this.#olds.push(old);
  }

  join(member: GroupMember): void {
    member.memberAt = this.members.length;
    // An array that grows by push has room for 17 at once; most groups have one member.
    if (this.members.length === 0) this.members = [member];
    else this.members.push(member);
  }

  hasKey(key: RowKey | undefined): boolean {
    return key !== undefined && this.keys !== null && this.keys.includes(key);
  }

  /** The commit's frame, or the error that evaluating it raised; the group is empty again. */
  take(seq: Seq): Frame {
    const error = this.#error;
    if (error !== null) {
      this.#clear();
      throw error;
    }
    if (this.#ops.length > 1) this.#deletionsFirst();
    const frame = new Frame(seq, this.#ops, this.#rows, this.#olds, this.tokenTail);
    frame.isShared = this.members.length > 1;
    this.#clear();
    return frame;
  }

  /** A commit can delete a key and insert it again, or swap two keys: who applies changes one by one needs the old rows gone first. */
  #deletionsFirst(): void {
    const ops = this.#ops;
    const order: number[] = [];
    for (let i = 0; i < ops.length; i++) if (ops[i] === CHANGE_DELETE) order.push(i);
    if (order.length === 0 || order.at(-1) === order.length - 1) return;
    for (let i = 0; i < ops.length; i++) if (ops[i] !== CHANGE_DELETE) order.push(i);
    const rows = this.#rows;
    const olds = this.#olds;
    this.#ops = order.map(at => ops[at]!);
    this.#rows = order.map(at => rows[at]!);
    this.#olds = order.map(at => olds[at]!);
  }

  #clear(): void {
    this.#error = null;
    this.#ops = NO_OPS;
    this.#rows = NO_ROWS;
    this.#olds = NO_OLDS;
  }
}

const NO_MEMBERS: GroupMember[] = [];
const NO_OPS: ChangeOp[] = [];
const NO_ROWS: (readonly unknown[])[] = [];
const NO_OLDS: (readonly unknown[] | null)[] = [];
