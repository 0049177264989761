import type {Datum, FormatSettings, TypeInstance, TypeLookup, Value} from '../types/contract.ts';

/**
 * What functions may ask of the world outside their arguments. Narrow ports, implemented in
 * session/ports/, one file each.
 * A port that is missing in a context (embedded expression evaluation) raises 0A000 when called.
 */
export interface EvalContext {
  readonly format: FormatSettings;
  readonly types: TypeLookup;
  readonly clock: ClockPort;
  readonly session: SessionPort;
  readonly sequences: SequencePort;
  readonly settings: SettingsPort;
  readonly catalog: CatalogPort;
  readonly random: RandomPort;
  /** Functions of upper layers by prosrc (pg_notify, pg_backend_pid, system.flush ...). */
  readonly extern: ExternPort;
  /** The same for functions that a SECURITY DEFINER function calls: `role` is current_user. Missing: there are no roles. */
  as?(role: number): EvalContext;
  /** Who evaluates now, for functions that may take long; missing: nobody can repeat. */
  readonly repeat?: RepeatPort;
}

/** Kept by operators that repeat an evaluation after a WaitSignal. */
export interface RepeatPort {
  /** Whether the evaluation under way is repeated when a function throws WaitSignal. */
  isRepeatable: boolean;
  /** Counts evaluations that came to their end. */
  evaluation: number;
  /** Time that slow functions have held the process in this turn. */
  spentMs: number;
}

/** Microseconds since 2000-01-01 UTC. */
export interface ClockPort {
  transactionTimestamp(): bigint;
  statementTimestamp(): bigint;
  clockTimestamp(): bigint;
}

export interface SessionPort {
  currentUser(): string;
  sessionUser(): string;
  currentDatabase(): string;
  /** Existing schemas of search_path; with the implicit pg_temp and pg_catalog when asked. */
  currentSchemas(includeImplicit: boolean): readonly string[];
  backendPid(): number;
}

export interface SequencePort {
  nextval(sequence: number): bigint;
  currval(sequence: number): bigint;
  setval(sequence: number, value: bigint, isCalled: boolean): bigint;
  lastval(): bigint;
}

export interface SettingsPort {
  /** current_setting; undefined when unknown. */
  get(name: string): string | undefined;
  set(name: string, value: string, isLocal: boolean): string;
}

/**
 * Catalog information functions (format_type, pg_get_expr, has_table_privilege ...) by prosrc: the
 * catalog layer's rows join here.
 */
export interface CatalogPort {
  call(source: string, args: readonly Datum[]): Datum;
}

export interface RandomPort {
  /** [0, 1) */
  next(): number;
  seed(value: number): void;
  bytes(size: number): Uint8Array;
}

export interface ExternPort {
  call(source: string, args: readonly Datum[]): Datum;
}

/**
 * How a function's code is given. `args` of the emitted forms are JavaScript source of already
 * evaluated non-null values.
 */
export type FunctionCode =
  /**
   * JavaScript source of the result from sources of the arguments, for hot simple ones. `h` names a
   * helper registered beside it.
   */
  | {
      readonly emit: (...args: string[]) => string;
      readonly helpers?: Readonly<Record<string, unknown>>;
      /**
       * Never throws and never loops for any operands of the right JavaScript type: may run for rows whose
       * result is NULL anyway.
       */
      readonly isTotal?: boolean;
    }
  /** A plain function of values: strict ones never see null. `this`-free. */
  | {readonly fn: (...args: never[]) => Datum}
  /** A function that also needs the context (last parameter) . */
  | {readonly fnCtx: (...args: never[]) => Datum}
  /**
   * A function that needs the resolved types of arguments and result (polymorphic: array_append,
   * row_to_json, format_type).
   */
  | {readonly fnTyped: (types: CallTypes) => (...args: never[]) => Datum};

/** A column of a row-returning call: of its column definition list, or of its row type. */
export interface CallColumn {
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** Resolved types of one call. */
export interface CallTypes {
  /** Columns that a set-returning call must yield; json_to_recordset and its kin need them. */
  readonly columns?: readonly CallColumn[];
  readonly args: readonly TypeInstance[];
  readonly result: TypeInstance;
  readonly lookup: TypeLookup;
  /** The order of an aggregate's rows; hypothetical-set aggregates look for a place in it. */
  readonly orderBy?: readonly {readonly descending: boolean; readonly nullsFirst: boolean}[];
  readonly context: () => EvalContext;
}

/**
 * An aggregate: state per group is a JavaScript value made by `init`; NULL inputs are skipped when
 * `skipsNull`.
 */
export interface AggregateCode {
  readonly skipsNull: boolean;
  /** Called once per compiled aggregate. */
  create(types: CallTypes): AggregateRun;
}

/** One aggregate bound to its types; `S` is opaque. */
export interface AggregateRun {
  init(): unknown;
  /** Returns the new state (may be the same object). `args` null for count(*). */
  step(state: unknown, args: readonly Datum[]): unknown;
  final(state: unknown): Datum;
  /**
   * Fast form for one numeric column without NULL-dependence, used by the hash aggregate's typed loops:
   * which accumulator the operator keeps itself.
   * null = only step/final.
   */
  readonly fast:
    | 'count'
    | 'sumInt32'
    | 'sumInt64'
    | 'sumFloat64'
    | 'avgInt32'
    | 'avgFloat64'
    | 'min'
    | 'max'
    | null;
}

/**
 * A set-returning function: called once per row, its rows pulled one by one. In FROM, `next` may throw WaitSignal: it is called
 * again after the wait.
 */
export interface SetFunctionCode {
  create(
    types: CallTypes,
  ): (args: readonly Datum[], context: EvalContext) => Iterator<Datum | readonly Datum[]>;
}

/** Everything `functions/` knows, by prosrc. */
export interface FunctionLibrary {
  scalar(source: string): FunctionCode | undefined;
  aggregate(source: string): AggregateCode | undefined;
  setReturning(source: string): SetFunctionCode | undefined;
}

/** A non-null value, for signatures of strict functions. */
export type {Value};
