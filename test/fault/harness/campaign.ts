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
  /** One JSON line for each schedule is appended to this file. */
  readonly resultsPath?: string | undefined;
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

  /** Runs one schedule. `onViolation` is told of each thing that does not hold, when it is seen. */
  async run(
    schedule: Schedule,
    onViolation: (text: string) => void = () => undefined,
  ): Promise<CampaignResult> {
    const opened = await this.open();
    const result = await runSchedule({ ...opened, turn: this.#turn++, onViolation }, schedule);
    const kept = result.violations.length === 0 ? {} : { evidence: await this.#giveUp(schedule, result) };
    if (this.#options.resultsPath !== undefined) {
      const { journal: _, ...figures } = result;
      appendFileSync(this.#options.resultsPath, `${JSON.stringify({ ...figures, ...kept })}\n`);
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
