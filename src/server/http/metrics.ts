import {collectDefaultMetrics, Counter, Gauge, Registry} from 'prom-client';

/** One figure of the server: its name, what it means, and its values now. A counter only grows. */
export interface Figure {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly values: () => readonly FigureValue[];
}

/** A value, with the labels of its figure. */
export interface FigureValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Figures in the text format of Prometheus, with those of the process. Loaded by the first who asks. */
export class Metrics {
  readonly #registry = new Registry();

  constructor(figures: readonly Figure[]) {
    collectDefaultMetrics({register: this.#registry});
    for (const {kind, name, help, labelNames, values} of figures) {
      const options = {name, help, labelNames: [...labelNames], registers: [this.#registry]};
      if (kind === 'gauge') {
        new Gauge({
          ...options,
          collect() {
            this.reset();
            for (const {labels, value} of values()) this.set(labels, value);
          },
        });
      } else {
        new Counter({
          ...options,
          collect() {
            this.reset();
            for (const {labels, value} of values()) this.inc(labels, value);
          },
        });
      }
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
