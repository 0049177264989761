import type {SpecRun} from './run-spec.ts';
import {interleavings, type IsolationSpec} from './spec.ts';

/**
 * SERIALIZABLE: what was committed must have come out as in some serial order of the same transactions, and no
 * transaction may fail that PostgreSQL lets pass. Each session of such a spec is one transaction.
 */
export class SerialCheck {
  readonly #spec: IsolationSpec;
  readonly #run: SpecRun;
  /** Outcomes of serial orders, by the order of sessions. */
  readonly #serial = new Map<string, readonly string[]>();

  constructor(spec: IsolationSpec, run: SpecRun) {
    this.#spec = spec;
    this.#run = run;
  }

  /** Why an outcome is wrong, or null. */
  async problem(lines: readonly string[], expected: readonly string[]): Promise<string | null> {
    const failed = this.#spec.sessions.filter(session => this.#failed(session, lines));
    const extra = failed.filter(session => !this.#failed(session, expected));
    if (extra.length > 0)
      return `${extra.join(', ')} fails, but not in PostgreSQL: ${lines.join('; ')}`;
    const kept = this.#spec.sessions.filter(session => !failed.includes(session));
    const seen = this.#seen(kept, lines);
    for (const order of interleavings(kept.map(session => [session]))) {
      const serial = await this.#serially(order);
      if (this.#seen(kept, serial) === seen) return null;
    }
    return `no serial order of ${kept.join(', ')} gives: ${lines.join('; ')}`;
  }

  #failed(session: string, lines: readonly string[]): boolean {
    const own = [...this.#spec.steps.values()].filter(step => step.session === session);
    return own.some(({name}) => lines.some(line => line.startsWith(`${name} ERROR 40`)));
  }

  async #serially(order: readonly string[]): Promise<readonly string[]> {
    const key = order.join(' ');
    const known = this.#serial.get(key);
    if (known !== undefined) return known;
    const steps = order.flatMap(session =>
      [...this.#spec.steps.values()].filter(step => step.session === session).map(s => s.name),
    );
    const {lines} = await this.#run.run(steps, null);
    this.#serial.set(key, lines);
    return lines;
  }

  /** What these sessions and the final questions were answered, whatever the order of steps. */
  #seen(sessions: readonly string[], lines: readonly string[]): string {
    const names = [...this.#spec.steps.values()]
      .filter(step => sessions.includes(step.session))
      .map(step => step.name);
    const answers = new Map<string, string[]>();
    let current: string[] = [];
    for (const line of lines) {
      if (!line.startsWith('  ')) {
        const [name = ''] = line.split(' ');
        current = answers.get(name) ?? [];
        answers.set(name, current);
        if (line !== `${name} waits`) current.push(line);
      } else current.push(line);
    }
    return [...names, 'finally'].map(name => (answers.get(name) ?? []).join('\n')).join('\n');
  }
}
