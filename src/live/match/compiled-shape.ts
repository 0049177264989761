// Hot path: evaluated per changed row and candidate group.
import type {Oid, OwnerId} from '../../common/ids.ts';
import {columnsOf} from '../../expr/analyze.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {RowCode, ScalarCode} from '../../expr/compile.ts';
import type {ExprCompiler} from '../../expr/compiler.ts';
import {walkExpr} from '../../expr/children.ts';
import type {ExprRun} from '../../expr/run.ts';
import type {ChangePart, RowChange, TableStorage} from '../../storage/contract.ts';
import {PgArray} from '../../types/array-value.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {LiveShape} from '../live-shape.ts';
import {type RowKey, RowKeyMaker} from './row-key.ts';

/** What a shape is compiled with. */
export interface CompileShapeOptions {
  readonly compiler: ExprCompiler;
  /** Target list over the stored row: the shape's own, or as a codec wants it. */
  readonly projection: readonly BoundExpr[];
  /** The table as its rows come: types and places of the stored columns. */
  readonly table: TableStorage;
  readonly ownerName: (owner: OwnerId) => string;
}

/** Code of a shape, shared by all its groups. `begin` once per change, then the tests and projections of that change. */
export class CompiledShape {
  readonly shape: LiveShape;
  readonly keyMaker: RowKeyMaker | null;
  readonly #keyCode: KeyCode;
  readonly #residual: RowCode | null;
  readonly #projection: RowCode;
  readonly #isShared: boolean;
  readonly #projectionPositions: readonly number[];
  readonly #readsPseudo: boolean;
  readonly #types: readonly TypeInstance[];
  readonly #table: TableStorage;
  /** Another form of the table that what is read looks the same in. */
  #alike: TableStorage;
  readonly #ownerName: (owner: OwnerId) => string;
  #oldRow: readonly Datum[] | null = null;
  #newRow: readonly Datum[] | null = null;
  #oldProjected: readonly Datum[] | null = null;
  #newProjected: readonly Datum[] | null = null;
  #isProjectionTouched = true;
  #isKeyTouched = false;

  constructor(shape: LiveShape, options: CompileShapeOptions) {
    const {compiler, projection} = options;
    this.shape = shape;
    this.keyMaker =
      shape.access === null ? null : new RowKeyMaker(shape.access.positions, shape.access.types);
    this.#keyCode = keyCodeOf(shape, compiler);
    this.#residual = shape.residual === null ? null : compiler.row([shape.residual]);
    this.#projection = compiler.row(projection);
    this.#isShared = projection.every(isSameForAll);
    // A codec may read more than the query shows: the key of a row.
    this.#projectionPositions = columnsOf(projection);
    this.#readsPseudo =
      shape.readsPseudo ||
      this.#projectionPositions.some(position => position >= shape.attnums.length);
    this.#types = options.table.columns.map(column => column.type);
    this.#table = options.table;
    this.#alike = options.table;
    this.#ownerName = options.ownerName;
  }

