import {PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {WaitSignal} from '../../common/wait-signal.ts';
import type {SequenceDescriptor} from '../../catalog/descriptors.ts';
import type {SequencePort} from '../../functions/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {checkObject, checkSchemaUsage} from '../privileges.ts';

/** nextval and its kin; currval and lastval are of this session (PostgreSQL 9.17). */
export class SequenceAccess implements SequencePort {
  readonly #session: SessionContext;
  readonly #current = new Map<number, bigint>();
  #last: number | null = null;

  constructor(session: SessionContext) {
    this.#session = session;
  }

  #find(sequence: number, privileges: string): SequenceDescriptor {
    const {catalog} = this.#session.transaction;
    const found = catalog.relationByOid(oid(sequence));
    if (found === undefined)
      throw new PgError(SqlState.undefinedTable, `could not open relation with OID ${sequence}`);
    if (found.kind !== 'sequence')
      throw new PgError(SqlState.wrongObjectType, `"${found.name}" is not a sequence`);
    if (!this.#session.isSuperuser) {
      checkSchemaUsage(catalog, this.#session.currentRole, found.schema);
      for (const each of privileges) if (this.#holds(found, each)) return found;
      checkObject(catalog, this.#session.currentRole, 's', found, privileges[0]!, 'sequence');
    }
    return found;
  }

  #holds(sequence: SequenceDescriptor, privilege: string): boolean {
    try {
      checkObject(
        this.#session.transaction.catalog,
        this.#session.currentRole,
        's',
        sequence,
        privilege,
        'sequence',
      );
      return true;
    } catch {
      return false;
    }
  }

  nextval(sequence: number): bigint {
    const {name, persistence} = this.#find(sequence, 'Uw');
    if (persistence !== 't') this.#session.assertWritable('nextval()');
    this.#lock(sequence);
    const value = this.#next(sequence, name);
    this.#current.set(sequence, value);
    this.#last = sequence;
    return value;
  }

  /** Who alters the sequence is waited for. The plan has locked what it names; others are called where waiting is possible. */
  #lock(sequence: number): void {
    const result = this.#session.transaction.tx.lockTable(oid(sequence), 'rowExclusive', 'wait');
    if (result instanceof Promise) throw new WaitSignal(result);
  }

  /** Storage knows sequences by OID. */
  #next(sequence: number, name: string): bigint {
    try {
      return this.#session.nextSequenceValue(oid(sequence));
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      throw new PgError(
        error.code,
        error.message.replace(`"${sequence}"`, `"${name}"`),
        error.fields,
      );
    }
  }

  currval(sequence: number): bigint {
    const {name} = this.#find(sequence, 'Ur');
    const value = this.#current.get(sequence);
    if (value === undefined) {
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        `currval of sequence "${name}" is not yet defined in this session`,
      );
    }
    return value;
  }

  setval(sequence: number, value: bigint, isCalled: boolean): bigint {
    const found = this.#find(sequence, 'w');
    if (found.persistence !== 't') this.#session.assertWritable('setval()');
    if (value < found.min || value > found.max) {
      throw new PgError(
        SqlState.numericValueOutOfRange,
        `setval: value ${value} is out of bounds for sequence "${found.name}" (${found.min}..${found.max})`,
      );
    }
    this.#lock(sequence);
    this.#session.setSequenceValue(oid(sequence), value, isCalled);
    if (isCalled) this.#current.set(sequence, value);
    return value;
  }

  lastval(): bigint {
    const {catalog} = this.#session.transaction;
    const sequence = this.#last === null ? undefined : catalog.relationByOid(oid(this.#last));
    const value = this.#last === null ? undefined : this.#current.get(this.#last);
    if (value === undefined || sequence?.kind !== 'sequence') {
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        'lastval is not yet defined in this session',
      );
    }
    if (!this.#session.isSuperuser && !this.#holds(sequence, 'U') && !this.#holds(sequence, 'r'))
      throw new PgError(
        SqlState.insufficientPrivilege,
        `permission denied for sequence ${sequence.name}`,
      );
    return value;
  }

  /** DISCARD SEQUENCES. */
  discard(): void {
    this.#current.clear();
    this.#last = null;
  }
}
