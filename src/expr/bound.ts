import type {Oid} from '../common/ids.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';

/** What every bound expression knows: its type, typmod (-1 none) and byte offset in the statement text (-1 unknown). */
interface ExprBase {
  readonly type: TypeInstance;
  readonly typmod: number;
  readonly location: number;
}

/**
 * How a conversion or call stands in the text, for deparsing only: `cast` written as a cast, `implicit` added by the binder,
 * `syntax` a call in SQL syntax (EXTRACT(year FROM d)). Absent: function notation.
 */
export type CallForm = 'cast' | 'implicit' | 'syntax';

/** A value known at bind time. Its value is an argument of the generated code, never in its source. */
export interface ConstantExpr extends ExprBase {
  readonly kind: 'constant';
  readonly value: Datum;
}

/** A literal of the statement text kept as a slot so that statements differing in literals share a plan. */
export interface SlotExpr extends ExprBase {
  readonly kind: 'slot';
  readonly index: number;
}

/** $n, 0-based. */
export interface ParamExpr extends ExprBase {
  readonly kind: 'param';
  readonly index: number;
}

/** A column of the input batch of the operator that evaluates the expression. */
export interface ColumnExpr extends ExprBase {
  readonly kind: 'column';
  readonly index: number;
}

/** A value of an enclosing query level: read from `run.outer[index]`, filled by the Apply operator before it opens its subplan. */
export interface OuterExpr extends ExprBase {
  readonly kind: 'outer';
  readonly index: number;
}

/** A function call resolved to a pg_proc row; operators and casts with functions are calls too. */
export interface CallExpr extends ExprBase {
  readonly kind: 'call';
  readonly function: Oid;
  /** prosrc: the key into `functions/`. */
  readonly source: string;
  readonly isStrict: boolean;
  readonly volatility: 'i' | 's' | 'v';
  readonly args: readonly BoundExpr[];
  /** How EXPLAIN and deparse print it: operator symbol, or '' for function notation. */
  readonly operatorName: string;
  readonly functionName: string;
  readonly form?: CallForm;
  /** Who is current_user to it: the owner of the SECURITY DEFINER function that calls it; absent: the session's. */
  readonly asRole?: Oid;
}

export interface AndExpr extends ExprBase {
  readonly kind: 'and';
  readonly args: readonly BoundExpr[];
}

export interface OrExpr extends ExprBase {
  readonly kind: 'or';
  readonly args: readonly BoundExpr[];
}

export interface NotExpr extends ExprBase {
  readonly kind: 'not';
  readonly arg: BoundExpr;
}

/** IS [NOT] NULL; of a row value when `isRow` (true only if every field is [not] NULL). */
export interface NullTestExpr extends ExprBase {
  readonly kind: 'nullTest';
  readonly arg: BoundExpr;
  readonly negated: boolean;
  readonly isRow: boolean;
}

/** IS [NOT] TRUE | FALSE | UNKNOWN. */
export interface BooleanTestExpr extends ExprBase {
  readonly kind: 'booleanTest';
  readonly arg: BoundExpr;
  readonly test: 'true' | 'false' | 'unknown';
  readonly negated: boolean;
}

/** IS [NOT] DISTINCT FROM over an equality call with placeholders: `equality` is the '=' function applied to (left, right). */
export interface DistinctExpr extends ExprBase {
  readonly kind: 'distinct';
  readonly left: BoundExpr;
  readonly right: BoundExpr;
  /** prosrc of the '=' operator's function. */
  readonly equalitySource: string;
  readonly negated: boolean;
}

/** CASE WHEN ... ; simple CASE is bound with the operand in a 'let' and comparisons as conditions. */
export interface CaseExpr extends ExprBase {
  readonly kind: 'case';
  readonly whens: readonly {readonly condition: BoundExpr; readonly result: BoundExpr}[];
  /** A null constant when there is no ELSE. */
  readonly otherwise: BoundExpr;
}

/** Evaluates `value` once and makes it readable as `letRef` with the same id inside `body`. */
export interface LetExpr extends ExprBase {
  readonly kind: 'let';
  readonly id: number;
  readonly value: BoundExpr;
  readonly body: BoundExpr;
}

export interface LetRefExpr extends ExprBase {
  readonly kind: 'letRef';
  readonly id: number;
}

export interface CoalesceExpr extends ExprBase {
  readonly kind: 'coalesce';
  readonly args: readonly BoundExpr[];
}

/** GREATEST, LEAST: by the type's default order, NULLs skipped. */
export interface MinMaxExpr extends ExprBase {
  readonly kind: 'minMax';
  readonly isGreatest: boolean;
  readonly args: readonly BoundExpr[];
}

