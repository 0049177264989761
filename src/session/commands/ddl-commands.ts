import type {CommandMaker} from './command-types.ts';
import {createIndexCommand} from './create-index.ts';
import {createSchemaCommand} from './create-schema.ts';
import {createTableCommand} from './create-table.ts';
import {dropCommand} from './drop.ts';
import {grantCommand, grantRoleCommand} from './grant.ts';
import {alterRoleCommand, alterRoleSetCommand, createRoleCommand, dropRoleCommand} from './role.ts';

/** Statements that change the catalog, by the name of their tree node. */
export const ddlCommands = {
  AlterRoleSetStmt: alterRoleSetCommand,
  AlterRoleStmt: alterRoleCommand,
  CreateRoleStmt: createRoleCommand,
  CreateSchemaStmt: createSchemaCommand,
  CreateStmt: createTableCommand,
  DropRoleStmt: dropRoleCommand,
  DropStmt: dropCommand,
  IndexStmt: createIndexCommand,
  GrantRoleStmt: grantRoleCommand,
  GrantStmt: grantCommand,
} satisfies Readonly<Record<string, CommandMaker<never>>>;
