import {WaitSignal} from '../common/wait-signal.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {walkExpr} from '../expr/children.ts';
import type {RunContext} from './operator.ts';
import {PAUSE} from './operator.ts';
import {isVolatileExpr} from './waiting.ts';

/** prosrc of functions whose time depends on more than the length of their arguments. */
const slowSource = /regex/;

/**
 * Lets searches by regular expressions pause: the operator evaluates the same batch again, and finished searches answer at once. Made only
 * for expressions with such searches, and without volatile calls, whose repetition would show.
 */
export class Repeats {
  static of(exprs: readonly BoundExpr[]): Repeats | null {
    let isSlow = false;
    for (const expr of exprs) {
      walkExpr(expr, node => {
        if (node.kind === 'call' && slowSource.test(node.source)) isSlow = true;
      });
    }
    return isSlow && !exprs.some(isVolatileExpr) ? new Repeats() : null;
  }

  begin(run: RunContext): void {
    const port = run.context.repeat;
    if (port !== undefined) port.isRepeatable = true;
  }

  end(run: RunContext): void {
    const port = run.context.repeat;
    if (port === undefined) return;
    port.isRepeatable = false;
    port.evaluation++;
  }

  /** PAUSE when the evaluation is to be repeated; throws any other error. */
  failed(run: RunContext, error: unknown): typeof PAUSE {
    if (!(error instanceof WaitSignal)) {
      this.end(run);
      throw error;
    }
    const port = run.context.repeat;
    if (port !== undefined) port.isRepeatable = false;
    run.pause = error.promise;
    return PAUSE;
  }
}
