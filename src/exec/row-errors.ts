import {PgError, type PgErrorFields} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {RowCheck} from '../sql/plan/plan.ts';
import type {KeyConflict, TableStorage} from '../storage/contract.ts';
import type {Datum, FormatSettings} from '../types/contract.ts';
import type {CompiledRow} from './compiler.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';

/** Longest text of a value in a failing-row detail, in characters (PostgreSQL cuts at 64 bytes). */
const VALUE_LIMIT = 64;

/** NOT NULL and CHECK constraints of a target table over its new rows. Where policies bind, no error shows a row. */
export class RowConstraints {
  readonly #checks: readonly RowCheck[];
  readonly #conditions: CompiledRow;
  readonly #hidesRows: boolean;

  constructor(checks: readonly RowCheck[], env: ExecEnv) {
    this.#checks = checks.filter(check => check.isPolicy !== true);
    this.#conditions = env.compiler.row(this.#checks.map(check => check.condition));
    this.#hidesRows = this.#checks.length < checks.length;
  }

  /** Whether there is more to check than NOT NULL. */
  get hasConditions(): boolean {
    return this.#checks.length > 0;
  }

  /** Throws 23502 or 23514 as PostgreSQL words them. */
  verify(run: RunContext, table: TableStorage, row: readonly Datum[]): void {
    const {columns} = table;
    for (let i = 0; i < columns.length; i++) {
      if (columns[i]!.isNotNull && row[i] === null)
        throw this.#shown(notNullViolation(run, table, row, i));
    }
    if (this.#checks.length === 0) return;
    const results = this.#conditions(run, row);
    for (let i = 0; i < results.length; i++) {
      const check = this.#checks[i]!;
      if (check.isView === true) {
        if (results[i] !== true) throw this.#shown(viewCheckViolation(run, table, row, check.name));
      } else if (results[i] === false)
        throw this.#shown(checkViolation(run, table, row, check.name));
    }
  }

  /** 23505; its key is a part of a row, too. */
  duplicate(run: RunContext, table: TableStorage, conflict: KeyConflict): PgError {
    return this.#shown(uniqueViolation(run, table, conflict));
  }

  #shown(error: PgError): PgError {
    if (!this.#hidesRows) return error;
    return new PgError(error.code, error.message, {...error.fields, detail: undefined});
  }
}

function notNullViolation(
  run: RunContext,
  table: TableStorage,
  row: readonly Datum[],
  position: number,
): PgError {
  const column = table.columns[position]!.name;
  return new PgError(
    SqlState.notNullViolation,
    `null value in column "${column}" of relation "${table.name}" violates not-null constraint`,
    {
      detail: failingRow(run.context.format, table, row),
      schema: table.namespace,
      table: table.name,
      column,
    },
  );
}

function checkViolation(
  run: RunContext,
  table: TableStorage,
  row: readonly Datum[],
  constraint: string,
): PgError {
  return new PgError(
    SqlState.checkViolation,
    `new row for relation "${table.name}" violates check constraint "${constraint}"`,
    {
      detail: failingRow(run.context.format, table, row),
      schema: table.namespace,
      table: table.name,
      constraint,
    },
  );
}

function viewCheckViolation(
  run: RunContext,
  table: TableStorage,
  row: readonly Datum[],
  view: string,
): PgError {
  return new PgError(
    SqlState.withCheckOptionViolation,
    `new row violates check option for view "${view}"`,
    {
      detail: failingRow(run.context.format, table, row),
    },
  );
}

function failingRow(format: FormatSettings, table: TableStorage, row: readonly Datum[]): string {
  const texts = table.columns.map((column, i) => {
    const value = row[i]!;
    if (value === null) return 'null';
    const text = column.type.output(value, format);
    return text.length > VALUE_LIMIT ? `${text.slice(0, VALUE_LIMIT)}...` : text;
  });
  return `Failing row contains (${texts.join(', ')}).`;
}

/** 23505 with the key that exists already. */
export function uniqueViolation(
  run: {readonly context: {readonly format: FormatSettings}},
  table: TableStorage,
  conflict: KeyConflict,
): PgError {
  return new PgError(
    SqlState.uniqueViolation,
    `duplicate key value violates unique constraint "${conflict.index.name}"`,
    keyFields(run, table, conflict, 'already exists'),
  );
}

/** 23505 of a unique index that is filled. */
export function duplicatedKey(
  run: {readonly context: {readonly format: FormatSettings}},
  table: TableStorage,
  conflict: KeyConflict,
): PgError {
  return new PgError(
    SqlState.uniqueViolation,
    `could not create unique index "${conflict.index.name}"`,
    keyFields(run, table, conflict, 'is duplicated'),
  );
}

function keyFields(
  run: {readonly context: {readonly format: FormatSettings}},
  table: TableStorage,
  {index, key}: KeyConflict,
  what: string,
): PgErrorFields {
  const names = index.keyColumns.map((position, at) =>
    position < 0 ? (index.keyNames?.()[at] ?? 'expression') : table.columns[position]!.name,
  );
  const values = key.map((value, i) =>
    value === null ? 'null' : index.keyTypes[i]!.output(value, run.context.format),
  );
  return {
    detail: `Key (${names.join(', ')})=(${values.join(', ')}) ${what}.`,
    schema: table.namespace,
    table: table.name,
    constraint: index.name,
  };
}

/** 40001 of REPEATABLE READ and above. */
export function concurrentUpdate(): PgError {
  return new PgError(
    SqlState.serializationFailure,
    'could not serialize access due to concurrent update',
  );
}

/** 40001 when the other transaction deleted the row. */
export function concurrentDelete(): PgError {
  return new PgError(
    SqlState.serializationFailure,
    'could not serialize access due to concurrent delete',
  );
}
