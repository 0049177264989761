import type {Notice, PgError} from '../common/errors.ts';
import type {ParsedStatement} from '../sql/contract.ts';
import type {Datum} from '../types/contract.ts';
import type {PreparedStatement, SessionContext, SessionLog} from './session-context.ts';
import {withoutSecrets} from './without-secrets.ts';

/** PostgreSQL's order of severities in a server's log: LOG stands above ERROR. */
const LEVELS: Readonly<Record<string, number>> = {
  debug5: 10,
  debug4: 11,
  debug3: 12,
  debug2: 13,
  debug: 13,
  debug1: 14,
  info: 17,
  notice: 18,
  warning: 19,
  error: 21,
  log: 22,
  fatal: 23,
  panic: 24,
};

/** What log_statement counts a statement as. */
type StatementClass = 'ddl' | 'mod' | 'all';

/** Trees of PostgreSQL's grammar that are DDL beside those whose names begin so (GetCommandLogLevel). */
const DDL_PREFIX =
  /^(Create|Alter|Drop|Define|Comment|Grant|Rename|Rule|View|Index|SecLabel|Cluster|RefreshMatView|ReassignOwned|ImportForeign)/;
const CHANGES = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'TruncateStmt']);

/**
 * The server's log as a session writes it: statements, durations, errors, by the log_* settings; passwords and keys are left out. Lines
 * are of the logger's level info.
 */
export class StatementLog implements SessionLog {
  readonly #session: SessionContext;
  #startedAt = 0;

  constructor(session: SessionContext) {
    this.#session = session;
  }

  /** Whether statements are logged before they run: then they are parsed even when their plan is known. */
  get seesStatements(): boolean {
    return this.#session.settings.ofStatements.logStatement !== 'none';
  }

  /** log_statement, for the statements of one text. */
  statements(text: string, statements: readonly ParsedStatement[]): void {
    if (statements.some(statement => this.#isWanted(statement)))
      this.#write(`statement: ${withoutSecrets(text)}`, {});
  }

  /** log_statement and the clock of one Execute message. */
  executing(prepared: PreparedStatement, params: readonly Datum[]): void {
    this.begin();
    if (!this.seesStatements || prepared.statement === null || !this.#isWanted(prepared.statement))
      return;
    this.#write(withoutSecrets(executeText(prepared)), this.#parameters(prepared, params));
  }

  #isWanted(statement: ParsedStatement): boolean {
    const {logStatement} = this.#session.settings.ofStatements;
    if (logStatement === 'none') return false;
    const found = this.#classOf(statement);
    return logStatement === 'all' || found === 'ddl' || (logStatement === 'mod' && found === 'mod');
  }

  #classOf({ast, custom}: ParsedStatement): StatementClass {
    if (custom !== null) return 'ddl';
    if (ast === null) return 'all';
    const kind = Object.keys(ast)[0] ?? '';
    if ('SelectStmt' in ast) return ast.SelectStmt.intoClause === undefined ? 'all' : 'ddl';
    if ('CopyStmt' in ast) return ast.CopyStmt.is_from === true ? 'mod' : 'all';
    if ('PrepareStmt' in ast) return this.#innerClass(ast.PrepareStmt.query);
    if ('ExecuteStmt' in ast) {
      const prepared = this.#session.extended.statements.get(ast.ExecuteStmt.name ?? '');
      return this.#innerClass(bodyOf(prepared?.statement?.ast ?? undefined));
    }
    if ('ExplainStmt' in ast) {
      const isRun = (ast.ExplainStmt.options ?? []).some(
        option => 'DefElem' in option && option.DefElem.defname === 'analyze',
      );
      return isRun ? this.#innerClass(ast.ExplainStmt.query) : 'all';
    }
    if (CHANGES.has(kind)) return 'mod';
    return DDL_PREFIX.test(kind) ? 'ddl' : 'all';
  }

  #innerClass(ast: ParsedStatement['ast'] | undefined): StatementClass {
    if (ast === undefined || ast === null) return 'all';
    return this.#classOf({ast, text: '', location: 0, length: 0, custom: null});
  }

