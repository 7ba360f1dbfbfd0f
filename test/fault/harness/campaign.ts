import { appendFileSync } from 'node:fs';
import { keepEvidence } from './evidence.js';
import { FaultTree, type FaultTreeOptions } from './fault-tree.js';
import { type NodeTraces, readTraces } from './left-behind.js';
import { runSchedule, type ScheduleResult } from './run-schedule.js';
import type { Schedule } from './schedule.js';

/** A schedule's result, and the folder with what it left when something did not hold. */
export interface CampaignResult extends ScheduleResult {
  readonly evidence?: string;
}

export interface CampaignOptions extends FaultTreeOptions {
  /** One JSON line for each schedule is appended to this file, and what happened in it to another of that name and `.journal`. */
  readonly resultsPath?: string | undefined;
}

/** Starting the programs takes longer than many a schedule: they are ended, and what they leave is looked at, after so many. */
const TURNS_TO_END = 4;

export interface RunOptions {
  /** Ends the programs after this schedule, whichever it is. */
  readonly isLast?: boolean;
  /** Told of each thing that does not hold, when it is seen. */
  readonly onViolation?: (text: string) => void;
}

/** Runs schedules one after the other on one tree. After one that failed the tree is a new one: the old is not to be trusted. */
export class Campaign implements AsyncDisposable {
  readonly #options: CampaignOptions;
  #tree: FaultTree | undefined;
  #baseline: NodeTraces | undefined;
  #turn = 0;

  constructor(options: CampaignOptions = {}) {
    this.#options = options;
  }

  /** Sets the tree up, when there is none. `run` does it too. */
  async open(): Promise<{ tree: FaultTree; baseline: NodeTraces }> {
    this.#tree ??= await FaultTree.open(this.#options);
    this.#baseline ??= await readTraces(this.#tree);
    return { tree: this.#tree, baseline: this.#baseline };
  }

  async run(
    schedule: Schedule,
    { isLast = false, onViolation = () => undefined }: RunOptions = {},
  ): Promise<CampaignResult> {
    const opened = await this.open();
    const turn = this.#turn++;
    const endsPrograms = isLast || turn % TURNS_TO_END === TURNS_TO_END - 1;
    const result = await runSchedule({ ...opened, turn, endsPrograms, onViolation }, schedule);
    const kept = result.violations.length === 0 ? {} : { evidence: await this.#giveUp(schedule, result) };
    if (this.#options.resultsPath !== undefined) {
      const { journal, ...figures } = result;
      appendFileSync(this.#options.resultsPath, `${JSON.stringify({ ...figures, ...kept })}\n`);
      appendFileSync(`${this.#options.resultsPath}.journal`, `seed ${result.seed}\n${journal.join('\n')}\n`);
    }
    return { ...result, ...kept };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree?.[Symbol.asyncDispose]();
    this.#tree = undefined;
  }

  async #giveUp(schedule: Schedule, result: ScheduleResult): Promise<string> {
    const tree = this.#tree as FaultTree;
    const folder = await keepEvidence(tree, schedule, result);
    this.#tree = undefined;
    this.#baseline = undefined;
    await tree[Symbol.asyncDispose]();
    return folder;
  }
}

/** One line for a person. */
export function summaryLine(result: CampaignResult): string {
  const { seed, steps, seconds, acknowledged, events, checked, violations, evidence } = result;
  const figures = `seed ${seed}: ${steps} faults, ${acknowledged} transactions, ${events} events, ${checked} invariants looked at, ${seconds.toFixed(0)} s`;
  if (violations.length === 0) return figures;
  return [`${figures}; ${violations.length} VIOLATIONS, see ${evidence}`, ...violations.slice(0, 10)].join(
    '\n    ',
  );
}

/** The sums, for a person. */
export function totalsLine(results: readonly ScheduleResult[]): string {
  const sum = (of: (result: ScheduleResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const failed = results.filter(({ violations }) => violations.length > 0).length;
  return (
    `${results.length} schedules, ${failed} failed: ${sum(({ steps }) => steps)} faults, ` +
    `${sum(({ acknowledged }) => acknowledged)} transactions, ${sum(({ events }) => events)} events, ` +
    `${sum(({ checked }) => checked)} invariants looked at, ${(sum(({ seconds }) => seconds) / 60).toFixed(1)} minutes`
  );
}