/** NULLIF(left, right): `equality` is a boolean call over the two (left is evaluated once). */
export interface NullIfExpr extends ExprBase {
  readonly kind: 'nullIf';
  readonly left: BoundExpr;
  readonly right: BoundExpr;
  readonly equalitySource: string;
}

/** left op ANY | ALL (array). `source` is prosrc of the operator's function over (left, element). */
export interface ScalarArrayExpr extends ExprBase {
  readonly kind: 'scalarArray';
  readonly left: BoundExpr;
  readonly array: BoundExpr;
  readonly source: string;
  readonly operatorName: string;
  readonly isAll: boolean;
}

/** ARRAY[...]; elements of an array type build a higher dimension. */
export interface ArrayExpr extends ExprBase {
  readonly kind: 'array';
  readonly elements: readonly BoundExpr[];
  readonly isMultiDimensional: boolean;
}

/**
 * ROW(...). `names`: of the fields of a subquery's whole row, for row_to_json and its kin. `presence`: the row is NULL where this is (the
 * whole row of an outer join's side that found no partner).
 */
export interface RowExpr extends ExprBase {
  readonly kind: 'row';
  readonly fields: readonly BoundExpr[];
  readonly presence?: BoundExpr;
  readonly names?: readonly string[];
}

/** (record).field, 0-based. */
export interface FieldExpr extends ExprBase {
  readonly kind: 'field';
  readonly arg: BoundExpr;
  readonly index: number;
}

/** array[i][j] or array[l:u]...; jsonb subscripts are calls. A slice has isSlice and null for omitted bounds. */
export interface SubscriptExpr extends ExprBase {
  readonly kind: 'subscript';
  readonly array: BoundExpr;
  readonly isSlice: boolean;
  readonly subscripts: readonly {
    readonly lower: BoundExpr | null;
    readonly upper: BoundExpr | null;
  }[];
}

/** Row comparison (a, b) < (c, d): pairs left to right; sources are prosrc of '=' and of the operator per pair. */
export interface RowCompareExpr extends ExprBase {
  readonly kind: 'rowCompare';
  readonly operator: '=' | '<>' | '<' | '<=' | '>' | '>=';
  readonly left: readonly BoundExpr[];
  readonly right: readonly BoundExpr[];
  readonly equalitySources: readonly string[];
  readonly operatorSources: readonly string[];
}

/** Same bits under another type (varchar -> text, int4 -> oid is a call, domain -> base). */
export interface RelabelExpr extends ExprBase {
  readonly kind: 'relabel';
  readonly arg: BoundExpr;
  /** Set for COLLATE: the collation's name. */
  readonly collation?: string;
  readonly form?: CallForm;
}

/** Cast through text output and input. */
export interface IoCastExpr extends ExprBase {
  readonly kind: 'ioCast';
  readonly arg: BoundExpr;
  readonly form?: CallForm;
}

/** Cast of each array element: `element` is bound over letRef `id`. */
export interface ArrayCastExpr extends ExprBase {
  readonly kind: 'arrayCast';
  readonly arg: BoundExpr;
  readonly id: number;
  readonly element: BoundExpr;
  readonly form?: CallForm;
}

/** Value into a domain: NOT NULL and CHECKs (bound over letRef `id`), 23502 / 23514. */
export interface DomainCastExpr extends ExprBase {
  readonly kind: 'domainCast';
  readonly arg: BoundExpr;
  readonly id: number;
  readonly isNotNull: boolean;
  /** The domain's schema, for the fields of its errors. */
  readonly schemaName: string;
  readonly checks: readonly {readonly name: string; readonly condition: BoundExpr}[];
  readonly form?: CallForm;
}

/** Run-time values of the session and transaction; no plan holds them. */
export interface SessionValueExpr extends ExprBase {
  readonly kind: 'sessionValue';
  readonly name:
    | 'current_user'
    | 'session_user'
    | 'current_role'
    | 'current_catalog'
    | 'current_schema'
    | 'current_date'
    | 'current_time'
    | 'current_timestamp'
    | 'localtime'
    | 'localtimestamp';
}

/** An expression whose names are resolved; readonly data, evaluated only through the emitter. */
export type BoundExpr =
  | ConstantExpr
  | SlotExpr
  | ParamExpr
  | ColumnExpr
  | OuterExpr
  | CallExpr
  | AndExpr
  | OrExpr
  | NotExpr
  | NullTestExpr
  | BooleanTestExpr
  | DistinctExpr
  | CaseExpr
  | LetExpr
  | LetRefExpr
  | CoalesceExpr
  | MinMaxExpr
  | NullIfExpr
  | ScalarArrayExpr
  | ArrayExpr
  | RowExpr
  | FieldExpr
  | SubscriptExpr
  | RowCompareExpr
  | RelabelExpr
  | IoCastExpr
  | ArrayCastExpr
  | DomainCastExpr
  | SessionValueExpr;
