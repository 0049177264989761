import type {ConstantExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import {TypeOid} from './type-oids.ts';

/** An unknown literal through its type's input function, at bind time; its slot does the same at each execution. */
export function readLiteral(
  binding: Binding,
  literal: ConstantExpr,
  target: TypeInstance,
  typmod: number,
): ConstantExpr {
  const location = literal.location;
  if (literal.value === null) return {...literal, type: target};
  const text = String(literal.value);
  const inputTypmod = target.oid === TypeOid.interval ? typmod : -1;
  const value = binding.at(location, () => target.input(text, inputTypmod, binding.context.format));
  const made: ConstantExpr = {kind: 'constant', type: target, typmod: inputTypmod, location, value};
  binding.literals.inherit(literal, made);
  const isMoment = dependsOnSettings(text, target);
  if (isMoment) binding.readsClock = true;
  if ((target.oid >= 2202 && target.oid <= 2206) || isMoment) binding.literals.pin(made);
  return made;
}

/** 'now', 'today' and their kin are read at bind time: such a plan must not be kept for another time. */
function dependsOnSettings(text: string, target: TypeInstance): boolean {
  return target.category === 'D' && /now|today|tomorrow|yesterday/i.test(text);
}
