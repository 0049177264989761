/** How long and how often a suite measures: `--seconds`, `--rounds`. */
export interface SuiteOptions {
  readonly seconds: number;
  readonly rounds: number;
}
