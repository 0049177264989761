import type {AlterDomainStmt, Constraint, CreateDomainStmt, Node} from '@pgsql/types';
import type {ConstraintDescriptor, TypeDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {listName, stringList} from './ast-values.ts';
import {chooseConstraintName, type NameChooser} from './choose-name.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, deletion, errorAt, newOid, NO_OID, notice, puts} from './ddl.ts';
import {bindColumnValue, bindCondition, typeRef} from './definition-binding.ts';
import {newType} from './type.ts';
import {typeDescriptorNamed} from './type-names.ts';
import {claimTypeName} from './claim-name.ts';

/** CREATE DOMAIN name AS type [DEFAULT] [NOT NULL] [CHECK (...)]. */
export function createDomainCommand({
  session,
  node,
  statement,
}: CommandInput<CreateDomainStmt>): Execution {
  return ddlExecution(session, 'CREATE DOMAIN', async () => {
    const {text} = statement;
    const draft = newType(session, listName(stringList(node.domainname)), 'd');
    await claimTypeName(session, draft.schema, draft.name);
    const base = typeRef(session, node.typeName!, text);
    if (base.type.kind === 'p') {
      throw new PgError(
        SqlState.datatypeMismatch,
        `"${errorType(base.type)}" is not a valid base type for a domain`,
      );
    }
    let type: TypeDescriptor = {...draft, baseType: base.type.oid, baseTypmod: base.typmod};
    const chooser: NameChooser = {
      catalog: session.transaction.catalog,
      schema: draft.schema,
      taken: new Set(),
    };
    const checks: ConstraintDescriptor[] = [];
    let saidNull: boolean | null = null;
    for (const item of node.constraints ?? []) {
      if (!('Constraint' in item)) continue;
      const constraint = item.Constraint;
      switch (constraint.contype) {
        case 'CONSTR_DEFAULT':
          if (type.defaultText !== null)
            throw new PgError(SqlState.syntaxError, 'multiple default expressions');
          type = {
            ...type,
            defaultText: domainDefault(session, text, type, base.type, constraint.raw_expr!),
          };
          break;
        case 'CONSTR_NOTNULL':
        case 'CONSTR_NULL': {
          const isNull = constraint.contype === 'CONSTR_NULL';
          if (saidNull !== null && saidNull !== isNull)
            throw new PgError(SqlState.syntaxError, 'conflicting NULL/NOT NULL constraints');
          saidNull = isNull;
          type = {...type, isNotNull: !isNull};
          break;
        }
        case 'CONSTR_CHECK':
          checks.push(domainCheck(session, text, type, base.type, {constraint, chooser}));
          break;
        default:
          throw unsupported(text, constraint);
      }
    }
    change(session, puts(type, ...checks));
  });
}

function unsupported(text: string, constraint: Constraint): PgError {
  const names: Readonly<Record<string, string>> = {
    CONSTR_UNIQUE: 'unique constraints not possible for domains',
    CONSTR_PRIMARY: 'primary key constraints not possible for domains',
    CONSTR_EXCLUSION: 'exclusion constraints not possible for domains',
    CONSTR_FOREIGN: 'foreign key constraints not possible for domains',
  };
  const message = names[constraint.contype ?? ''];
  if (message === undefined)
    return featureNotSupported('specifying constraint deferrability not supported for domains');
  return errorAt(text, constraint.location, SqlState.syntaxError, message);
}

function domainDefault(
  session: SessionContext,
  text: string,
  type: TypeDescriptor,
  base: TypeInstance,
  node: Node,
): string | null {
  const place = {
    session,
    text,
    clause: 'DEFAULT expressions',
    columns: [],
    relationName: '',
    domainValue: null,
  };
  const {expr, text: stored} = bindColumnValue(place, node, {
    name: type.name,
    type: base,
    typmod: type.baseTypmod,
  });
  return expr.kind === 'constant' && expr.value === null ? null : stored;
}

function domainCheck(
  session: SessionContext,
  text: string,
  type: TypeDescriptor,
  base: TypeInstance,
  from: {readonly constraint: Constraint; readonly chooser: NameChooser},
): ConstraintDescriptor {
  const {constraint, chooser} = from;
  const place = {
    session,
    text,
    clause: 'check constraints',
    columns: [],
    relationName: '',
    domainValue: base,
  };
  const stored = bindCondition(place, constraint.raw_expr!, 'CHECK');
  if (constraint.conname !== undefined && chooser.taken.has(constraint.conname)) {
    throw new PgError(
      SqlState.duplicateObject,
      `constraint "${constraint.conname}" for domain "${type.name}" already exists`,
    );
  }
  const name = constraint.conname ?? chooseConstraintName(chooser, [type.name, null, 'check']);
  chooser.taken.add(name);
  return {
    kind: 'constraint',
    oid: newOid(session),
    name,
    owner: type.owner,
    acl: null,
    comment: null,
    schema: type.schema,
    table: NO_OID,
    domain: type.oid,
    type: 'c',
    columns: [],
    isDeferrable: false,
    isDeferred: false,
    isValidated: constraint.skip_validation !== true,
    expressionText: stored.text,
    index: NO_OID,
    referencedTable: NO_OID,
    referencedColumns: [],
    onUpdate: 'a',
    onDelete: 'a',
    match: 's',
  };
}

/** ALTER DOMAIN ... SET | DROP DEFAULT, SET | DROP NOT NULL, ADD | DROP CONSTRAINT. */
export function alterDomainCommand({
  session,
  node,
  statement,
}: CommandInput<AlterDomainStmt>): Execution {
  return ddlExecution(session, 'ALTER DOMAIN', async () => {
    const {catalog} = session.transaction;
    const type = typeDescriptorNamed(session, listName(stringList(node.typeName)), 'domain');
    checkOwner(catalog, session.currentRole, type, 'type');
    const base = catalog.typeByOid(type.baseType)!;
    const isUsed = [...catalog.tables()].some(table =>
      table.columns.some(column => column.typeOid === type.oid && !column.isDropped),
    );
    switch (node.subtype) {
      case 'T':
        change(
          session,
          puts({
            ...type,
            defaultText:
              node.def === undefined
                ? null
                : domainDefault(session, statement.text, type, base, node.def),
          }),
        );
        return;
      case 'N':
        change(session, puts({...type, isNotNull: false}));
        return;
      case 'O':
        if (isUsed)
          throw featureNotSupported(
            'ALTER DOMAIN ... SET NOT NULL is not supported while tables use the domain',
          );
        change(session, puts({...type, isNotNull: true}));
        return;
      case 'C': {
        if (node.def === undefined || !('Constraint' in node.def)) break;
        const constraint = node.def.Constraint;
        if (constraint.contype !== 'CONSTR_CHECK') throw unsupported(statement.text, constraint);
        if (isUsed && constraint.skip_validation !== true) {
          throw featureNotSupported(
            'ALTER DOMAIN ... ADD CONSTRAINT is not supported while tables use the domain',
            {hint: 'Add it as NOT VALID.'},
          );
        }
        const taken = new Set(catalog.constraintsOf(type.oid).map(each => each.name));
        const chooser: NameChooser = {catalog, schema: type.schema, taken};
        change(
          session,
          puts(domainCheck(session, statement.text, type, base, {constraint, chooser})),
        );
        return;
      }
      case 'X': {
        const found = catalog.constraintsOf(type.oid).find(each => each.name === node.name);
        if (found !== undefined) change(session, [deletion(found)]);
        else if (node.missing_ok === true)
          notice(
            session,
            `constraint "${node.name}" of domain "${type.name}" does not exist, skipping`,
          );
        else
          throw new PgError(
            SqlState.undefinedObject,
            `constraint "${node.name}" of domain "${type.name}" does not exist`,
          );
        return;
      }
      default:
    }
    throw featureNotSupported('this form of ALTER DOMAIN is not supported');
  });
}