  /**
   * Whether rows of the table as it is there hold what this reads at the same places. If not, its subscriptions are planned anew,
   * and the change is in their rows.
   */
  fits(table: TableStorage): boolean {
    if (table === this.#table || table === this.#alike) return true;
    const {columns} = this.#table;
    const {filterPositions, keyPositions} = this.shape;
    const isAlike =
      (!this.#readsPseudo || table.columns.length === columns.length) &&
      [...filterPositions, ...this.#projectionPositions, ...keyPositions].every(
        at => at >= columns.length || table.columns[at]?.attnum === columns[at]!.attnum,
      );
    if (isAlike) this.#alike = table;
    return isAlike;
  }

  /** Prepares a change; false when it touches no column that the query reads. */
  begin(change: RowChange, part: ChangePart, seq: bigint): boolean {
    const {shape} = this;
    this.#isProjectionTouched = true;
    this.#isKeyTouched = false;
    if (change.op === 'update' && change.oldRow !== null) {
      const isProjectionTouched = this.#isTouched(change, this.#projectionPositions);
      if (!isProjectionTouched && !this.#isTouched(change, shape.filterPositions)) return false;
      this.#isProjectionTouched = isProjectionTouched;
      this.#isKeyTouched = isProjectionTouched && this.#isTouched(change, shape.keyPositions);
    }
    this.#oldRow = this.#withPseudo(change.oldRow, change, part, seq);
    this.#newRow = this.#withPseudo(change.newRow, change, part, seq);
    this.#oldProjected = null;
    this.#newProjected = null;
    return true;
  }

  get oldRow(): readonly Datum[] | null {
    return this.#oldRow;
  }

  get newRow(): readonly Datum[] | null {
    return this.#newRow;
  }

  /** Whether a row that stays in the result looks different after the change. */
  get isProjectionTouched(): boolean {
    return this.#isProjectionTouched;
  }

  /** Whether a row that stays in the result is another row to those who know rows by their primary key. */
  get isKeyTouched(): boolean {
    return this.#isKeyTouched;
  }

  #withPseudo(
    row: readonly Datum[] | null,
    change: RowChange,
    part: ChangePart,
    seq: bigint,
  ): readonly Datum[] | null {
    if (row === null || !this.#readsPseudo) return row;
    const {rid} = change;
    return [
      ...row,
      rid,
      seq,
      part.owner,
      this.#ownerName(part.owner),
      part.table.oid as Oid,
      `(${rid >> 16n},${rid & 0xffffn})`,
    ];
  }

  #isTouched(change: RowChange, positions: readonly number[]): boolean {
    const oldRow = change.oldRow!;
    const newRow = change.newRow!;
    for (let i = 0; i < positions.length; i++) {
      const at = positions[i]!;
      if (at >= oldRow.length) {
        // Of the pseudo columns only _seq changes with an update.
        if (at - oldRow.length === 1) return true;
        continue;
      }
      const before = oldRow[at]!;
      const after = newRow[at]!;
      if (before === after) continue;
      if (before === null || after === null || !isSameStored(this.#types[at]!, before, after))
        return true;
    }
    return false;
  }

  /** The access keys of values: null when the shape has none. */
  accessKeys(run: ExprRun): readonly RowKey[] | null {
    const {keyMaker} = this;
    if (keyMaker === null) return null;
    const keys = new Set<RowKey>();
    const add = (values: readonly Datum[]): void => {
      const key = keyMaker.ofValues(values);
      if (key !== undefined) keys.add(key);
    };
    for (const parts of this.#keyCode.keys) add(parts.map(part => part(run)));
    const list = this.#keyCode.list?.(run);
    if (list instanceof PgArray) for (const element of list.elements) add([element]);
    return [...keys];
  }

  /** Whether a row that has the access key belongs to the result. */
  accepts(run: ExprRun, row: readonly Datum[]): boolean {
    return this.#residual === null || this.#residual(run, row)[0] === true;
  }

  projectOld(run: ExprRun): readonly Datum[] {
    if (!this.#isShared) return this.#projection(run, this.#oldRow!);
    this.#oldProjected ??= this.#projection(run, this.#oldRow!);
    return this.#oldProjected;
  }

  projectNew(run: ExprRun): readonly Datum[] {
    if (!this.#isShared) return this.#projection(run, this.#newRow!);
    this.#newProjected ??= this.#projection(run, this.#newRow!);
    return this.#newProjected;
  }
}

/** Code of the values of an access key. */
interface KeyCode {
  readonly keys: readonly (readonly ScalarCode[])[];
  readonly list: ScalarCode | null;
}

function keyCodeOf({access}: LiveShape, compiler: ExprCompiler): KeyCode {
  if (access === null) return {keys: [], list: null};
  return {
    keys: access.keys.map(parts => parts.map(part => compiler.scalar(part))),
    list: access.list === null ? null : compiler.scalar(access.list),
  };
}

/** True for an expression whose value for a row does not depend on who asks. */
function isSameForAll(expr: BoundExpr): boolean {
  let isSame = true;
  walkExpr(expr, node => {
    if (node.kind === 'param' || node.kind === 'slot' || node.kind === 'sessionValue')
      isSame = false;
    if (node.kind === 'call' && node.volatility !== 'i') isSame = false;
  });
  return isSame;
}

function isSameStored(
  type: TypeInstance,
  a: Exclude<Datum, null>,
  b: Exclude<Datum, null>,
): boolean {
  if (typeof a !== 'object') return Number.isNaN(a) && Number.isNaN(b);
  const left = type.toSqlite(a);
  const right = type.toSqlite(b);
  if (left instanceof Uint8Array && right instanceof Uint8Array)
    return Buffer.compare(left, right) === 0;
  return left === right;
}
