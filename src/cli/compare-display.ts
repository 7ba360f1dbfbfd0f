import { MultiBar, type SingleBar } from 'cli-progress';
import type { TableComparison } from '../compare/compare-table.js';
import type { CompareObserver } from '../compare/compare-tables.js';
import type { Output } from './output.js';
import { outputStream } from './output-stream.js';

/** Prints each table when it is done, above a bar on a terminal. */
export class CompareDisplay implements CompareObserver {
  readonly #output: Output;
  /** The lines of a table; undefined when the tables are not printed one by one. */
  readonly #linesOf: ((comparison: TableComparison) => readonly string[]) | undefined;
  #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;

  constructor(output: Output, linesOf: ((comparison: TableComparison) => readonly string[]) | undefined) {
    this.#output = output;
    this.#linesOf = linesOf;
  }

  /** The same without the tables, which are told of later. */
  withoutTables(): CompareObserver {
    return {
      onTick: () => this.onTick(),
      onStart: (rows) => this.onStart(rows),
      onRows: (rows) => this.onRows(rows),
      onTable: () => undefined,
    };
  }

  onTick(): void {}

  onStart(rows: number): void {
    if (!this.#output.isTerminal || this.#linesOf === undefined) return;
    this.#bars = new MultiBar({
      format: 'compare {bar} {percentage}%  {eta_formatted} left',
      hideCursor: true,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      clearOnComplete: true,
      stream: outputStream(this.#output),
    });
    this.#bar = this.#bars.create(Math.max(1, Math.round(rows)), 0);
  }

  onRows(rows: number): void {
    this.#bar?.increment(Math.round(rows));
  }

  onTable(comparison: TableComparison): void {
    for (const line of this.#linesOf?.(comparison) ?? []) {
      if (this.#bars === undefined) this.#output.print(line);
      else this.#bars.log(`${line}\n`);
    }
  }

  close(): void {
    this.#bars?.stop();
  }
}
