import { setTimeout as sleep } from 'node:timers/promises';
import { Application, mayBeRefusedSo } from './application.js';
import type { FaultTree } from './fault-tree.js';
import { inject } from './inject.js';
import type { NodeTraces } from './left-behind.js';
import { judgeEnd, judgeRows, judgeTraces } from './oracles.js';
import { describeEnd, mayEndSo } from './program-ends.js';
import {
  describeStep,
  type Moment,
  type NodeName,
  REPLICAS,
  type Replica,
  type Schedule,
} from './schedule.js';
import { settle } from './settle.js';
import { Watcher } from './watcher.js';
import { WORKLOAD_RESET } from './workload-tables.js';

const APPLICATIONS = 3;
/** A condition that does not come is not waited for longer: the fault happens then all the same. */
const MOMENT_LIMIT_MS = 1_500;
/** After the last step, for faults that still go on. */
const LAST_FAULTS_LIMIT_MS = 5_000;
const POLL_MS = 20;
const MOST_VIOLATIONS = 30;
/** Marks of one application in one schedule. */
const MARKS = 1n << 28n;

export interface ScheduleResult {
  readonly seed: number;
  readonly steps: number;
  /** What must not be; empty when all held. */
  readonly violations: readonly string[];
  readonly seconds: number;
  /** Transactions whose commit was answered. */
  readonly acknowledged: number;
  readonly events: number;
  /** Invariants looked at while faults happened. */
  readonly checked: number;
  /** What happened, one line each. */
  readonly journal: readonly string[];
}

export interface RunPorts {
  /** One that has settled. */
  readonly tree: FaultTree;
  /** What its nodes consisted of when it was set up. */
  readonly baseline: NodeTraces;
  /** Another one for each schedule on the same tree. */
  readonly turn: number;
  /** Ends the programs afterwards, and looks at what they leave. */
  readonly endsPrograms: boolean;
  readonly onViolation: (text: string) => void;
}

/**
 * Runs a schedule: an application writes, faults happen, all invariants are looked at on every node all the time; then everything
 * that must hold at the end. Never throws for what it is looking for: that is in `violations`.
 */
export async function runSchedule(
  { tree, baseline, turn, endsPrograms, onViolation }: RunPorts,
  schedule: Schedule,
): Promise<ScheduleResult> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const violations = new Set<string>();
  const journal: string[] = [];
  const note = (text: string) => void journal.push(`${seconds().toFixed(2)} ${text}`);
  const violate = (text: string) => {
    if (violations.size >= MOST_VIOLATIONS || violations.has(text)) return;
    violations.add(text);
    note(`VIOLATION ${text}`);
    onViolation(text);
  };
  const firstEvent = await lastEventId(tree);
  await tree.node('root').query(WORKLOAD_RESET);
  await tree.locateByLinks();
  for (const [name, program] of tree.programs) {
    program.onEnd = (end) => {
      if (!end.wasAsked) note(`${name} ${describeEnd(end)}`);
      if (!mayEndSo(end)) violate(`${name} ${describeEnd(end)}`);
    };
  }
  tree.startPrograms();
  const applications = Array.from({ length: APPLICATIONS }, (_, no) => {
    const firstMark = BigInt(turn * APPLICATIONS + no + 1) * MARKS;
    const root = async () => tree.node(await tree.openRoot());
    return new Application(root, schedule.seed * 10 + no, firstMark);
  });
  const acknowledged = () => applications.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  const watcher = new Watcher(tree, violate);
  const ending = new AbortController();
  const restarts = new Map<NodeName, Promise<void>>();
  const oneAtATime = (node: NodeName, work: () => Promise<void>) => {
    const done = (restarts.get(node) ?? Promise.resolve()).then(work);
    // Its failure is told to whoever waits for this one.
    restarts.set(
      node,
      done.catch(() => undefined),
    );
    return done;
  };
  const rolesChange = () => {
    watcher.sequencesMayGoBack = true;
  };
  const faults: Promise<void>[] = [];
  for (const step of schedule.steps) {
    await until(tree, step.when, acknowledged);
    note(describeStep(step));
    faults.push(inject({ tree, note, violate, oneAtATime, rolesChange, signal: ending.signal }, step.fault));
  }
  await until(tree, { kind: 'transactions', count: 30 }, acknowledged);
  await Promise.race([Promise.all(faults), sleep(LAST_FAULTS_LIMIT_MS)]);
  ending.abort();
  await Promise.all(applications.map((application) => application.stop()));
  for (const link of tree.links.values()) link.become({ kind: 'open' });
  await Promise.all(faults);
  note('no more faults');
  try {
    await settle(tree, () => violations.size > 0);
    note('settled');
    await watcher.stop();
    const marks = applications.flatMap((one) => one.acknowledged);
    const compared = REPLICAS[turn % REPLICAS.length] as Replica;
    for (const text of await judgeRows(tree, marks, compared)) violate(text);
    for (const text of await judgeTraces(tree, baseline)) violate(text);
  } catch (error) {
    violate(error instanceof Error ? error.message : String(error));
  } finally {
    await watcher.stop();
  }
  note('judged');
  if (endsPrograms || violations.size > 0) for (const text of await judgeEnd(tree)) violate(text);
  for (const [refusal, count] of applications.flatMap(({ refusals }) => [...refusals])) {
    note(`an application was refused ${count} times: ${refusal}`);
    if (!mayBeRefusedSo(refusal)) violate(`an application's write failed: ${refusal}`);
  }
  note(`looks: ${[...watcher.looks].map(([node, count]) => `${node} ${count}`).join(', ')}`);
  return {
    seed: schedule.seed,
    steps: schedule.steps.length,
    violations: [...violations],
    seconds: seconds(),
    acknowledged: acknowledged(),
    events: Number((await lastEventId(tree)) - firstEvent),
    checked: watcher.checked,
    journal,
  };
}

/** Waits for the moment, or until its time is over. */
async function until(tree: FaultTree, when: Moment, acknowledged: () => number): Promise<void> {
  const deadline = performance.now() + MOMENT_LIMIT_MS;
  const before = acknowledged();
  const isThere = async (): Promise<boolean> => {
    switch (when.kind) {
      case 'now':
        return true;
      case 'transactions':
        return acknowledged() - before >= when.count;
      case 'in-batch':
        return asks(
          tree,
          when.node,
          `select from pg_stat_activity where application_name like 'pgcascade/worker/%' and backend_xid is not null`,
        );
      case 'copying':
        return asks(tree, when.node, "select from londiste.table_info where local and merge_state <> 'ok'");
    }
  };
  while (!(await isThere()) && performance.now() < deadline) await sleep(POLL_MS);
}

async function asks(tree: FaultTree, node: NodeName, query: string): Promise<boolean> {
  // A node that is away is in no such state.
  return tree
    .node(node)
    .query(query)
    .then(
      (rows) => rows.length > 0,
      () => false,
    );
}

async function lastEventId(tree: FaultTree): Promise<bigint> {
  const root = tree.node('root');
  const [queue] = await root.query<{ sequence: string }>(
    'select queue_event_seq as sequence from pgq.queue where queue_name = $1',
    [tree.queue],
  );
  const [row] = await root.query<{ id: bigint }>(`select last_value as id from ${queue?.sequence}`);
  return row?.id ?? 0n;
}
