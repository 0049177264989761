import type {Node, TypeName} from '@pgsql/types';
import {newBinding} from '../../sql/bind/statement.ts';
import {resolveTypeName} from '../../sql/bind/type-name.ts';
import type {TypeRef} from '../../sql/contract.ts';
import type {WadiSession} from '../wadi-session.ts';

/** The type that a definition names; errors have a position in `text`. */
export function typeRef(session: WadiSession, name: TypeName, text: string): TypeRef {
  return resolveTypeName(name, newBinding(session.planner.context([]), text));
}

export type {Node};
