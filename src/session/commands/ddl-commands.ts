import type {CommandMaker} from './command-types.ts';
import {defineCommand} from './aggregate.ts';
import {alterTableCommand} from './alter-table.ts';
import {commentCommand} from './comment.ts';
import {createIndexCommand} from './create-index.ts';
import {createSchemaCommand} from './create-schema.ts';
import {createTableAsCommand, selectIntoCommand} from './create-table-as.ts';
import {createTableCommand} from './create-table.ts';
import {alterDefaultPrivilegesCommand} from './default-privileges.ts';
import {alterDomainCommand, createDomainCommand} from './domain.ts';
import {dropCommand} from './drop.ts';
import {createExtensionCommand} from './extension.ts';
import {alterFunctionCommand, createFunctionCommand} from './function.ts';
import {grantCommand, grantRoleCommand} from './grant.ts';
import {lockCommand} from './lock.ts';
import {alterOwnerCommand, dropOwnedCommand, reassignOwnedCommand} from './owner.ts';
import {alterPolicyCommand, createPolicyCommand} from './policy.ts';
import {refreshCommand} from './refresh.ts';
import {renameCommand} from './rename.ts';
import {alterRoleCommand, alterRoleSetCommand, createRoleCommand, dropRoleCommand} from './role.ts';
import {alterSequenceCommand, createSequenceCommand} from './sequence.ts';
import {setSchemaCommand} from './set-schema.ts';
import {truncateCommand} from './truncate.ts';
import {createCastCommand} from './cast.ts';
import {createRangeCommand} from './range-type.ts';
import {alterEnumCommand, createCompositeCommand, createEnumCommand} from './type.ts';
import {viewCommand} from './view.ts';

/** Statements that change the catalog, by the name of their tree node. */
export const ddlCommands = {
  AlterDefaultPrivilegesStmt: alterDefaultPrivilegesCommand,
  AlterDomainStmt: alterDomainCommand,
  AlterEnumStmt: alterEnumCommand,
  AlterFunctionStmt: alterFunctionCommand,
  AlterObjectSchemaStmt: setSchemaCommand,
  AlterOwnerStmt: alterOwnerCommand,
  AlterPolicyStmt: alterPolicyCommand,
  AlterRoleSetStmt: alterRoleSetCommand,
  AlterRoleStmt: alterRoleCommand,
  AlterSeqStmt: alterSequenceCommand,
  AlterTableStmt: alterTableCommand,
  CommentStmt: commentCommand,
  CompositeTypeStmt: createCompositeCommand,
  CreateDomainStmt: createDomainCommand,
  CreateCastStmt: createCastCommand,
  CreateEnumStmt: createEnumCommand,
  CreateRangeStmt: createRangeCommand,
  CreateExtensionStmt: createExtensionCommand,
  CreateFunctionStmt: createFunctionCommand,
  CreatePolicyStmt: createPolicyCommand,
  CreateRoleStmt: createRoleCommand,
  CreateSchemaStmt: createSchemaCommand,
  CreateSeqStmt: createSequenceCommand,
  CreateStmt: createTableCommand,
  CreateTableAsStmt: createTableAsCommand,
  DefineStmt: defineCommand,
  DropOwnedStmt: dropOwnedCommand,
  DropRoleStmt: dropRoleCommand,
  DropStmt: dropCommand,
  GrantRoleStmt: grantRoleCommand,
  GrantStmt: grantCommand,
  IndexStmt: createIndexCommand,
  LockStmt: lockCommand,
  ReassignOwnedStmt: reassignOwnedCommand,
  RefreshMatViewStmt: refreshCommand,
  RenameStmt: renameCommand,
  SelectStmt: selectIntoCommand,
  TruncateStmt: truncateCommand,
  ViewStmt: viewCommand,
} satisfies Readonly<Record<string, CommandMaker<never>>>;
