import {featureNotSupported} from '../../common/errors.ts';
import type {CustomStatement} from '../../sql/contract.ts';
import type {Execution} from '../execution.ts';
import type {CommandInput} from './command-types.ts';

/** The execution of one of our own statements; null when its body is an ordinary statement (CREATE USER TABLE is CREATE TABLE with more options). */
export function customCommand({node}: CommandInput<CustomStatement>): Execution | null {
  switch (node.kind) {
    case 'createTable':
    case 'namespace':
      return null;
    default:
      throw featureNotSupported(`${node.kind} is not supported yet`);
  }
}
