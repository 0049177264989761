import {type ChildProcess, fork} from 'node:child_process';
import {join} from 'node:path';
import type {ClientCommands} from './client-main.ts';

interface Reply {
  readonly answer?: unknown;
  readonly error?: string;
}

/** A process of clients. It does one thing after the other. */
export class ClientProcess {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'client-main.ts'), {
      serialization: 'advanced',
      execArgv: ['--max-old-space-size=4096'],
    });
  }

  /** Carries out a command; rejects with the error of the process. */
  ask<Name extends keyof ClientCommands>(
    name: Name,
    ask: ClientCommands[Name]['ask'],
  ): Promise<ClientCommands[Name]['answer']> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`a client ended with ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', ({answer, error}: Reply) => {
        this.#child.off('exit', ended);
        if (error === undefined) resolve(answer as ClientCommands[Name]['answer']);
        else reject(new Error(error));
      });
      this.#child.send({name, ask});
    });
  }

  /** Ends the command that it carries out, for good; the answer comes as always. */
  interrupt(): void {
    this.#child.send('stop');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await ended;
  }
}