  /** A statement, or an Execute message, begins. */
  begin(): void {
    if (this.#session.settings.ofStatements.logsDurations) this.#startedAt = performance.now();
  }

  /** It has ended: log_duration, log_min_duration_statement and its sample. */
  ended(text: string): void {
    if (this.#startedAt === 0) return;
    const took = performance.now() - this.#startedAt;
    this.#startedAt = 0;
    const {settings} = this.#session;
    const isOver = (name: string): boolean => {
      const limit = settings.number(name);
      return limit >= 0 && took >= limit;
    };
    const isSampled =
      isOver('log_min_duration_sample') &&
      Math.random() < settings.number('log_statement_sample_rate');
    const duration = `duration: ${took.toFixed(3)} ms`;
    if (isOver('log_min_duration_statement') || isSampled)
      this.#write(`${duration}  statement: ${withoutSecrets(text)}`, {});
    else if (settings.boolean('log_duration')) this.#write(duration, {});
  }

  /** An error that the client is told: log_min_messages, log_min_error_statement, log_error_verbosity. */
  error(error: PgError): void {
    this.#startedAt = 0;
    if (!this.#isLogged(error.severity, 'log_min_messages')) return;
    const {detail, hint, where} = error.fields;
    const {settings, activity} = this.#session;
    const isTerse = settings.raw('log_error_verbosity') === 'terse';
    const hasStatement = this.#isLogged(error.severity, 'log_min_error_statement');
    this.#write(`${error.severity}: ${error.message}`, {
      code: error.code,
      ...(isTerse ? {} : {detail, hint, where}),
      ...(hasStatement ? {statement: withoutSecrets(activity.query)} : {}),
    });
  }

  /** A notice, sent to the client or not. */
  notice(severity: Notice['severity'], code: string, message: string): void {
    if (this.#isLogged(severity, 'log_min_messages'))
      this.#write(`${severity}: ${message}`, {code});
  }

  #isLogged(severity: string, setting: string): boolean {
    const minimum = this.#session.settings.raw(setting) ?? 'warning';
    return (LEVELS[severity.toLowerCase()] ?? 0) >= (LEVELS[minimum] ?? 0);
  }

  /** log_connections. */
  connected(): void {
    if (this.#session.settings.boolean('log_connections'))
      this.#write('connection authorized', {
        application: this.#session.settings.raw('application_name'),
      });
  }

  /** log_disconnections. */
  disconnected(): void {
    if (this.#session.settings.boolean('log_disconnections')) this.#write('disconnection', {});
  }

  #parameters({parameterTypes}: PreparedStatement, params: readonly Datum[]): object {
    const limit = this.#session.settings.number('log_parameter_max_length');
    if (params.length === 0 || limit === 0) return {};
    const {format} = this.#session.evalContext;
    const texts = params.map((value, i) => {
      const text = value === null ? null : parameterTypes[i]!.output(value, format);
      if (text === null) return `$${i + 1} = NULL`;
      const shown = limit > 0 && text.length > limit ? `${text.slice(0, limit)}...` : text;
      return `$${i + 1} = '${shown.replaceAll("'", "''")}'`;
    });
    return {parameters: texts.join(', ')};
  }

  #write(message: string, fields: object): void {
    const {engine, pid, options, databaseName} = this.#session;
    const from = options.remoteAddress;
    engine.logger.info({pid, user: options.user, database: databaseName, from, ...fields}, message);
  }
}

function bodyOf(ast: ParsedStatement['ast'] | undefined): ParsedStatement['ast'] | undefined {
  return ast !== null && ast !== undefined && 'PrepareStmt' in ast ? ast.PrepareStmt.query : ast;
}

function executeText({name, text}: PreparedStatement): string {
  return `execute ${name === '' ? '<unnamed>' : name}: ${text}`;
}
