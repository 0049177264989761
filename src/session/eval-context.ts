import {randomBytes} from 'node:crypto';
import type {Oid} from '../common/ids.ts';
import type {EvalContext} from '../functions/contract.ts';
import type {Datum, FormatSettings, NameResolver, TypeLookup} from '../types/contract.ts';
import {assignByFunction} from './assign-setting.ts';
import {CatalogFunctions} from './ports/catalog-port.ts';
import {externCall} from './ports/extern-port.ts';
import {SequenceAccess} from './ports/sequence-port.ts';
import {SeededRandom} from './ports/random-port.ts';
import {RoleContext} from './role-context.ts';
import type {SessionContext, SessionEval} from './session-context.ts';
import {transactionSetting} from './transaction-settings.ts';

/** Microseconds from 1970 to 2000. */
const EPOCH_MICROS = 946_684_800_000_000n;

/** Now, in microseconds since 2000-01-01 UTC. */
export function nowMicros(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) - EPOCH_MICROS;
}

/** What expressions of a session see of the world; one object per session. */
export class SessionEvalContext implements SessionEval {
  readonly #session: SessionContext;
  readonly sequences: SequenceAccess;
  readonly catalog: CatalogFunctions;
  readonly random = new SeededRandom(randomBytes);
  functionDepth = 0;
  #format: FormatSettings | null = null;
  #formatVersion = -1;
  #formatTime = -1n;
  readonly #names: NameResolver;
  readonly #roles = new Map<number, EvalContext>();

  constructor(session: SessionContext) {
    this.#session = session;
    this.sequences = new SequenceAccess(session);
    this.catalog = new CatalogFunctions(session);
    this.#names = {
      regIn: (typeName, text) => this.catalog.regIn(typeName, text),
      regOut: (typeName, value) => this.catalog.regOut(typeName, value),
    };
  }

  /** The session, for functions of the session layer that get rows rather than values. */
  get boundSession(): SessionContext {
    return this.#session;
  }

  get format(): FormatSettings {
    const {settings, transaction} = this.#session;
    if (
      this.#format === null ||
      this.#formatVersion !== settings.version ||
      this.#formatTime !== transaction.startedAt
    ) {
      this.#formatVersion = settings.version;
      this.#formatTime = transaction.startedAt;
      this.#format = {
        ...settings.format(),
        transactionTimestamp: transaction.startedAt,
        names: this.#names,
      };
    }
    return this.#format;
  }

  get types(): TypeLookup {
    return this.#session.transaction.catalog;
  }

  readonly clock = {
    transactionTimestamp: (): bigint => this.#session.transaction.startedAt,
    statementTimestamp: (): bigint => this.#session.statementStartedAt,
    clockTimestamp: nowMicros,
  };

  readonly session = {
    currentUser: (): string => this.#session.currentUser,
    sessionUser: (): string => this.#session.sessionUser,
    currentDatabase: (): string => this.#session.databaseName,
    currentSchemas: (includeImplicit: boolean): readonly string[] =>
      this.#session.schemaNames(includeImplicit),
    backendPid: (): number => this.#session.pid,
  };

  readonly settings = {
    get: (name: string): string | undefined =>
      transactionSetting(this.#session, name) ?? this.#session.settings.show(name),
    set: (name: string, value: string, isLocal: boolean): string => {
      assignByFunction(this.#session, name, value, isLocal);
      return transactionSetting(this.#session, name) ?? this.#session.settings.show(name) ?? value;
    },
  };

  readonly repeat = {isRepeatable: false, evaluation: 0, spentMs: 0};

  /** As a role that it is inside a SECURITY DEFINER function. */
  as(role: number): EvalContext {
    let made = this.#roles.get(role);
    if (made === undefined) {
      made = new RoleContext(this, this.#session, role as Oid);
      this.#roles.set(role, made);
    }
    return made;
  }

  readonly extern = {
    call: (source: string, args: readonly Datum[]): Datum =>
      externCall(this.#session, source, args),
  };
}
