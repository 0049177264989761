import type {Node} from '@pgsql/types';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {FunctionLibrary} from '../functions/contract.ts';
import type {Datum, FormatSettings, TypeInstance} from '../types/contract.ts';

/**
 * The doors of `sql/`, for `session` (each a function or class in the file named):
 *
 * parse/parser.ts          SqlParser.create(); parser.parse(text): ParsedStatement[] (none = empty query)
 * bind/statement.ts        isPlannable(ast), newBinding(context, text)
 * bind/type-name.ts        resolveTypeName(typeName, context or binding): {type, typmod}
 * bind/scalar.ts           bindScalarExpression, bindCondition: DEFAULT, CHECK, index keys, EXECUTE arguments
 * plan/plan-statement.ts   planStatement(statement, context, {literals, noParameters, parameterNames}), describeQuery
 * plan/plan-cache.ts       PlanCache: get(text, environment, plan, make), find(text, environment)
 * deparse/expression.ts    deparseExpression(expr, options)
 * explain.ts               explainPlan(plan, options): lines
 */

/** One statement of a query text. */
export interface ParsedStatement {
  /** libpg-query's tree: an object of one key. For a custom statement without a body of its own: null. */
  readonly ast: Node | null;
  /** The whole text as sent; locations in `ast` are UTF-8 byte offsets in it. */
  readonly text: string;
  /** Byte range of the statement in the text. */
  readonly location: number;
  readonly length: number;
  /** Set when the statement is one of ours; `ast` then holds its body. */
  readonly custom: CustomStatement | null;
}

/** INDEX (columns) USING method [ASC | DESC] [(options)] in a CREATE TABLE. */
export interface InlineIndex {
  /** `position`: 1-based, in characters of the text. */
  readonly columns: readonly {readonly name: string; readonly position: number}[];
  readonly method: string;
  readonly order: 'asc' | 'desc' | null;
  readonly options: readonly (readonly [name: string, value: string])[];
}

/** Statements that PostgreSQL's grammar does not have. `ast` beside it: the plain form of the body. */
export type CustomStatement =
  /** ast: CreateStmt or CreateTableAsStmt. `tableKind`: null when the statement names none. */
  | {
      readonly kind: 'createTable';
      readonly tableKind: 'user' | 'shared' | 'stream' | null;
      readonly ttlSeconds: number | null;
      readonly indexes: readonly InlineIndex[];
    }
  /** ast: CreateSchemaStmt or DropStmt. */
  | {readonly kind: 'namespace'}
  /** ast: SelectStmt `TABLE t`, or null for ALL. */
  | {readonly kind: 'storageFlush' | 'storageCompact'; readonly all: boolean}
  /** Storages; ast: an empty SelectStmt. `options`: keyword in lower case and value. */
  | {
      readonly kind: 'createStorage';
      readonly name: string;
      readonly ifNotExists: boolean;
      readonly options: readonly (readonly [string, string])[];
    }
  | {
      readonly kind: 'alterStorage';
      readonly name: string;
      readonly options: readonly (readonly [string, string])[];
    }
  | {readonly kind: 'dropStorage'; readonly name: string; readonly ifExists: boolean}
  | {readonly kind: 'storageCheck'; readonly name: string; readonly extended: boolean}
  /** ast: SelectStmt `TABLE t`. */
  | {readonly kind: 'describe' | 'showStats' | 'tableCheck'}
  | {readonly kind: 'showTables'; readonly schema: string | null}
  /** ast: SelectStmt. */
  | {readonly kind: 'subscribe'; readonly options: Readonly<Record<string, string>>}
  /** ast: CopyStmt, DeclareCursorStmt with the SELECT as their query; FetchStmt. */
  | {
      readonly kind: 'copySubscribe' | 'declareSubscribe' | 'fetchSubscribe';
      readonly options: Readonly<Record<string, string>>;
    }
  /** ast: CreateRoleStmt or AlterRoleStmt: the verifier of its password is an argon2id hash. */
  | {readonly kind: 'argon2idPassword'}
  /** ast: the inner statement, of any kind. */
  | {readonly kind: 'executeAs'; readonly user: string}
  /** ast: ViewStmt named as the live query; `args`: name and type text. */
  | {
      readonly kind: 'createLiveQuery';
      readonly args: readonly {readonly name: string; readonly type: string}[];
      readonly replace: boolean;
    }
  /** ast: DropStmt of a view of that name. */
  | {readonly kind: 'dropLiveQuery' | 'showLiveQueries'}
  /** ast: RenameStmt, AlterTableStmt (owner), AlterObjectSchemaStmt of a view; CommentStmt on one. */
  | {readonly kind: 'alterLiveQuery' | 'commentLiveQuery'}
  | {readonly kind: 'killJob' | 'killLiveQuery'; readonly id: string}
  /** BACKUP DATABASE TO, RESTORE DATABASE FROM. */
  | {readonly kind: 'backup' | 'restore'; readonly path: string}
  /** EXPORT USER DATA [FOR user] [TO path], IMPORT USER DATA FROM path [FOR user], DROP USER DATA FOR user. */
  | {
      readonly kind: 'exportUserData' | 'importUserData' | 'dropUserData';
      readonly user: string | null;
      readonly path: string | null;
    };

/** What binding and planning read; everything else they must not know. */
export interface BindContext {
  readonly catalog: CatalogSnapshot;
  /** Schema OIDs searched for unqualified names, in order, pg_temp and pg_catalog included where they are implied. */
  readonly searchPath: readonly Oid[];
  /** The current role, whose row-level security policies bind what is read. */
  readonly role: Oid;
  /** The setting `row_security`; 'ignored' while a definition is only printed or looked into. */
  readonly rowSecurity: 'on' | 'off' | 'ignored';
  readonly format: FormatSettings;
  /** Declared parameter types; 0 = to be inferred. */
  readonly parameterTypes: readonly Oid[];
  /** Which functions have code; a call without is 0A000. */
  readonly library: FunctionLibrary;
  /** Evaluates a column-free expression of immutable parts now (constant folding); errors are raised as at execution. */
  evaluate(expr: BoundExpr): Datum;
  /** Rows a stored table holds about now. */
  estimateRows(table: Oid): number;
  /** Parses view texts, defaults, checks. */
  readonly parser: ExpressionParser;
  /** Bound defaults, checks and view queries by descriptor identity; one per database, shared by all sessions. */
  readonly cache: BindCache;
}

/** The part of SqlParser that binding needs. */
export interface ExpressionParser {
  parse(text: string): readonly ParsedStatement[];
}

/** Parsed texts of defaults, checks and views; keyed by text, bounded. */
export interface BindCache {
  parsed(text: string, make: () => Node): Node;
}

/** A literal of the text that became a slot: the plan reads `run.slots[i]`. */
export interface LiteralSlot {
  /** Position in the TokenKey's literal list. */
  readonly literal: number;
  readonly type: TypeInstance;
  readonly typmod: number;
  /** The literal is negated by a minus sign before it. */
  readonly isNegated: boolean;
}

/** A literal token of a text. */
export interface LiteralToken {
  readonly kind: 'int4' | 'int8' | 'numeric' | 'string';
  /** Digits, or the string's value. */
  readonly value: string;
  /** Byte offset of the token. */
  readonly location: number;
}

/** Cache key of a text with its literals taken out. */
export interface TokenKey {
  readonly key: string;
  readonly literals: readonly LiteralToken[];
}

/** Names a type in error texts and options. */
export interface TypeRef {
  readonly type: TypeInstance;
  readonly typmod: number;
}
