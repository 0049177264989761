import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {RowMark} from '../locks/lock-parts.ts';
import type {WriteMark} from './write-mark.ts';
import type {TableWrites} from './write-set.ts';

/** State of a transaction at SAVEPOINT. */
export interface Savepoint {
  readonly name: string;
  readonly command: number;
  readonly marks: ReadonlyMap<TableWrites, WriteMark>;
  readonly rowLocks: RowMark;
  readonly heavyLocks: number;
  readonly ddl: number;
}

/** The stack of savepoints of a transaction; a name may be set again and hides the earlier one. */
export class Savepoints {
  #stack: Savepoint[] = [];

  get size(): number {
    return this.#stack.length;
  }

  /** The commands after which they were set. */
  get commands(): readonly number[] {
    return this.#stack.map(({command}) => command);
  }

  push(savepoint: Savepoint): void {
    this.#stack.push(savepoint);
  }

  /** The newest savepoint of a name; those after it are dropped. */
  rollbackTo(name: string): Savepoint {
    const at = this.#find(name);
    this.#stack.length = at + 1;
    return this.#stack[at]!;
  }

  release(name: string): void {
    this.#stack.length = this.#find(name);
  }

  #find(name: string): number {
    const at = this.#stack.findLastIndex(savepoint => savepoint.name === name);
    if (at === -1)
      throw new PgError(
        SqlState.invalidSavepointSpecification,
        `savepoint "${name}" does not exist`,
      );
    return at;
  }
}
