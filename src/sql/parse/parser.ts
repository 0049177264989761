import type {Node, RawStmt} from '@pgsql/types';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../contract.ts';
import {rewriteCustom} from './custom.ts';
import {rejectLeniencies} from './leniencies.ts';
import {type WasmInstance, WasmGrammar} from './wasm-instance.ts';

const maxTextBytes = 64 * 1024 * 1024;
const maxMemoryBytes = 256 * 1024 * 1024;

/**
 * PostgreSQL's grammar with our own statements beside it. Parsing is synchronous; a damaged WASM instance is
 * replaced in the background.
 */
export class SqlParser {
  readonly #grammar: WasmGrammar;
  #instance: WasmInstance;
  #rebuilding: Promise<void> | null = null;
  #built = 1;

  private constructor(grammar: WasmGrammar, instance: WasmInstance) {
    this.#grammar = grammar;
    this.#instance = instance;
  }

  static async create(): Promise<SqlParser> {
    const grammar = await WasmGrammar.load();
    return new SqlParser(grammar, await grammar.instance());
  }

  /** Instances built so far. */
  get builtCount(): number {
    return this.#built;
  }

  /** Settles when a damaged instance has been replaced. */
  get ready(): Promise<void> {
    return this.#rebuilding ?? Promise.resolve();
  }

  /** The statements of a text; none for an empty query. Raises syntax errors as PostgreSQL words them. */
  parse(text: string): readonly ParsedStatement[] {
    if (Buffer.byteLength(text) > maxTextBytes) {
      throw new PgError(
        SqlState.programLimitExceeded,
        `statement is longer than ${maxTextBytes} bytes`,
      );
    }
    if (text.includes('\0'))
      throw new PgError(
        SqlState.characterNotInRepertoire,
        'invalid byte sequence for encoding "UTF8": 0x00',
      );
    if (text.trim() === '') return [];
    const plain = this.#parseRaw(text);
    if (plain.ok) return plain.statements.map(raw => parsed(text, raw, null));
    if (plain.error.code !== SqlState.syntaxError) throw plain.error;
    const custom = rewriteCustom(text);
    if (custom === null) throw plain.error;
    const again =
      custom.text === null ? {ok: true as const, statements: []} : this.#parseRaw(custom.text);
    if (!again.ok) throw again.error;
    return custom.attach(again.statements, text, (raw, statement) => parsed(text, raw, statement));
  }

  #parseRaw(
    text: string,
  ):
    | {readonly ok: true; readonly statements: readonly RawStmt[]}
    | {readonly ok: false; readonly error: PgError} {
    let raw: ReturnType<WasmInstance['parse']>;
    try {
      raw = this.#instance.parse(text);
    } catch {
      this.#rebuild();
      throw new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded', {
        hint:
          'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the ' +
          "platform's stack depth limit is adequate.",
      });
    }
    if (this.#instance.memoryBytes > maxMemoryBytes) this.#rebuild();
    if (!raw.ok) return {ok: false, error: syntaxError(raw.message, raw.position)};
    const tree = JSON.parse(raw.json) as {readonly stmts?: readonly RawStmt[]};
    const statements = tree.stmts ?? [];
    rejectLeniencies(text, statements);
    return {ok: true, statements};
  }

  #rebuild(): void {
    this.#rebuilding ??= this.#grammar.instance().then(instance => {
      this.#instance = instance;
      this.#built++;
      this.#rebuilding = null;
    });
  }
}

function parsed(
  text: string,
  raw: RawStmt | null,
  custom: ParsedStatement['custom'],
): ParsedStatement {
  const location = raw?.stmt_location ?? 0;
  const length = raw?.stmt_len ?? Buffer.byteLength(text) - location;
  return {ast: (raw?.stmt as Node | undefined) ?? null, text, location, length, custom};
}

function syntaxError(message: string, position: number): PgError {
  return new PgError(codeOf(message), message, position > 0 ? {position} : {});
}

function codeOf(message: string): string {
  if (/^invalid byte sequence for encoding/.test(message)) return SqlState.characterNotInRepertoire;
  if (/^invalid Unicode escape/.test(message)) return SqlState.invalidEscapeSequence;
  if (/only supported for|not (yet )?(implemented|supported)/.test(message))
    return SqlState.featureNotSupported;
  if (/column number must be in range/.test(message)) return SqlState.invalidParameterValue;
  if (/^role name ".*" is reserved|cannot be used as a role name here/.test(message))
    return SqlState.reservedName;
  if (/^Query cannot be empty/.test(message)) return SqlState.syntaxError;
  if (/^frame (start|end) cannot be|^frame starting from/.test(message))
    return SqlState.windowingError;
  if (/cannot have more than \d+/.test(message)) return SqlState.programLimitExceeded;
  return SqlState.syntaxError;
}
